"""What a run shows while it goes on, from recorded events."""

import io

import pytest
from rich.console import Console

from metatextgrad.display import NOTICE, Lines, Screen, Silent, Watched, display, line_of, picture
from metatextgrad.execution import Stop
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import Event
from metatextgrad.runtime.meter import Level, Usage

EVENTS = [
    Event(type="evaluating", path="tgd/0", done=60, of=100),
    Event(type="step", path="tgd/0", stage="initial", score=0.46, best=0.46, outcome="accepted"),
    Event(type="step", path="adas-tg/0", stage="initial", score=0.46, best=0.46, outcome="accepted"),
    Event(type="step", path="tgd/0", step=1, stage="textual_gradient", score=0.4, best=0.46, outcome="rejected"),
    Event(type="evaluating", path="adas-tg/0", step=1, done=30, of=100),
    Event(type="step", level="optimizer", path="tgd/0", stage="tgd", score=0.46, best=0.46, outcome="accepted"),
    Event(type="proposal", level="optimizer", path="tgd", step=1, stage="meta_prompt_rewrite"),
]
USAGE: dict[Level, Usage] = {"program": Usage(calls=1234, input_tokens=5000, output_tokens=678), "meta": Usage(calls=1)}


def _watched(*more: Event) -> Watched:
    watched = Watched()
    for event in (*EVENTS, *more):
        watched.see(event)
    return watched


def _drawn(width: int, watched: Watched | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(picture(watched or _watched(), ["metaTextGrad  bbh/word_sorting", NOTICE], Context(), USAGE, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_lineages_side_by_side_are_kept_apart() -> None:
    watched = _watched()
    tgd, adas = watched.strands["tgd"], watched.strands["adas-tg"]
    assert (tgd.meta_step, tgd.record, tgd.doing) == (1, 0.46, "meta_prompt_rewrite")
    assert (adas.step, adas.best, adas.done, adas.of) == (1, 0.46, 30, 100)


def test_a_new_inner_loop_starts_from_nothing() -> None:
    tgd = _watched().strands["tgd"]
    assert (tgd.step, tgd.best, tgd.latest) == (0, None, None)


def test_the_last_rejection_is_kept_with_its_reason() -> None:
    assert _watched().rejection == "tgd/0 step 1: textual_gradient: 0.400 is not above 0.460"
    cut = Event(type="rejection", path="adas-tg/0", step=2, stage="structure", reason="the reply was cut off")
    assert _watched(cut).rejection == "adas-tg/0 step 2: structure: the reply was cut off"


@pytest.mark.parametrize("width", [120, 80, 40, 20])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(line) for line in _drawn(width)) <= width


def test_a_wide_terminal_shows_everything() -> None:
    drawn = "\n".join(_drawn(80))
    for expected in ("tgd", "adas-tg", "1/6", "0.460", "evaluating", "30/100", "1,234 calls", "5,678 tokens", NOTICE):
        assert expected in drawn
    assert "last rejection: tgd/0 step 1" in drawn


def test_a_narrow_terminal_keeps_what_matters() -> None:
    drawn = "\n".join(_drawn(40))
    for expected in ("tgd", "adas-tg", "1/6", "0.460", "30/100", "1,234 calls"):
        assert expected in drawn


def test_a_step_is_one_line_and_most_events_none() -> None:
    lines = [line for line in map(line_of, EVENTS) if line]
    assert len(lines) == 4
    assert lines[2] == "tgd/0 step 1: textual_gradient 0.400, rejected, best 0.460"
    assert lines[3] == "tgd, meta step 0: tgd 0.460, accepted, best 0.460"
    assert (
        line_of(Event(type="test", stage="metaTextGrad", score=0.5, done=100))
        == "test metaTextGrad: 0.500 on 100 examples"
    )


def test_an_invalid_step_says_why() -> None:
    event = Event(type="step", path="tgd/0", step=2, stage="structure", outcome="invalid", best=0.5, reason="not JSON")
    assert line_of(event) == "tgd/0 step 2: structure no score, invalid, best 0.500 (not JSON)"


def test_the_console_decides_how_a_run_is_shown() -> None:
    pipe, terminal = Console(file=io.StringIO()), Console(file=io.StringIO(), force_terminal=True)
    assert type(display(pipe, Stop(), "t", quiet=True)) is Silent
    assert type(display(pipe, Stop(), "t", quiet=False)) is Lines
    assert type(display(terminal, Stop(), "t", quiet=False)) is Screen


def test_the_screen_is_clean_after_a_run_and_after_an_error() -> None:
    for error in (None, KeyboardInterrupt()):
        console = Console(file=io.StringIO(), force_terminal=True, width=60)
        shown = display(console, Stop(), "title", quiet=False)
        try:
            with shown:
                shown.see(EVENTS[0])
                shown.stopping()
                if error:
                    raise error
        except KeyboardInterrupt:
            pass
        assert isinstance(console.file, io.StringIO)
        written = console.file.getvalue()
        assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")  # the cursor is back
        assert "Stopping: calls in flight finish and are kept" in written
        assert written.rstrip().endswith("\x1b[2K")  # and the last line is erased
