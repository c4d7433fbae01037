"""What a run has used, by level, and the caps on it."""

from collections.abc import Collection
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
        return _sum((self, other))


def _sum(parts: Collection[Usage]) -> Usage:
    """Add up what is valid already: this is done for every call, and looking at it again would be half the work."""
    return Usage.model_construct(
        calls=sum(part.calls for part in parts),
        input_tokens=sum(part.input_tokens for part in parts),
        output_tokens=sum(part.output_tokens for part in parts),
        # To what prices are multiples of, so that a sum does not depend on the order of its calls.
        usd=round(sum(part.usd for part in parts), 12),
        unpriced=sum(part.unpriced for part in parts),
    )


@dataclass
class Meter:
    """Adds up the usage of a run. Mutable on purpose: it is restored from the store and never checkpointed."""

    levels: dict[Level, Usage] = field(default_factory=lambda: {level: Usage() for level in LEVELS})

    def add(self, level: Level, usage: Usage) -> None:
        self.levels[level] = self.levels[level].plus(usage)

    @property
    def total(self) -> Usage:
        return _sum(self.levels.values())
