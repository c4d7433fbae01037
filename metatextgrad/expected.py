"""What a run is expected to use, as its record keeps it."""

from metatextgrad.core.estimate import NOTHING, Range
from metatextgrad.core.identity import Value
from metatextgrad.runtime.meter import Level


class LevelPlan(Value):
    """What one level will use."""

    model: str
    calls: Range
    tokens: Range
    usd: Range | None
    """None where the price is not known."""


class Plan(Value):
    """What a run will use, by level."""

    levels: dict[Level, LevelPlan]

    @property
    def calls(self) -> Range:
        total = NOTHING
        for level in self.levels.values():
            total = total.plus(level.calls)
        return total
