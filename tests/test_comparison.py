"""Evaluations side by side: gains, A/A checks, shrinkage, and when an optimization pays."""

import math
from collections.abc import Sequence

import pytest
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.comparison import aa_check, break_even, compare, shrinkage
from metatextgrad.core.errors import InputError
from metatextgrad.core.statistics import Difference, mcnemar, paired_bootstrap
from metatextgrad.core.trial import Evaluation, ExampleResult
from metatextgrad.runtime.evaluation import evaluate_program
from tests.scripted import Script, opened


def evaluation(scores: Sequence[float | None], *, program: str = "p", split: str = "test") -> Evaluation:
    results = tuple(
        ExampleResult(example=f"{split}/{n}", prediction="", score=score, feedback="") for n, score in enumerate(scores)
    )
    return Evaluation(program=program, split=split, results=results)


def test_comparison_has_both_tests_where_scores_are_right_or_wrong() -> None:
    first, second = [1.0, 0.0, 0.0, None], [1.0, 1.0, 1.0, 1.0]
    found = compare(evaluation(first), evaluation(second, program="q"))
    assert found.mcnemar == mcnemar(first, second)
    assert found.difference == paired_bootstrap(first, second)


def test_comparison_of_partial_scores_has_the_bootstrap_alone() -> None:
    found = compare(evaluation([0.5, 0.0]), evaluation([0.75, 0.5]))
    assert found.mcnemar is None
    assert found.difference.mean == pytest.approx(0.375)


@pytest.mark.parametrize("other", [evaluation([1, 0], split="val"), evaluation([1, 0, 1])])
def test_evaluations_of_other_examples_are_not_compared(other: Evaluation) -> None:
    with pytest.raises(InputError, match="Only evaluations of the same examples"):
        compare(evaluation([1, 0]), other)


async def _scored(script: Script) -> Evaluation:
    resources = await opened(script, store=InMemoryStore())
    return await evaluate_program(resources, resources.task.program, "val")


async def test_a_program_that_is_scored_twice_ties_with_itself() -> None:
    def steady(messages: Sequence[object], level: str) -> str:
        return f"Answer: {str(messages[-1])[-1]}"

    found = aa_check(await _scored(Script(steady)), await _scored(Script(steady)))
    assert found.ties
    assert (found.examples, found.differing) == (20, ())


async def test_a_model_that_wavers_fails_the_check_on_the_examples_that_differ() -> None:
    turns: list[int] = []

    def wavering(messages: Sequence[object], level: str) -> str:
        turns.append(1)
        return "Answer: 3" if len(turns) > 20 else "Answer: 4"

    found = aa_check(await _scored(Script(wavering)), await _scored(Script(wavering)))
    assert not found.ties
    assert found.differing == ("val/3", "val/4")


def test_unscored_and_wrong_are_not_a_tie() -> None:
    assert aa_check(evaluation([1, None]), evaluation([1, 0])).differing == ("test/1",)


def test_a_check_of_two_programs_is_refused() -> None:
    with pytest.raises(InputError, match="these are of 'p' and 'q'"):
        aa_check(evaluation([1]), evaluation([1], program="q"))


def gain(mean: float, error: float) -> Difference:
    return Difference(mean=mean, low=0, high=0, p=1, error=error, pairs=100)


def test_shrinkage_is_the_gain_that_the_test_set_does_not_confirm() -> None:
    found = shrinkage(gain(0.30, 0.03), gain(0.18, 0.04))
    assert found.lost == pytest.approx(0.12)
    assert found.kept == pytest.approx(0.6)
    assert (found.low, found.high) == (pytest.approx(0.12 - 1.96 * 0.05, abs=1e-4), pytest.approx(0.218, abs=1e-4))


def test_without_a_validation_gain_nothing_can_be_kept() -> None:
    assert shrinkage(gain(0.0, 0.03), gain(0.1, 0.03)).kept is None


def test_break_even_is_the_cost_divided_by_what_each_use_saves() -> None:
    # Ten right answers cost 10 before (half are right) and 5 / 0.8 now: each use saves 0.8 * 1 - 0.5.
    found = break_even(30, before=(0.5, 0.5), after=(0.5, 0.8))
    assert found.saving == pytest.approx(0.3)
    assert found.examples == 100


@pytest.mark.parametrize(
    ("optimization", "examples"), [(0.0, 0), (0.1, 1), (0.9, 3), (0.91, 4), (0.3 * 7, 7), (1e-9, 1)]
)
def test_break_even_is_a_whole_number_of_uses(optimization: float, examples: int) -> None:
    assert break_even(optimization, before=(0.5, 0.5), after=(0.5, 0.8)).examples == examples


def test_at_the_break_even_the_same_right_answers_have_cost_the_same() -> None:
    optimization, before, after = 4.4, (0.0052, 0.18), (0.0044, 0.37)
    uses = break_even(optimization, before=before, after=after).examples
    assert uses is not None

    def old_way(uses: int) -> float:
        return uses * after[1] / before[1] * before[0]

    assert optimization + (uses - 1) * after[0] > old_way(uses - 1)
    assert optimization + uses * after[0] <= old_way(uses)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1.0, 0.5), (2.0, 1.0)),  # twice as often right at twice the cost
        ((1.0, 0.5), (1.2, 0.5)),
        ((1.0, 0.5), (1.0, 0.4)),
        ((1.0, 0.5), (0.1, 0.0)),
        ((1.0, 0.0), (0.1, 0.0)),
        ((0.0, 0.1), (0.0, 1.0)),  # nothing costs anything, so nothing can be saved
    ],
)
def test_it_never_pays_when_a_right_answer_costs_as_much_as_before(
    before: tuple[float, float], after: tuple[float, float]
) -> None:
    found = break_even(1.0, before=before, after=after)
    assert found.examples is None


def test_where_nothing_was_right_before_the_first_use_pays() -> None:
    found = break_even(1000.0, before=(0.1, 0.0), after=(5.0, 0.1))
    assert (found.saving, found.examples) == (math.inf, 1)


def test_a_saving_too_small_to_ever_count_does_not_pay() -> None:
    assert break_even(1e10, before=(1e-300, 1.0), after=(0.0, 1.0)).examples is None


@pytest.mark.parametrize(
    ("optimization", "before", "said"),
    [(-1.0, (1.0, 0.5), "not -1.0"), (math.nan, (1.0, 0.5), "not nan"), (1.0, (1.0, 1.5), "from 0 to 1, not 1.5")],
)
def test_costs_and_scores_out_of_range_are_named(optimization: float, before: tuple[float, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        break_even(optimization, before=before, after=(1.0, 1.0))
