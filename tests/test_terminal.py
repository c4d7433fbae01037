"""The display on a real pseudo-terminal: it fits, survives another size, and leaves a clean screen."""

import json
import re
from functools import partial
from pathlib import Path

import pytest

from tests.command_line import call
from tests.terminal import Terminal

RUN = ("run", "bbh/word_sorting", "--run", "words", "--workspace", "w")
LONG = ("--steps", "60")
"""A run that no test waits for."""


@pytest.mark.parametrize(("width", "height"), [(100, 30), (40, 10)])
def test_ctrl_c_leaves_the_resume_command_on_a_clean_screen(tmp_path: Path, width: int, height: int) -> None:
    with Terminal(*RUN, *LONG, cwd=tmp_path, width=width, height=height) as terminal:
        shown = terminal.until(partial(re.search, r"(?s)improving.* best \d.*adas-tg"))
        assert not terminal.picture.cursor
        assert "SIMULATED MODELS" in shown
        terminal.type("\x03")
        left = terminal.ended()
        assert terminal.picture.cursor
        assert terminal.process.returncode == 130
    said = "".join(left.split())  # a narrow terminal wraps inside words
    assert said.startswith("sofar:best") and "onsimulatedmodels" in said
    assert said.endswith("Theruniskept.Goonwith:metatextgradresumewords--workspacew")
    assert "improving" not in left and "lineage" not in left


def test_another_size_leaves_nothing_of_the_one_before(tmp_path: Path) -> None:
    with Terminal(*RUN, *LONG, cwd=tmp_path, width=110, height=30) as terminal:
        terminal.until(partial(re.search, r"improving.* best \d"))
        for width, height in ((80, 24), (40, 10), (120, 40)):
            terminal.resize(width, height)
            shown = terminal.until(partial(re.fullmatch, _frame(width), flags=re.DOTALL))
            assert len(shown.splitlines()) < height
        terminal.type("\x03")
        assert terminal.ended().startswith("so far: best")


def _frame(width: int) -> str:
    """Match a screen that holds one frame of this width and nothing else."""
    title = r"metaTextGrad  bbh/word_sorting(  run words)?"
    first = title + (r"\n" if width < 60 else r" +")
    return rf"{first}\d:\d\d, (?!.*metaTextGrad).*best .*"


def test_a_run_that_ends_leaves_its_result_alone(tmp_path: Path) -> None:
    small = ("--steps", "1", "--meta-prompt-steps", "1", "--meta-structure-steps", "1")
    with Terminal(*RUN, *small, cwd=tmp_path, width=100, height=200) as terminal:
        left = terminal.ended()
    assert left.startswith("SIMULATED MODELS") and "learned optimizer" in left
    assert "improving" not in left


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(tmp_path: Path) -> None:
    small = ("optimize", "bbh/word_sorting", "--steps", "1", "--workspace", "w")
    with Terminal(*small, cwd=tmp_path, width=100, height=200, TERM="dumb") as terminal:
        left = terminal.ended()
    assert "tgd step 1: textual_gradient" in left and "testing zero-shot: 100/100" in left


def test_progress_of_json_is_an_event_a_line(tmp_path: Path) -> None:
    done = call("optimize", "bbh/word_sorting", "--steps", "1", "--json", cwd=tmp_path)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [events[0]["outcome"], events[-1]["outcome"]] == ["started", "done"]
    assert all(event["simulated"] for event in events)
    assert json.loads(done.stdout)["simulated"] is True
    assert call("optimize", "bbh/word_sorting", "--steps", "1", "--json", "--quiet", cwd=tmp_path).stderr == ""
