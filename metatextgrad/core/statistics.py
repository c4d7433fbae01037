"""Intervals and tests for scores: what a difference is worth, before anyone claims it.

scipy does the statistics where it has the method; it is an extra, `stats`, and imported on use. Wilson's interval,
which every table shows, needs nothing.
"""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist, fmean, stdev
from typing import Any

from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import Value, content_id

RESAMPLES = 10_000
"""Draws of a bootstrap; the chance error of a p-value near 0.05 is then about 0.002."""
_AT_ONCE = 1_000
"""Draws held in memory together."""
Scores = Sequence[float | None]
"""One score an example, in order; None is unscored and not wrong."""


class McNemar(Value):
    """McNemar's exact test on paired right-or-wrong results."""

    only_first: int
    """Examples that the first one alone has right."""
    only_second: int
    p: float
    """Two-sided; 1 when the two differ nowhere."""


class Difference(Value):
    """How much higher the second of two paired sets of scores is, on average."""

    mean: float
    low: float
    high: float
    p: float
    """Two-sided. Below 1 - confidence when the interval leaves out 0: both are read off the same draws."""
    error: float
    """The standard error of the mean difference."""
    pairs: int
    """Examples that both have a score for; the others say nothing about the difference."""


class Seeds(Value):
    """One quantity over several seeds."""

    mean: float
    sd: float | None
    """None for a single seed, which says nothing about the spread."""
    low: float | None
    high: float | None
    """Ends of Student's t interval of the mean."""
    seeds: int


def wilson(successes: float, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval for a proportion, both ends in [0, 1].

    For scores between 0 and 1 that are not all 0 or 1 the interval is conservative: their variance is never larger.
    """
    if total == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate = successes / total
    centre = (rate + z * z / (2 * total)) / (1 + z * z / total)
    half = z * sqrt(rate * (1 - rate) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, centre - half), min(1.0, centre + half)


def mcnemar(first: Scores, second: Scores) -> McNemar:
    """Test whether two programs are right equally often, on the same examples.

    Only the examples on which they differ count: under the null hypothesis each goes either way with probability 1/2.

    Raises:
        InputError: the scores do not pair up, or one is neither 0, 1 nor None.
    """
    paired = pairs(first, second)
    partial = next((score for pair in paired for score in pair if score not in (0, 1)), None)
    if partial is not None:
        raise InputError(
            f"McNemar's test needs scores of 0 and 1, but one is {partial!r}; use the paired bootstrap for such scores."
        )
    only_first = sum(one > other for one, other in paired)
    only_second = sum(one < other for one, other in paired)
    differing = only_first + only_second
    p = float(need_scipy().binomtest(only_first, differing, 0.5).pvalue) if differing else 1.0
    return McNemar(only_first=only_first, only_second=only_second, p=p)


def paired_bootstrap(
    first: Scores, second: Scores, *, seed: int = 0, confidence: float = 0.95, resamples: int = RESAMPLES
) -> Difference:
    """Estimate how much higher the second mean is, by drawing the paired examples again and again.

    The draws follow from the seed and the scores, so the same scores always give the same interval. The p-value is that
    of the percentile interval: the smallest level at which the interval leaves out 0.

    Raises:
        InputError: the scores do not pair up, or fewer than two examples have both.
    """
    gaps = [other - one for one, other in pairs(first, second)]
    if len(gaps) < 2:
        raise InputError(f"Only {len(gaps)} examples have both scores; a difference needs at least 2 to be estimated.")
    stats = need_scipy()
    import numpy

    drawn = stats.bootstrap(
        (gaps,),
        numpy.mean,
        confidence_level=confidence,
        n_resamples=resamples,
        batch=_AT_ONCE,
        method="percentile",
        rng=numpy.random.default_rng(int(content_id(["paired bootstrap", seed, gaps]), 16)),
    )
    # Sums of binary fractions can miss 0 by a rounding error, and a tie must count on both sides.
    means = drawn.bootstrap_distribution.round(12)
    tail = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return Difference(
        mean=fmean(gaps),
        low=float(drawn.confidence_interval.low),
        high=float(drawn.confidence_interval.high),
        p=min(1.0, 2 * (tail + 1) / (resamples + 1)),
        error=float(drawn.standard_error),
        pairs=len(gaps),
    )


def over_seeds(values: Sequence[float], confidence: float = 0.95) -> Seeds:
    """Sum up one quantity over several seeds; the paper averages five and prints no spread (paper 4.1).

    Raises:
        InputError: there are no values.
    """
    if not values:
        raise InputError("There are no values to sum up; give at least one seed's.")
    mean, seeds = fmean(values), len(values)
    if seeds == 1:
        return Seeds(mean=mean, sd=None, low=None, high=None, seeds=1)
    sd = stdev(values)
    half = float(need_scipy().t.ppf(0.5 + confidence / 2, seeds - 1)) * sd / sqrt(seeds)
    return Seeds(mean=mean, sd=sd, low=mean - half, high=mean + half, seeds=seeds)


def holm(values: Sequence[float]) -> list[float]:
    """Correct p-values for their number, after Holm: of all that stay below a level, none is chance more often than it.

    It holds whatever the tests have to do with one another, as those of several programs on one set do.
    """
    order = sorted(range(len(values)), key=lambda place: values[place])
    corrected, highest = [0.0] * len(values), 0.0
    for done, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - done) * values[place]))
        corrected[place] = highest
    return corrected


def pairs(first: Scores, second: Scores) -> list[tuple[float, float]]:
    """Return the pairs in which both have a score.

    Raises:
        InputError: one has more scores than the other.
    """
    if len(first) != len(second):
        raise InputError(
            f"Paired scores are those of the same examples, but there are {len(first)} and {len(second)} of them."
        )
    both = zip(first, second, strict=True)
    return [(one, other) for one, other in both if one is not None and other is not None]


def need_scipy() -> Any:
    """Return scipy.stats.

    Raises:
        InputError: scipy is not installed; names the extra that brings it.
    """
    try:
        from scipy import stats
    except ImportError:
        raise InputError("This needs scipy; install it by: pip install 'metatextgrad[stats]'.") from None
    return stats
