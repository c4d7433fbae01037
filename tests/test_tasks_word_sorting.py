"""Word Sorting: the generator, the solver and the exact scorer."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metatextgrad.core.task import Example
from metatextgrad.tasks.word_sorting import PREFIX, generate, solve, word_sorting, words
from metatextgrad.tasks.words import WORDS

ASKED = Example(id="x", input=f"{PREFIX}pear r&d fig apple", target="apple fig pear r&d")
any_example = st.builds(lambda seed, place: generate(seed, place + 1)[place], st.integers(0, 10**6), st.integers(0, 5))


@given(any_example)
def test_a_generated_target_is_the_shown_words_in_order(example: Example) -> None:
    assert example.input.startswith(PREFIX)
    shown, target = example.input.removeprefix(PREFIX).split(" "), example.target.split(" ")
    assert 2 <= len(shown) == len(set(shown)) <= 20
    assert set(shown) == set(target)
    assert all(first < second for first, second in pairwise(target))


@given(any_example)
def test_a_generated_label_scores_1_against_itself(example: Example) -> None:
    assert word_sorting(example.target, example).value == 1
    assert word_sorting(f"By letters.\nAnswer: {example.target}", example).value == 1
    assert solve(example.input) == example.target


@given(any_example, st.randoms(use_true_random=False))
def test_any_other_order_scores_0(example: Example, random: Random) -> None:
    shown = example.input.removeprefix(PREFIX).split()
    random.shuffle(shown)
    assert word_sorting(f"Answer: {' '.join(shown)}", example).value == float(shown == sorted(shown))


@given(any_example, st.lists(st.sampled_from(WORDS), max_size=4))
def test_a_list_with_words_left_out_or_put_in_scores_0(example: Example, others: list[str]) -> None:
    target = example.target.split()
    assert word_sorting(f"Answer: {' '.join(target[1:])}", example).value == 0
    longer = sorted([*target, *others])
    assert word_sorting(f"Answer: {' '.join(longer)}", example).value == float(not others)


def test_generation_is_deterministic_and_a_larger_count_only_adds() -> None:
    assert generate(3, 40) == generate(3, 80)[:40]
    assert generate(3, 40) != generate(4, 40)


def test_250_examples_are_distinct_and_of_all_lengths() -> None:
    examples = generate(7)
    assert len({example.input for example in examples}) == len({example.id for example in examples}) == 250
    assert {len(example.target.split()) for example in examples} == set(range(2, 21))


def test_the_word_list_is_clean_and_has_odd_words() -> None:
    assert len(WORDS) == len(set(WORDS)) > 500
    assert all(words(word) == [word] for word in WORDS)
    odd = [word for word in WORDS if not word.isalpha()]
    assert any("&" in word for word in odd)
    assert any(any(character.isdigit() for character in word) for word in odd)


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("Answer: apple fig pear r&d", 1),
        ("Answer: Apple, Fig, Pear, R&D.", 1),
        ("**Answer:** *apple fig pear r&d*", 1),
        ("Answer:\napple\nfig\npear\nr&d\n", 1),
        ("Answer: fig apple\nAnswer: apple fig pear r&d", 1),
        ("apple fig pear r&d", 1),
        ("The sorted list is apple fig pear r&d", 0),
        ("Answer: apple fig pear rd", 0),
        ("Answer: apple fig pear r&d done", 0),
        ("Answer:", 0),
    ],
)
def test_only_the_words_after_the_last_marker_count(reply: str, value: float) -> None:
    assert word_sorting(reply, ASKED).value == value


def test_a_typographic_apostrophe_is_an_apostrophe() -> None:
    example = Example(id="x", input=f"{PREFIX}we'll can't", target="can't we'll")
    assert word_sorting("Answer: can\u2019t we\u2019ll", example).value == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Answer: apple pear fig r&d", "place 2 has 'pear', where 'fig' belongs"),
        ("Answer: apple fig r&d", "lacks 'pear'."),
        ("Answer: apple fig pear r&d zebra", "has 'zebra' too many."),
        ("Answer: apple apple fig pear r&d", "has 'apple' too many."),
        ("Answer: r&d kiwi apple", "lacks 'fig', 'pear' and has 'kiwi' too many, and its order is wrong."),
        ("Answer:", "holds no word"),
        ("I think: apple fig pear r&d", "no line 'Answer: ...'"),
    ],
)
def test_feedback_says_the_target_and_how_the_answer_differs(reply: str, said: str) -> None:
    feedback = word_sorting(reply, ASKED).feedback
    assert "'apple fig pear r&d'" in feedback
    assert said in feedback


def test_a_target_without_words_is_an_error_and_not_a_score() -> None:
    with pytest.raises(ValueError, match="holds no word"):
        word_sorting("", Example(id="x", input="?", target=" , "))
