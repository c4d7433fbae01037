"""Quantities that are not known yet: low, likely, high."""

from metatextgrad.core.identity import Value


class Range(Value):
    """A quantity before it is known."""

    low: float
    likely: float
    high: float

    def plus(self, other: "Range") -> "Range":
        return Range(low=self.low + other.low, likely=self.likely + other.likely, high=self.high + other.high)

    def times(self, other: "Range") -> "Range":
        return Range(low=self.low * other.low, likely=self.likely * other.likely, high=self.high * other.high)


def exactly(number: float) -> Range:
    """Return a quantity that is known."""
    return Range(low=number, likely=number, high=number)


def up_to(likely: float, high: float) -> Range:
    """Return a quantity that can be nothing at all, as calls are whose replies the ledger has."""
    return Range(low=0, likely=likely, high=high)


NOTHING = exactly(0)
