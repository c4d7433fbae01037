"""Each combinator against the steps written by hand, and any schedule against a plain walk through it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from metatextgrad.core.optimizer import (
    Alternate,
    BestOf,
    Chain,
    Optimizer,
    Repeat,
    Schedule,
    Stage,
    alternate,
    best_of,
    chain,
    never_ends,
    on_plateau,
    repeat,
)
from metatextgrad.core.schedule import advance, current, start
from tests.walk import lasting, walk


def named(name: str) -> Stage:
    return Stage(kind="any", name=name, instructions="")


A, B, C, D = (named(name) for name in "ABCD")


def taken(schedule: Schedule, improvements: str) -> str:
    """Write the stages of each step, one step a word; the improvements are + or - for each step but the last."""
    cursor, words = start(schedule), []
    for sign in [*improvements, ""]:
        words.append("".join(stage.name for stage in current(schedule, cursor)))
        cursor = advance(schedule, cursor, sign == "+") if sign else cursor
    return " ".join(words)


BY_HAND = [
    ("a stage stays", A, "--+-", "A A A A A"),
    ("a chain goes through its parts and stays at the last", chain(A, B, C), "-+--", "A B C C C"),
    ("a repeat", repeat(A, 3), "---", "A A A A"),
    ("structure first, then prompts", chain(repeat(A, 2), repeat(B, 3)), "------", "A A B B B B B"),
    ("a chain several times over", repeat(chain(A, B), 2), "-----", "A B A B B B"),
    ("a chain of chains", chain(chain(A, B), chain(C, D)), "----", "A B C D D"),
    ("turns", alternate(A, B), "--+-", "A B A B A"),
    ("each part of turns keeps its own place", alternate(chain(A, B), C), "------", "A C B C A C B"),
    ("turns of repeats begin again when they are through", alternate(repeat(A, 2), B), "-----", "A B A B A B"),
    ("no plateau while it improves", on_plateau(A, B, 2), "+-+-+", "A A A A A A"),
    ("a plateau changes for good", on_plateau(A, B, 2), "+--++-", "A A A B B B B"),
    ("patience of one", on_plateau(A, B, 1), "++-+", "A A A B B"),
    ("what comes after a plateau stays at its last stage", on_plateau(A, chain(B, C), 1), "-----", "A B C C C C"),
    ("what comes before a plateau goes round", on_plateau(chain(A, B), C, 3), "+++---", "A B A B A B C"),
    ("all parts at each step", best_of(A, B, C), "--", "ABC ABC ABC"),
    ("a part that is through stays while others go on", best_of(chain(A, B), chain(B, C, D)), "---", "AB BC BD BD"),
    ("after a best_of", chain(best_of(A, repeat(B, 2)), C), "---", "AB AB C C"),
    ("best_of within turns", alternate(best_of(A, B), C), "---", "AB C AB C"),
    ("a plateau within a plateau", on_plateau(A, on_plateau(B, C, 2), 1), "-----", "A B B C C C"),
]


@pytest.mark.parametrize(
    ("schedule", "improvements", "expected"), [case[1:] for case in BY_HAND], ids=[c[0] for c in BY_HAND]
)
def test_steps_are_those_written_by_hand(schedule: Schedule, improvements: str, expected: str) -> None:
    assert taken(schedule, improvements) == expected


def within(parts: st.SearchStrategy[Schedule]) -> st.SearchStrategy[Schedule]:
    ending = parts.filter(lambda part: not never_ends(part))
    several = st.lists(parts, min_size=2, max_size=3)
    return st.one_of(
        st.builds(lambda before, last: chain(*before, last), st.lists(ending, max_size=2), parts),
        st.builds(repeat, parts, st.integers(1, 3)),
        several.map(lambda found: alternate(*found)),
        several.map(lambda found: best_of(*found)),
        st.builds(on_plateau, parts, parts, st.integers(1, 3)),
    )


SCHEDULES = st.recursive(st.sampled_from([A, B, C, D]), within, max_leaves=6)


@given(SCHEDULES, st.lists(st.booleans(), max_size=40))
def test_any_schedule_takes_the_steps_of_a_plain_walk(schedule: Schedule, improvements: list[bool]) -> None:
    walked, cursor = lasting(walk(schedule)), start(schedule)
    assert current(schedule, cursor) == next(walked)
    for improved in improvements:
        cursor = advance(schedule, cursor, improved)
        assert current(schedule, cursor) == walked.send(improved)


@given(SCHEDULES, st.lists(st.booleans(), min_size=1, max_size=60))
def test_cursor_is_small_json_however_many_steps(schedule: Schedule, improvements: list[bool]) -> None:
    cursor = start(schedule)
    for improved in improvements:
        cursor = advance(schedule, cursor, improved)
        assert json.loads(json.dumps(cursor)) == cursor
        assert len(json.dumps(cursor)) < len(schedule.model_dump_json())


def test_cursor_after_ten_thousand_steps_is_not_larger_than_after_ten() -> None:
    schedule = alternate(chain(repeat(A, 3), B), on_plateau(chain(A, B), best_of(C, D), 9))
    cursor, sizes = start(schedule), []
    for step in range(10_000):
        cursor = advance(schedule, cursor, step % 5 == 0)
        sizes.append(len(json.dumps(cursor)))
    assert max(sizes[10:]) <= max(sizes[:10])


def test_advance_leaves_the_cursor_it_was_given_alone() -> None:
    schedule = alternate(chain(A, B), best_of(repeat(C, 2), D))
    cursor = start(schedule)
    before = json.dumps(cursor)
    advance(schedule, cursor, improved=False)
    assert json.dumps(cursor) == before


@pytest.mark.parametrize(
    "endless",
    [
        alternate(A, B),
        on_plateau(A, B),
        Repeat(part=alternate(A, B), times=2),
        Chain(parts=(A, alternate(A, B))),
        BestOf(parts=(A, on_plateau(A, B))),
    ],
    ids=["alternate", "on_plateau", "repeat of one", "chain that ends in one", "best_of with one"],
)
def test_nothing_can_come_after_a_schedule_that_never_ends(endless: Schedule) -> None:
    assert never_ends(endless)
    assert chain(A, endless)  # last in a chain it is welcome
    with pytest.raises(ValidationError, match="part 0 of a chain never ends"):
        chain(endless, A)


def test_combinators_take_optimizers_for_their_schedules() -> None:
    whole = Optimizer(name="o", purpose="p", schedule=chain(A, B))
    assert repeat(whole, 2) == Repeat(part=chain(A, B), times=2)
    assert alternate(whole, C) == Alternate(parts=(chain(A, B), C))


SHAPE = chain(A, repeat(B, 2), best_of(C, chain(D, A)), on_plateau(B, alternate(C, D)))


def test_stages_are_listed_in_reading_order() -> None:
    optimizer = Optimizer(name="o", purpose="p", schedule=SHAPE)
    assert "".join(stage.name for stage in optimizer.stages()) == "ABCDABCD"


@given(st.integers(0, 7), st.text())
def test_new_instructions_change_one_stage_and_nothing_else(position: int, text: str) -> None:
    before = Optimizer(name="o", purpose="p", schedule=SHAPE)
    after = before.with_instructions({position: text})
    assert after.stages()[position] == before.stages()[position].model_copy(update={"instructions": text})
    assert after.with_instructions({position: ""}) == before
    assert (after.id == before.id) == (text == "")
