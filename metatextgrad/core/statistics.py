"""Intervals for scores."""

from math import sqrt
from statistics import NormalDist


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
