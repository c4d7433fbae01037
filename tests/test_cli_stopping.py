"""A run that is stopped, killed, out of budget or without its provider is kept, says how to go on, and goes on."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from metatextgrad.cli import main
from tests.command_line import SMALL, call, described, document, environment, settle, stopped_at

RUN = ("run", "bbh/dyck_languages", *SMALL, "--run", "same")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of the run when nothing stops it."""
    return document(*RUN, cwd=tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (signal.SIGINT, "adas-tg/0 step 2"),
        (signal.SIGTERM, "merge/1 step 1"),
        (signal.SIGKILL, "tgd/0 step 0"),
        (signal.SIGKILL, "meta step 1"),
        (signal.SIGKILL, "merge/1 step 1"),
        (signal.SIGKILL, "test zero-shot"),
    ],
)
def test_a_stopped_run_goes_on_to_the_result_of_one_that_was_not(
    number: signal.Signals,
    line: str,
    whole: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped = stopped_at(line, number, *RUN, cwd=tmp_path)
    settle(tmp_path, monkeypatch)
    status = described(capsys, "show", "same")["status"]
    if number is signal.SIGKILL:
        assert (stopped.returncode, status) == (-signal.SIGKILL, "killed")
    else:
        assert (stopped.returncode, status) == (130, "interrupted"), stopped.stderr
        assert stopped.stderr.endswith("Go on with: metatextgrad resume same\n")
    assert described(capsys, "resume", "same") == whole


def test_a_run_that_has_ended_gives_its_result_again(
    whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(tmp_path, monkeypatch)
    assert described(capsys, *RUN) == whole
    assert described(capsys, "resume", "same") == whole


def test_a_stopped_run_with_json_is_one_document_with_the_command_that_resumes(tmp_path: Path) -> None:
    place = ("--workspace", "my runs")
    stopped = stopped_at('"type": "step"', signal.SIGINT, *RUN, *place, "--json", cwd=tmp_path)
    assert json.loads(stopped.stdout) == {
        "error": "The run was interrupted.",
        "exit_code": 130,
        "resume": "metatextgrad resume same --workspace 'my runs'",
    }


def test_a_second_signal_ends_a_run_at_once_and_the_run_is_kept(tmp_path: Path) -> None:
    stopped = stopped_at("adas-tg/0 step 1", signal.SIGINT, *RUN, cwd=tmp_path, times=2)
    assert stopped.returncode == 130
    assert "metatextgrad resume same" in stopped.stderr
    assert document("resume", "same", cwd=tmp_path)["run"] == "same"


SIGNALLED = """
import os, signal, sys, types, weakref
from metatextgrad.cli import main

app = types.ModuleType("metatextgrad.cli.app")
sys.modules[app.__name__] = app
ask = f"import os; os.kill(os.getpid(), {sys.argv[1]})"
signal.signal(signal.SIGINT, {"heeds": signal.default_int_handler, "ignores": signal.SIG_IGN}[sys.argv.pop(2)])

def carry_out(given):
    if sys.argv[2] == "text":
        exec(ask)
    held = app.carry_out = lambda: None
    noticed = weakref.ref(held, lambda _: exec(ask))
    del held, app.carry_out
    return 0

app.carry_out = carry_out
sys.exit(main())
"""


def signalled(number: signal.Signals, place: str, *more: str, parent: str = "heeds") -> tuple[int, str, str]:
    """Send a command a signal from within; return its exit code and what it wrote."""
    given = [str(int(number)), parent, place, *more]
    done = subprocess.run([sys.executable, "-c", SIGNALLED, *given], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("place", ["text", "callback"])
def test_a_signal_ends_a_command_wherever_in_its_imports_it_comes(number: signal.Signals, place: str) -> None:
    assert signalled(number, place) == (130, "", "error: Interrupted.\n")
    code, out, err = signalled(number, place, "--json")
    assert (code, err) == (130, "error: Interrupted.\n")
    assert json.loads(out) == {"error": "Interrupted.", "exit_code": 130, "resume": None}


def test_a_command_that_is_to_ignore_ctrl_c_goes_on() -> None:
    assert signalled(signal.SIGINT, "text", parent="ignores") == (0, "", "")
    assert signalled(signal.SIGTERM, "text", parent="ignores")[0] == 130


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGINT, 0.3), (signal.SIGTERM, 0.6), (signal.SIGTERM, 0.9)])
def test_a_signal_before_the_run_begins_leaves_no_traceback(
    number: signal.Signals, seconds: float, tmp_path: Path
) -> None:
    command = ["-m", "metatextgrad.cli", *RUN]
    with subprocess.Popen(
        [sys.executable, *command], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE
    ) as process:
        time.sleep(seconds)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode in (130, -number)  # the latter while Python itself still starts
    assert b"Traceback" not in err or process.returncode == -number


def test_an_evaluation_that_was_stopped_names_the_command_that_goes_on(tmp_path: Path) -> None:
    given = ("evaluate", "bbh/dyck_languages", "--max-calls", "5", "--concurrency", "1")
    done = call(*given, cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.endswith(f"Go on with: metatextgrad {' '.join(given)}\n")


def test_a_run_at_its_cap_goes_on_with_a_larger_one(
    whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(tmp_path, monkeypatch)
    assert main([*RUN, "--max-calls", "150"]) == 3
    err = capsys.readouterr().err
    assert "The cap of 150 calls is reached" in err and err.endswith("metatextgrad resume same\n")
    assert described(capsys, "show", "same")["status"] == "budget"
    assert main(["resume", "same", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["resume"] == "metatextgrad resume same"
    assert described(capsys, "resume", "same", "--max-calls", "none") == whole


def test_a_provider_that_cannot_be_reached_is_exit_code_4_and_resumable(tmp_path: Path) -> None:
    given = ("optimize", "bbh/word_sorting", "--program-model", "openai:m", "--retries", "0", "--run", "far")
    nowhere = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "none"}
    done = call(*given, cwd=tmp_path, env=nowhere)
    assert done.returncode == 4, done.stderr
    assert done.stderr.endswith("Go on with: metatextgrad resume far\n")
    assert document("show", "far", cwd=tmp_path)["status"] == "provider"


HOLDING = """
import asyncio, sys
from metatextgrad.runtime.workspace import open_workspace

async def hold():
    async with open_workspace() as opened, opened.hold("same"):
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(hold())
"""


def test_a_second_process_on_one_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_at("tgd/0 step 0", signal.SIGINT, *RUN, cwd=tmp_path)
    settle(tmp_path, monkeypatch)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDING], env=environment(), text=True, **pipes) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        code, refusal = main(["resume", "same"]), capsys.readouterr().err
        listed = described(capsys, "runs")["runs"]
        process.communicate("let go\n", timeout=60)
    assert (code, process.returncode) == (2, 0)
    assert refusal == "error: Run 'same' is at work in another process; wait for it, or stop it first.\n"
    assert [run["status"] for run in listed] == ["interrupted"]
