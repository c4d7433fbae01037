"""A person approves from the command line: on a terminal they are asked, elsewhere the run waits for `resume`."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path
from select import select
from typing import Any

import pytest

from metatextgrad.cli import main
from tests.command_line import SMALL, call, described, environment, settle

RUN = ("run", "bbh/word_sorting", *SMALL, "--run", "same", "--approve", "optimizers")
STYLES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a run that waits, and what the run said; nobody is at its terminal."""
    folder = tmp_path_factory.mktemp("kept")
    done = call(*RUN, cwd=folder)
    assert done.returncode == 5, done.stderr
    return folder, done.stderr


@pytest.fixture
def waiting(kept: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same run to go on with; returns what it said."""
    shutil.copytree(kept[0], tmp_path, dirs_exist_ok=True)
    settle(tmp_path, monkeypatch)
    return kept[1]


def answered_until_done(capsys: pytest.CaptureFixture[str], *answer: str) -> list[int]:
    """Give the same answer until the run has ended."""
    codes = []
    while not codes or codes[-1] == 5:
        codes.append(main(["resume", "same", "--approve-with", *answer]))
    capsys.readouterr()
    return codes


def test_a_run_that_waits_shows_the_difference_and_how_to_answer(
    waiting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "waits for a person" in waiting
    assert "\n--- " in waiting and "\n+++ " in waiting
    assert "The run is kept. Answer with: metatextgrad resume same --approve-with approve, or reject" in waiting
    shown = described(capsys, "show", "same")
    assert (shown["status"], shown["resume"]) == ("waiting", "metatextgrad resume same")


def test_approving_every_candidate_gives_the_result_of_a_run_that_asks_nobody(
    waiting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answered_until_done(capsys, "approve", "--reason", "fine")[-1] == 0
    alone = described(capsys, *RUN, "--approve", "none", "--workspace", str(tmp_path / "alone"))
    assert described(capsys, "resume", "same") == alone


def test_rejecting_every_candidate_keeps_the_given_optimizers(waiting: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert answered_until_done(capsys, "reject", "--reason", "too long")[-1] == 0
    shown = described(capsys, "show", "same")
    tried = [item for loop in shown["loops"] for turn in loop["turns"] for item in turn["candidates"]]
    assert "rejected by a person: too long" in {item["reason"] for item in tried}
    assert shown["optimizer"]["name"] in ("tgd", "adas-tg")


def test_json_has_what_to_edit_and_an_edited_file_goes_on(
    waiting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", "same", "--json"]) == 5
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 5
    assert document["resume"] == "metatextgrad resume same --approve-with"
    value = document["approvals"][0]["value"]
    value["name"] = "mine"
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(value), encoding="utf-8")
    assert main(["resume", "same", "--approve-with", "edit", "--file", str(edited)]) in (0, 5)
    capsys.readouterr()
    answered_until_done(capsys, "approve")
    shown = described(capsys, "show", "same")
    tried = [item for loop in shown["loops"] for turn in loop["turns"] for item in turn["candidates"]]
    (mine,) = [item for item in tried if item["stage"] == "mine" and item["reason"]]
    assert mine["reason"].startswith("edited by a person, from ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--approve-with", "perhaps"), "is no decision: decision: Input should be 'approve', 'edit' or 'reject'"),
        (("--approve-with", "edit"), "an edit needs `value`"),
        (("--approve-with", "edit", "--file", "nowhere.json"), "The file 'nowhere.json' cannot be read as JSON"),
        (("--reason", "r"), "--reason and --file belong to --approve-with"),
    ],
)
def test_an_answer_that_is_none_is_bad_input_and_the_run_still_waits(
    options: tuple[str, ...], message: str, waiting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", "same", *options]) == 2
    assert message in capsys.readouterr().err
    assert described(capsys, "show", "same")["status"] == "waiting"


def on_a_terminal(said: str, cwd: Path, **env: str) -> tuple[int, str]:
    """Run on a terminal, say this to the first question and `approve` to all others, and return what was shown."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "metatextgrad.cli", *RUN]
    with subprocess.Popen(
        command, cwd=cwd, env=environment(**env), stdin=theirs, stderr=theirs, stdout=theirs
    ) as process:
        os.close(theirs)
        shown, answers = "", iter([said])
        while True:
            assert select([ours], [], [], 60)[0], shown
            try:
                shown += os.read(ours, 65536).decode(errors="replace")
            except OSError:  # how a terminal says that nobody is at its other end any more
                break
            if STYLES.sub("", shown).endswith("[approve/edit/reject]: "):
                os.write(ours, f"{next(answers, 'approve')}\n".encode())
            elif STYLES.sub("", shown).endswith("(may stay empty): "):
                os.write(ours, b"as I see it\n")
    os.close(ours)
    return process.returncode, STYLES.sub("", shown)


def test_somebody_at_a_terminal_is_asked_edits_in_their_editor_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = on_a_terminal("edit", tmp_path, EDITOR="""sed -i 's/"purpose": "/"purpose": "Mine: /'""")
    assert code == 0, shown
    assert "waits for a person" in shown and "learned optimizer" in shown
    settle(tmp_path, monkeypatch)
    turns = json.dumps(described(capsys, "show", "same")["loops"])
    assert "edited by a person, from " in turns and ": as I see it" in turns


def test_somebody_who_leaves_the_terminal_leaves_the_run_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = on_a_terminal("\x04", tmp_path)  # the end of the input
    assert (code, "Go on with: metatextgrad resume same" in shown) == (130, True), shown
    settle(tmp_path, monkeypatch)
    assert described(capsys, "show", "same")["status"] == "waiting"
