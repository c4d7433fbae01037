"""A person approves at the terminal: the diff, and approve, edit or reject. Elsewhere the run waits."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rich.console import Console
from rich.prompt import Prompt
from rich.text import Text

from metatextgrad.cli.failures import KeptError
from metatextgrad.cli.output import err
from metatextgrad.cli.running import Manner, Work, attend, interruptible
from metatextgrad.core.approval import Approval, Decision, decision_of
from metatextgrad.core.errors import ApprovalNeededError, InputError, InterruptError
from metatextgrad.stages.edits import edited

if TYPE_CHECKING:
    from metatextgrad.result import Result

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def attend_and_ask(work: "Work[Result]", manner: Manner, workspace: str) -> "Result":
    """Attend to a run; wherever it waits for a person and there is one, ask and go on.

    The run has stopped while somebody thinks: nothing is held, and Ctrl-C leaves it waiting.
    """
    while True:
        try:
            return attend(work, manner)
        except KeptError as kept:
            if not isinstance(kept.error, ApprovalNeededError) or manner.as_json or not _somebody_is_there():
                raise
            work = _answered(kept.run, _asked(kept, kept.error.approvals), workspace)


def decision_from(word: str | None, reason: str, file: Path | None) -> Decision | None:
    """Put a decision together from options.

    Raises:
        InputError: they do not go together, or the file cannot be read.
    """
    if word is None:
        if reason or file:
            raise InputError("--reason and --file belong to --approve-with; say approve, reject or edit.")
        return None
    return decision_of({"decision": word, "reason": reason, "value": _read(file) if file else None})


def _read(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The file {str(file)!r} cannot be read as JSON: {error}") from error


def _answered(run: str, decision: Decision, workspace: str) -> "Work[Result]":
    from metatextgrad.api import aresume

    return lambda on_event, stop: aresume(run, decision=decision, workspace=workspace, on_event=on_event, stop=stop)


def _somebody_is_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(kept: KeptError, approvals: tuple[Approval, ...]) -> Decision:
    console, approval = err(), approvals[0]
    console.print(f"\n{kept}", style="bold")
    for line in approval.diff.splitlines():
        console.print(Text(line, style=_STYLES.get(line[:1], "")))
    try:
        with interruptible():
            return _answer(console, approval)
    except (KeyboardInterrupt, EOFError):
        raise KeptError(InterruptError("Nobody answered."), kept.resume, kept.run) from None


def _answer(console: Console, approval: Approval) -> Decision:
    while True:
        try:
            return _said(console, approval)
        except InputError as error:
            console.print(str(error), style="yellow", markup=False)


def _said(console: Console, approval: Approval) -> Decision:
    word = Prompt.ask("approve, edit or reject", console=console, choices=["approve", "edit", "reject"])
    value = _edited(approval) if word == "edit" else None
    reason = Prompt.ask("why (may stay empty)", console=console, default="", show_default=False)
    decision = decision_of({"decision": word, "reason": reason, "value": value})
    edited(approval, decision)
    return decision


def _edited(approval: Approval) -> object:
    """Open the candidate in the person's editor."""
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{approval.level}.json"
        file.write_text(json.dumps(approval.value, ensure_ascii=False, indent=2), encoding="utf-8")
        try:
            subprocess.run([*editor, str(file)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise InputError(f"The editor failed, so nothing was edited ({error}); set EDITOR.") from error
        return _read(file)
