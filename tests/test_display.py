"""What a run shows while it goes on, from recorded events."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from metatextgrad.cli.output import Plain
from metatextgrad.display import Heading, Lines, Screen, Silent, Written, display, line_of
from metatextgrad.execution import Stop
from metatextgrad.picture import Standing, picture, score, sparkline
from metatextgrad.runtime.budget import Budget
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import TEST, Event
from metatextgrad.runtime.meter import Meter, Usage
from metatextgrad.watching import Watched
from metatextgrad.wording import NOTICE

EVENTS = [
    Event(type="evaluating", path="tgd/0", done=60, of=100),
    Event(type="step", path="tgd/0", stage="initial", score=0.46, best=0.46, outcome="accepted"),
    Event(type="step", path="adas-tg/0", stage="initial", score=0.46, best=0.46, outcome="accepted"),
    Event(type="step", path="tgd/0", step=1, stage="textual_gradient", score=0.4, best=0.46, outcome="rejected"),
    Event(type="evaluating", path="adas-tg/0", step=1, done=30, of=100),
    Event(type="step", level="optimizer", path="tgd/0", stage="tgd", score=0.46, best=0.46, outcome="accepted"),
    Event(type="proposal", level="optimizer", path="tgd", step=1, stage="meta_prompt_rewrite"),
]
USAGE = {
    "program": Usage(calls=1234, input_tokens=5000, output_tokens=678, usd=1.5),
    "meta": Usage(calls=1, unpriced=1),
}
MERGING = Event(type="evaluating", path="merge/1", step=2, done=10, of=100)
TESTING = Event(type="evaluating", path=TEST, stage="zero-shot", done=40, of=100)


def _watched(*more: Event, events: list[Event] = EVENTS) -> Watched:
    watched = Watched()
    for event in (*events, *more):
        watched.see(event)
    return watched


def _standing(watched: Watched | None = None) -> Standing:
    meter = Meter()
    meter.levels.update(USAGE)  # type: ignore[arg-type]  # the levels by name
    return Standing(
        watched=watched or _watched(),
        title="metaTextGrad  bbh/word_sorting",
        run="run words-1",
        time="0:42, about 3 min left",
        simulated=True,
        meter=meter,
        budget=Budget(calls=2000, usd=3.0),
        examples=100,
    )


def _drawn(width: int, height: int = 30, now: Standing | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(picture(now or _standing(), width, height))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_lineages_side_by_side_are_kept_apart() -> None:
    watched = _watched()
    tgd, adas = watched.strands["tgd"], watched.strands["adas-tg"]
    assert (tgd.meta_step, tgd.best, tgd.doing) == (1, 0.46, "meta_prompt_rewrite: proposed")
    assert (adas.step, adas.incumbent, adas.done, adas.of) == (1, 0.46, 30, 100)
    assert tgd.tried == [0.46, 0.4]


def test_a_new_inner_loop_starts_from_nothing_and_the_best_stays() -> None:
    tgd = _watched().strands["tgd"]
    assert (tgd.step, tgd.incumbent, tgd.best) == (0, None, 0.46)


def test_the_last_rejection_is_kept_with_its_reason() -> None:
    assert _watched().rejection == "tgd/0 step 1: textual_gradient: 0.400 is not above 0.460"
    cut = Event(type="rejection", path="adas-tg/0", step=2, stage="structure", reason="the reply was cut off")
    assert _watched(cut).rejection == "adas-tg/0 step 2: structure: the reply was cut off"
    said = {"path": "tgd/1", "step": 2, "stage": "s", "score": 0.5, "best": 0.46, "outcome": "reject"}
    person = Event.model_validate({"type": "approval", "reason": "too long", **said})
    assert _watched(person).rejection == "tgd/1 step 2: s: 0.500 beside 0.460; too long"


def test_the_phase_of_the_method_is_named() -> None:
    assert "1 of 3: improving each optimizer" in "\n".join(_drawn(100))
    assert "2 of 3: merging the optimizers" in "\n".join(_drawn(100, now=_standing(_watched(MERGING))))
    assert "3 of 3: final look at the test set" in "\n".join(_drawn(100, now=_standing(_watched(MERGING, TESTING))))
    alone = [Event(type="step", path="tgd", stage="initial", score=0.46, best=0.46, outcome="accepted")]
    drawn = "\n".join(_drawn(100, now=_standing(_watched(events=alone))))
    assert (
        "1 of 2: improving the program" in drawn and "meta" not in drawn.replace("metaTextGrad", "").split("level")[0]
    )


def test_the_look_at_the_test_set_is_shown_row_by_row() -> None:
    drawn = "\n".join(_drawn(100, now=_standing(_watched(MERGING, TESTING))))
    assert "test set" in drawn and "40/100" in drawn and "zero-shot" in drawn


@pytest.mark.parametrize("width", [120, 80, 60, 40, 20])
@pytest.mark.parametrize("more", [(), (MERGING,), (MERGING, TESTING)])
def test_nothing_is_wider_than_the_terminal(width: int, more: tuple[Event, ...]) -> None:
    assert max(len(line) for line in _drawn(width, now=_standing(_watched(*more)))) <= width


@pytest.mark.parametrize("width", [120, 60, 40])
def test_wide_letters_take_the_room_they_need(width: int) -> None:
    cut = Event(type="rejection", path="整列/1", step=2, stage="構造", reason="返答が途中で切れました。" * 8)
    now = replace(_standing(_watched(cut)), title="日本語のタスク" * 3)
    assert max(cell_len(line) for line in _drawn(width, now=now)) <= width


@pytest.mark.parametrize(("width", "height"), [(120, 12), (80, 8), (40, 8)])
def test_nothing_is_higher_than_the_terminal(width: int, height: int) -> None:
    drawn = _drawn(width, height)
    assert len(drawn) <= height
    assert "46.0 [37, 56]" in "\n".join(drawn), "scores go last"


def test_a_wide_terminal_shows_everything() -> None:
    drawn = "\n".join(_drawn(100))
    for expected in (
        *("run words-1", "0:42, about 3 min left", NOTICE, "best 46.0 [37, 56]", "1/6", "█▁", "30/100"),
        *("1,234", "5,678", "1.50 + unknown", "of the cap: calls 62 %, US dollars 50 %"),
        "last rejection: tgd/0 step 1: textual_gradient: 0.400 is not above 0.460",
    ):
        assert expected in drawn


def test_a_narrow_terminal_keeps_what_matters() -> None:
    drawn = "\n".join(_drawn(40))
    for expected in ("tgd  meta 1/3 step 0/6", "46.0 [37, 56]", "30/100", "1,234", "SIMULATED MODELS"):
        assert expected in drawn


def test_an_evaluation_is_one_bar() -> None:
    now = _standing(_watched(events=[Event(type="evaluating", stage="cot", done=30, of=100)]))
    drawn = "\n".join(_drawn(80, now=now))
    assert "30/100" in drawn and "step" not in drawn.split("level")[0]


def test_scores_have_intervals_where_their_number_of_examples_is_known() -> None:
    assert [score(0.46, 100), score(0.46, 0), score(None, 100)] == ["46.0 [37, 56]", "46.0", "-"]


def test_bars_of_scores_are_comparable_and_what_has_none_is_a_dot() -> None:
    assert sparkline([0.3, 0.4, None, 0.5], (0.3, 0.5), 14) == "▁▅·█"
    assert sparkline([0.1] * 30, (0.1, 0.1), 6) == "▅▅▅▅▅▅"


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


def test_what_belongs_to_no_loop_is_told_by_quarters() -> None:
    console = Console(file=io.StringIO(), width=80)
    shown = Lines(console, display(console, Stop(), "title", quiet=False)._heading)  # type: ignore[attr-defined]
    for event in _progress(TEST, "zero-shot"):
        shown.see(event)
    for event in _progress("", "cot"):
        shown.see(event)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines() == [
        "title",
        *(f"testing zero-shot: {done}/100" for done in (30, 50, 80, 100)),
        *(f"evaluating cot: {done}/100" for done in (30, 50, 80, 100)),
    ]


def _progress(path: str, stage: str) -> Iterator[Event]:
    yield from (Event(type="evaluating", path=path, stage=stage, done=done, of=100) for done in range(10, 101, 10))


def test_the_console_decides_how_a_run_is_shown() -> None:
    pipe, terminal = Console(file=io.StringIO()), Console(file=io.StringIO(), force_terminal=True)
    assert type(display(pipe, Stop(), "t", quiet=True)) is Silent
    assert type(display(pipe, Stop(), "t", quiet=False)) is Lines
    assert type(display(terminal, Stop(), "t", quiet=False)) is Screen
    assert type(display(terminal, Stop(), "t", quiet=False, events=True)) is Written
    dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert type(display(dumb, Stop(), "t", quiet=False)) is Lines


def test_events_for_programs_are_lines_of_json() -> None:
    console = Console(file=io.StringIO(), width=20)
    shown = display(console, Stop(), "t", quiet=False, events=True)
    for event in EVENTS:
        shown.see(event)
    shown.stopping()
    assert isinstance(console.file, io.StringIO)
    *told, last = (json.loads(line) for line in console.file.getvalue().splitlines())
    assert [Event.model_validate(one) for one in told] == EVENTS
    assert last == {"type": "run", "outcome": "stopping"}


def test_the_screen_is_clean_after_a_run_and_after_an_error() -> None:
    for error in (None, KeyboardInterrupt()):
        console = Console(file=io.StringIO(), force_terminal=True, width=60, height=20)
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


def test_what_a_model_writes_cannot_move_the_cursor_or_colour_the_screen() -> None:
    evil = "cut\x1b[2J\x1b]0;title\x07off\x9b31m \u202eback"
    console = Plain(file=io.StringIO(), width=100, height=30, force_terminal=True, color_system="standard")
    rejection = Event(type="rejection", path="tgd/1", step=1, stage="structure", reason=evil)
    console.print(picture(_standing(_watched(rejection)), 100, 30))
    for shown in (Lines(console, Heading("t", Stop())), display(console, Stop(), "t", quiet=False)):
        with shown:
            shown.see(rejection.model_copy(update={"type": "step", "outcome": "invalid"}))
    assert isinstance(console.file, io.StringIO)
    written = console.file.getvalue()
    assert written.count("cut[2J]0;titleoff31m back") >= 2
    assert not set(evil) & {"\x07", "\x9b", "\u202e"} & set(written)
    assert "\x1b[2J" not in written and "\x1b]" not in written


def test_less_room_takes_the_rejection_before_the_levels() -> None:
    spaced = _drawn(100)
    assert spaced.count("") == 3, "parts stand apart where there is room"
    whole = len(spaced) - 3
    assert "" not in _drawn(100, whole) and "program" in "\n".join(_drawn(100, whole))
    shorter = "\n".join(_drawn(100, whole - 1))
    assert "last rejection" in shorter and "1,235 calls" in shorter and "program" not in shorter
    bare = "\n".join(_drawn(100, 7, replace(_standing(), simulated=False)))
    assert "last rejection" not in bare and "1,235 calls" in bare


def test_settings_decide_of_how_many_steps() -> None:
    assert "1/9" in "\n".join(_drawn(100, now=replace(_standing(), settings=Context(steps=9))))
