"""The per-example Pareto front of programs, from which GEPA draws the parent of a proposal."""

from collections.abc import Mapping, Sequence
from random import Random
from statistics import fmean

Scores = Mapping[str, Sequence[float | None]]
"""By program, oldest first: its score on each example, in the same order; None where it is unscored."""


def shares(scores: Scores) -> dict[str, int]:
    """Return the programs of the front, each with the number of examples that no other program does better on.

    A program is left out when each of its examples has another one of the front that does as well: those with the lower
    mean go first, and of equal ones the newer.
    """
    fronts = _best(scores)
    order = list(scores)
    left = [name for name in order if any(name in front for front in fronts)]
    for name in sorted(left, key=lambda name: (_mean(scores[name]), -order.index(name))):
        if all(any(other in front for other in left if other != name) for front in fronts if name in front):
            left.remove(name)
    return {name: sum(name in front for front in fronts) for name in left}


def drawn_parent(scores: Scores, rng: Random) -> str:
    """Draw a program of the front, by the number of examples that it is best on.

    Raises:
        ValueError: no example is scored under any program.
    """
    weights = shares(scores)
    if not weights:
        raise ValueError("no program has a score on any example")
    return rng.choices(list(weights), list(weights.values()))[0]


def _best(scores: Scores) -> list[set[str]]:
    """Return for each example that is scored at all the programs that do best on it."""
    fronts: list[set[str]] = []
    for results in zip(*scores.values(), strict=True):
        known = {name: result for name, result in zip(scores, results, strict=True) if result is not None}
        if known:
            most = max(known.values())
            fronts.append({name for name, result in known.items() if result == most})
    return fronts


def _mean(results: Sequence[float | None]) -> float:
    return fmean(result for result in results if result is not None)
