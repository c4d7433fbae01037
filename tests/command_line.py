"""Call the command line: in a process of its own, as a user does, or in this one, which is quicker."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from metatextgrad.cli import main

SMALL = ("--steps", "2", "--meta-prompt-steps", "1", "--meta-structure-steps", "1")
_COMMAND = (sys.executable, "-W", "error", "-m", "metatextgrad.cli")


def environment(**more: str) -> dict[str, str]:
    """Return the environment without settings of ours, so that a developer's own do not decide a test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("METATEXTGRAD_")}
    return {**kept, "COLUMNS": "100", **more}


def call(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [*_COMMAND, *arguments],
        cwd=cwd,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def document(*arguments: str, cwd: Path) -> dict[str, Any]:
    """Run a command with --json that succeeds, and return its document."""
    done = call(*arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def settle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands that are called in this process work in a folder, without settings of the developer's own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "100")
    for name in list(os.environ):
        if name.startswith(("METATEXTGRAD_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # the handlers of the test run stay


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Call a command in this process that succeeds without progress, and return what it printed."""
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def described(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Call a command in this process with --json and return its document."""
    parsed: dict[str, Any] = json.loads(printed(capsys, *arguments, "--json"))
    return parsed


def stopped_at(
    line: str, number: signal.Signals, *arguments: str, cwd: Path, times: int = 1
) -> "subprocess.CompletedProcess[str]":
    """Start a command, send it a signal once its progress has this text, and wait for its end."""
    with subprocess.Popen(
        [*_COMMAND, *arguments],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        seen = []
        for written in process.stderr:
            seen.append(written)
            if line in written:
                break
        else:
            raise AssertionError(f"{line!r} was never shown: {''.join(seen)}")
        for _ in range(times):
            process.send_signal(number)
        out, rest = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, "".join(seen) + rest)
