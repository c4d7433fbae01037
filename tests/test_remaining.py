"""How much longer a run will take, by a clock that the test holds."""

from dataclasses import dataclass

import pytest

from metatextgrad.remaining import Caps, clock, in_words, seconds_left, time_left
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import TEST, Event
from metatextgrad.watching import Watched

SETTINGS = Context(steps=4, meta_prompt_steps=1, meta_structure_steps=2)


@dataclass
class Clock:
    """A clock that goes when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def _step(path: str, step: int, score: float = 0.5) -> Event:
    return Event(type="step", path=path, step=step, stage="s", score=score, best=0.5, outcome="rejected")


def test_nothing_is_known_before_a_turn_has_ended() -> None:
    watched = Watched(Clock())
    assert seconds_left(watched, SETTINGS) is None
    watched.see(_step("tgd", 0))
    assert seconds_left(watched, SETTINGS) is None
    assert time_left(None, None) == "time left unknown"


def test_a_loop_has_the_turns_left_that_the_settings_ask_for_and_two_tests() -> None:
    hand = Clock()
    watched = Watched(hand)
    for step in range(3):
        hand.now = 10.0 * step
        watched.see(_step("tgd", step))
    assert seconds_left(watched, SETTINGS) == pytest.approx(2 * 10 + 2 * 10)
    hand.now += 4
    assert seconds_left(watched, SETTINGS) == pytest.approx(2 * 10 + 2 * 10 - 4)
    watched.see(Event(type="gradient", path="tgd", step=3, done=1, of=3))
    assert seconds_left(watched, SETTINGS) == pytest.approx(2 * 10 + 2 * 10 - 4), "a turn that is at work is not over"


def test_the_slowest_lineage_counts_and_the_merge_and_the_tests_come_after_it() -> None:
    hand = Clock()
    watched = Watched(hand)
    for path in ("quick/0", "slow/0"):
        watched.see(_step(path, 0))
    hand.now = 1.0
    watched.see(_step("quick/0", 1))
    hand.now = 10.0
    watched.see(_step("slow/0", 1))
    alone = 1 / (1 / 1 + 1 / 10)
    lineage, merge, tests = (2 * 4 - 1) * 10, 2 * 4 * alone, 6 * alone
    assert seconds_left(watched, SETTINGS) == pytest.approx(lineage + merge + tests)


def test_a_resumed_run_counts_from_where_it_goes_on() -> None:
    hand = Clock()
    watched = Watched(hand)
    watched.see(Event(type="gradient", path="merge/2", step=3, done=1, of=3))
    hand.now = 5.0
    watched.see(_step("merge/2", 3))
    rows = 2
    assert seconds_left(watched, SETTINGS) == pytest.approx(1 * 5 + rows * 5)


def test_rows_that_were_tested_are_not_left() -> None:
    hand = Clock()
    watched = Watched(hand)
    watched.see(Event(type="gradient", path="tgd", step=4, done=1, of=3))
    hand.now = 8.0
    watched.see(_step("tgd", 4))
    watched.see(Event(type="test", stage="zero-shot", score=0.4, done=100, of=100))
    assert seconds_left(watched, SETTINGS) == pytest.approx(1 * 8)
    watched.see(Event(type="test", stage="TGD", score=0.4, done=100, of=100))
    assert seconds_left(watched, SETTINGS) == 0


def test_an_evaluation_goes_on_as_it_did() -> None:
    hand = Clock()
    watched = Watched(hand)
    watched.see(Event(type="evaluating", stage="cot", done=1, of=100))
    hand.now = 10.0
    watched.see(Event(type="evaluating", stage="cot", done=20, of=100))
    assert seconds_left(watched, SETTINGS) == pytest.approx(40)


def test_a_cap_is_told_where_it_comes_before_the_end() -> None:
    caps = Caps()
    assert caps.nearest({"calls": 0.2}, 100.0) is None, "how fast it goes is not known yet"
    assert caps.nearest({"calls": 0.2}, 110.0) is None, "it is not being used up"
    assert caps.nearest({"calls": 0.4, "tokens": 0.1}, 120.0) == ("calls", pytest.approx(60.0))
    assert time_left(600.0, ("calls", 200.0)) == "cap on calls in about 3 min"
    assert time_left(100.0, ("calls", 200.0)) == "about 2 min left"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "under a minute"), (61, "about 1 min"), (5_000, "about 83 min"), (9_000, "about 2.5 h")],
)
def test_times_are_said_as_roughly_as_they_are_known(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_passed_time_is_exact() -> None:
    assert [clock(seconds) for seconds in (0, 75, 3_700)] == ["0:00", "1:15", "1:01:40"]


def test_the_test_set_is_no_line_of_work() -> None:
    watched = Watched(Clock())
    watched.see(Event(type="evaluating", path=TEST, stage="zero-shot", done=10, of=100))
    assert watched.working == []
