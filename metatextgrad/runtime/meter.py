"""What a run has used, by level, and the caps on it."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from metatextgrad.core.identity import Value

Level = Literal["program", "optimizer", "meta", "judge"]
LEVELS: tuple[Level, ...] = get_args(Level)


class Usage(Value):
    """Calls, tokens and money of one level."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0
    """Calls whose price is not known; their money is not in `usd`."""

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def plus(self, other: "Usage") -> "Usage":
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            # To what prices are multiples of, so that a sum does not depend on the order of its calls.
            usd=round(self.usd + other.usd, 12),
            unpriced=self.unpriced + other.unpriced,
        )


@dataclass
class Meter:
    """Adds up the usage of a run. Mutable on purpose: it is restored from the store and never checkpointed."""

    levels: dict[Level, Usage] = field(default_factory=lambda: {level: Usage() for level in LEVELS})

    def add(self, level: Level, usage: Usage) -> None:
        self.levels[level] = self.levels[level].plus(usage)

    @property
    def total(self) -> Usage:
        total = Usage()
        for usage in self.levels.values():
            total = total.plus(usage)
        return total
