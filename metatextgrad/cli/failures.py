"""Say what went wrong: one message on stderr, the command that resumes, the exit code; with --json a document too."""

import json
import os
import shlex
import sys

import typer

from metatextgrad.cli.options import DEFAULT_WORKSPACE
from metatextgrad.core.errors import ApprovalNeededError, InputError, InterruptError, MetaTextGradError

USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""click's UsageError, of which newer typers bring their own copy."""
UNEXPECTED = 1


class KeptError(Exception):
    """Carry an error out of a run that has begun and is kept, with the command that goes on with it."""

    def __init__(self, error: MetaTextGradError, resume: str, run: str = "") -> None:
        super().__init__(str(error))
        self.error, self.resume, self.run = error, resume, run


def resume_command(run: str, workspace: str) -> str:
    """Return the command that goes on with a run."""
    place = [] if workspace == DEFAULT_WORKSPACE else ["--workspace", workspace]
    return shlex.join(["metatextgrad", "resume", run, *place])


def report(error: Exception, *, as_json: bool) -> int:
    """Write an error down and return the exit code."""
    if isinstance(error, KeptError) and isinstance(error.error, ApprovalNeededError):
        return _waiting(error.error, error.resume, as_json=as_json)
    if isinstance(error, KeptError):
        return _written(str(error), error.error.exit_code, error.resume, as_json=as_json)
    if isinstance(error, MetaTextGradError):
        return _written(str(error), error.exit_code, None, as_json=as_json)
    if isinstance(error, USAGE_ERROR):
        return _written(_usage(error), InputError.exit_code, None, as_json=as_json)
    msg = f"unexpected {type(error).__name__}: {error} (METATEXTGRAD_DEBUG=1 shows where)"
    return _written(msg, UNEXPECTED, None, as_json=as_json)


def interrupted(*, as_json: bool) -> int:
    """Report a signal that came before or after a run was attended to."""
    return report(InterruptError("Interrupted."), as_json=as_json)


def debugging() -> bool:
    """Tell whether tracebacks are wanted."""
    return bool(os.environ.get("METATEXTGRAD_DEBUG"))


def _usage(error: Exception) -> str:
    message: str = getattr(error, "format_message", lambda: str(error))()
    message = message.replace("Value error, ", "").rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{message}. See: {context.command_path} --help" if context else f"{message}."


def _waiting(error: ApprovalNeededError, resume: str, *, as_json: bool) -> int:
    """Show what waits for a person, and how to answer."""
    from metatextgrad.wording import harmless

    answer = f"{resume} --approve-with"
    if as_json:
        document: dict[str, object] = {"error": str(error), "exit_code": error.exit_code, "resume": answer}
        document["approvals"] = [approval.model_dump(mode="json") for approval in error.approvals]
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    typer.echo(harmless(f"waiting: {error}\n\n{error.approvals[0].diff}\n"), err=True)
    typer.echo(f"The run is kept. Answer with: {answer} approve, or reject", err=True)
    typer.echo(
        f"Or with an edited one: {answer} edit --file FILE; --json shows what to edit as approvals[0].value", err=True
    )
    sys.stdout.flush()
    return error.exit_code


def _written(message: str, code: int, resume: str | None, *, as_json: bool) -> int:
    from metatextgrad.wording import harmless

    if as_json:
        typer.echo(json.dumps({"error": message, "exit_code": code, "resume": resume}, ensure_ascii=False, indent=2))
    typer.echo(harmless(f"error: {message}"), err=True)
    if resume:
        typer.echo(f"The run is kept. Go on with: {resume}", err=True)
    sys.stdout.flush()
    return code
