"""What a run used, level by level, beside its plan."""

from collections.abc import Iterator, Sequence

from metatextgrad.core.estimate import Range
from metatextgrad.expected import LevelPlan, Plan
from metatextgrad.report.views import Spent
from metatextgrad.runtime.meter import Usage
from metatextgrad.stored import StoredRun

_LARGE = ((1e9, "G"), (1e6, "M"), (1e4, "k"))
"""From which number on a planned one is rounded to these."""


def spent_by(run: StoredRun) -> tuple[Spent, ...]:
    """Return what each level used; levels that were neither planned nor used are left out."""
    plan = Plan.model_validate(run.record.plan) if run.record.plan else Plan(levels={})
    levels = ((level, used, plan.levels.get(level)) for level, used in run.usage.items())
    return tuple(_level(level, used, expected) for level, used, expected in levels if used.calls or expected)


def _level(level: str, used: Usage, expected: LevelPlan | None) -> Spent:
    return Spent(
        level=level,
        model=expected.model if expected else "",
        usage=used,
        planned=expected.calls if expected else None,
        planned_tokens=expected.tokens if expected else None,
        planned_usd=expected.usd if expected else None,
    )


def sum_of(spent: Sequence[Spent]) -> Spent:
    """Add up what the levels used."""
    total = Usage()
    for one in spent:
        total = total.plus(one.usage)
    return Spent("total", "", total, None, None, None)


def in_words(spent: Sequence[Spent]) -> Iterator[str]:
    """Say what a run took."""
    total = sum_of(spent)
    if total.used:
        yield f"It took {total.used:,} model calls and {total.tokens:,} tokens, for {total.money} USD."


def rough(given: Range | None, decimals: int = 0) -> str:
    """Write a planned range, low to high, no more exactly than it is known."""
    if given is None:
        return "unknown"
    return " \u2013 ".join(_rough(end, decimals) for end in (given.low, given.likely, given.high))


def _rough(number: float, decimals: int) -> str:
    for size, letter in _LARGE:
        if number >= size:
            return f"{number / (1e3 if letter == 'k' else size):.3g} {letter}".replace(" ", "\u202f")
    return f"{number:,.{decimals}f}"
