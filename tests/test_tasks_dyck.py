"""Dyck Languages: the generator, the solver and the exact scorer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metatextgrad.core.task import Example
from metatextgrad.tasks.dyck import CLOSER, PREFIX, brackets, dyck, generate, solve

EXAMPLES = generate(0, 60)
ASKED = Example(id="x", input=f"{PREFIX}< [ (", target=") ] >")
any_example = st.builds(lambda seed, place: generate(seed, place + 1)[place], st.integers(0, 10**6), st.integers(0, 5))
any_brackets = st.lists(st.sampled_from("[]{}()<>"), max_size=8)


def reduced(sequence: list[str]) -> str:
    """Delete matched pairs until none is left: a second way to tell what a sequence lacks."""
    text, before = "".join(sequence), ""
    while text != before:
        before, text = text, re.sub(r"\(\)|\[\]|\{\}|<>", "", text)
    return text


@given(any_example)
def test_a_generated_sequence_and_its_target_cancel_out(example: Example) -> None:
    assert example.input.startswith(PREFIX)
    shown, missing = brackets(example.input.removeprefix(PREFIX)), brackets(example.target)
    assert example.input == PREFIX + " ".join(shown)
    assert example.target == " ".join(missing)
    assert 1 <= len(missing) <= 3
    assert reduced([*shown, *missing]) == ""


@given(any_example)
def test_a_generated_label_scores_1_against_itself(example: Example) -> None:
    assert dyck(example.target, example).value == 1
    assert dyck(f"First ( and ].\nAnswer: {example.target}", example).value == 1
    assert solve(example.input) == example.target


@given(any_example, any_brackets)
def test_any_other_bracket_sequence_scores_0(example: Example, sequence: list[str]) -> None:
    expected = float(sequence == example.target.split())
    assert dyck(f"Answer: {' '.join(sequence)}", example).value == expected
    assert dyck("".join(sequence), example).value == expected


def test_generation_is_deterministic_and_a_larger_count_only_adds() -> None:
    assert generate(0, 60) == EXAMPLES
    assert generate(0, 20) == EXAMPLES[:20]
    assert generate(1, 60) != EXAMPLES


def test_250_examples_are_distinct_and_spread_like_the_published_ones() -> None:
    examples = generate(7)
    assert len({example.input for example in examples}) == len({example.id for example in examples}) == 250
    lengths = sorted(len(brackets(example.input.removeprefix(PREFIX))) for example in examples)
    assert lengths[0] <= 3
    assert 8 <= lengths[125] <= 18  # published: 13
    assert 80 <= lengths[-1] <= 99
    by_missing = [sum(len(example.target.split()) == n for example in examples) for n in (1, 2, 3)]
    assert min(by_missing) > 50
    assert set("".join(example.input.removeprefix(PREFIX) for example in examples)) == {*CLOSER, *CLOSER.values(), " "}


def test_the_solver_refuses_a_sequence_that_cannot_be_completed() -> None:
    with pytest.raises(ValueError, match="closes nothing"):
        solve(f"{PREFIX}( ]")


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("Answer: ) ] >", 1),
        ("answer: )]>", 1),
        ("**Answer:** `) ] >`", 1),
        ("Answer: the closers `)`, `]` and `>`", 1),
        ("Answer: > ] )\nNo, from the inside out.\nAnswer: ) ] >", 1),
        (") ] >", 1),
        ("Answer: ) ] >\nAnswer:", 0),
        ("I open < [ ( and so need ) ] >", 0),
        ("Answer: < [ ( ) ] >", 0),
        ("", 0),
    ],
)
def test_only_the_brackets_after_the_last_marker_count(reply: str, value: float) -> None:
    assert dyck(reply, ASKED).value == value


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Answer: ) ]", "'>' must follow"),
        ("Answer: ) ] > >", "'>' closes nothing"),
        ("Answer: > ] )", "right closers in the wrong order"),
        ("Answer: ) } >", "has '}' at place 2, where ']' belongs."),
        ("Answer: } ]", "has 2 closers where 3 are needed"),
        ("Answer: < [ ( ) ] >", "opening brackets"),
        ("Answer: none", "no bracket"),
        ("I need > ] ) here", "no line 'Answer: ...'"),
        ("] ]", "at place 1"),
    ],
)
def test_feedback_says_the_target_and_how_the_answer_differs(reply: str, said: str) -> None:
    feedback = dyck(reply, ASKED).feedback
    assert "') ] >'" in feedback
    assert said in feedback


def test_a_right_answer_without_the_marker_is_right_but_told_about_the_format() -> None:
    assert dyck("Answer: )]>", ASKED).feedback == "Correct."
    assert "Answer: ..." in dyck(")]>", ASKED).feedback


def test_a_target_without_brackets_is_an_error_and_not_a_score() -> None:
    with pytest.raises(ValueError, match="holds no bracket"):
        dyck("", Example(id="x", input="?", target="none"))
