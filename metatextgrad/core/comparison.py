"""What evaluations say side by side: a gain with its tests, what is left of it on the test set, and when it pays."""

from math import ceil, inf, sqrt
from statistics import NormalDist

from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import Value
from metatextgrad.core.statistics import Difference, McNemar, mcnemar, paired_bootstrap, pairs
from metatextgrad.core.trial import Evaluation


class Comparison(Value):
    """Two programs on the same examples."""

    difference: Difference
    """How much higher the second one scores."""
    mcnemar: McNemar | None
    """None where some score is neither 0 nor 1."""

    @property
    def p(self) -> float:
        """Of the exact test where there is one, and of the bootstrap otherwise."""
        return self.mcnemar.p if self.mcnemar else self.difference.p


class AACheck(Value):
    """Two evaluations of one program."""

    examples: int
    differing: tuple[str, ...]
    """Ids of the examples with another score, or a score in one of the two only."""

    @property
    def ties(self) -> bool:
        """Whether the program ties with itself. If not, a gain of that size is noise of the model, not a gain."""
        return not self.differing


class Shrinkage(Value):
    """How much of a gain on the validation set, which chose the program, is missing on the test set."""

    validation: float
    test: float
    lost: float
    low: float
    high: float
    """Ends of the 95 % interval of `lost`; the sets are disjoint, so the errors of the two gains add up in squares."""

    @property
    def kept(self) -> float | None:
        """The share of the validation gain that the test set confirms; None when there was no gain."""
        return self.test / self.validation if self.validation > 0 else None


class BreakEven(Value):
    """After how many uses an optimized program has paid for its optimization."""

    saving: float
    """What one use saves against getting as many right answers the old way; may be infinite, or negative."""
    examples: int | None
    """Uses until the savings make up for the cost of optimizing; None when they never do."""


def compare(first: Evaluation, second: Evaluation, *, seed: int = 0) -> Comparison:
    """Compare two programs on the examples of one set.

    Raises:
        InputError: they are not evaluations of the same examples, or scipy is missing.
    """
    one, other = _paired(first, second)
    whole = all(score in (0, 1, None) for score in (*one, *other))
    return Comparison(
        difference=paired_bootstrap(one, other, seed=seed), mcnemar=mcnemar(one, other) if whole else None
    )


def is_confirmed(first: Evaluation, second: Evaluation, *, level: float, seed: int = 0) -> bool:
    """Tell whether the second program is better than the first by a paired test, and not by chance.

    The test is two-sided: McNemar's exact one where all scores are 0 or 1, the paired bootstrap otherwise.

    Raises:
        InputError: they are not evaluations of the same examples, or scipy is missing.
    """
    one, other = _paired(first, second)
    both = pairs(one, other)
    if sum(after - before for before, after in both) <= 0:
        return False
    if all(score in (0, 1) for pair in both for score in pair):
        return mcnemar(one, other).p <= level
    return len(both) > 1 and paired_bootstrap(one, other, seed=seed).p <= level


def aa_check(first: Evaluation, second: Evaluation) -> AACheck:
    """Check that a program ties with itself: an A/A test of the model, the metric and the harness together.

    Give evaluations from two workspaces: within one, the second would only read the replies of the first.

    Raises:
        InputError: they are of different programs, or of different examples.
    """
    if first.program != second.program:
        raise InputError(
            f"An A/A check compares a program with itself, but these are of {first.program!r} and {second.program!r}."
        )
    one, other = _paired(first, second)
    ids = (result.example for result in first.results)
    differing = (name for name, left, right in zip(ids, one, other, strict=True) if left != right)
    return AACheck(examples=len(one), differing=tuple(differing))


def shrinkage(validation: Difference, test: Difference) -> Shrinkage:
    """Compare the gain of a program over the initial one on the validation set with that on the test set.

    The validation set chose the program, so its gain is too high on average; the test set's is not.
    """
    lost = validation.mean - test.mean
    half = NormalDist().inv_cdf(0.975) * sqrt(validation.error**2 + test.error**2)
    return Shrinkage(validation=validation.mean, test=test.mean, lost=lost, low=lost - half, high=lost + half)


def break_even(optimization: float, *, before: tuple[float, float], after: tuple[float, float]) -> BreakEven:
    """Return after how many examples an optimized program has paid for its optimization.

    An example costs c0 before and c1 after, and is right with probability a0 before and a1 after. As many right answers
    as one use of the optimized program gives, a1, cost a1 * c0 / a0 before. So one use saves a1 * c0 / a0 - c1, and the
    break-even number is the cost of the optimization divided by that. It never pays when a right answer costs as much
    as before or more, c1 / a1 >= c0 / a0. Where nothing was right before, a right answer could not be had for any
    money: the first use pays.

    Args:
        optimization: what the optimization cost.
        before: cost of one example and score, without it. This may be any alternative, such as a dearer model.
        after: cost of one example and score, with it.

    Raises:
        InputError: a cost is negative or not a number, or a score is outside 0 to 1.
    """
    for cost in (optimization, before[0], after[0]):
        if not 0 <= cost < inf:
            raise InputError(f"A cost must be a number of at least 0, not {cost!r}; an unknown price gives no answer.")
    for score in (before[1], after[1]):
        if not 0 <= score <= 1:
            raise InputError(f"A score must be from 0 to 1, not {score!r}.")
    saving = _saving(before, after)
    if optimization == 0:
        return BreakEven(saving=saving, examples=0)
    if saving <= 0 or optimization / saving == inf:
        return BreakEven(saving=saving, examples=None)
    uses = round(optimization / saving, 9)  # 3.0000000000000004 uses are 3
    return BreakEven(saving=saving, examples=max(1, ceil(uses)))


def _saving(before: tuple[float, float], after: tuple[float, float]) -> float:
    (cost, score), (new_cost, new_score) = before, after
    if score == 0 and new_score > 0:
        return inf
    return (new_score * cost / score if new_score > 0 else 0.0) - new_cost


def _paired(first: Evaluation, second: Evaluation) -> tuple[list[float | None], list[float | None]]:
    ids = [[result.example for result in evaluation.results] for evaluation in (first, second)]
    if first.split != second.split or ids[0] != ids[1]:
        raise InputError(
            f"Only evaluations of the same examples can be compared, but these are of {len(ids[0])} examples "
            f"({first.split}) and {len(ids[1])} examples ({second.split})."
        )
    return [result.score for result in first.results], [result.score for result in second.results]
