"""Caps on what a run may use."""

import time
from dataclasses import dataclass, field

from metatextgrad.core.errors import BudgetReachedError
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import Meter


@dataclass(frozen=True)
class Budget:
    """Caps over all levels; None is no cap."""

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, context: Context) -> "Budget":
        """Return the caps that the settings name."""
        return cls(context.max_calls, context.max_tokens_total, context.max_usd, context.max_seconds)

    @property
    def capped(self) -> bool:
        """Whether there is any cap; without one there is nothing to add up for each call."""
        return any(cap is not None for cap in (self.calls, self.tokens, self.usd, self.seconds))

    def shares(self, meter: Meter) -> dict[str, float]:
        """Return how much of each cap is used, by what it caps."""
        if not self.capped:
            return {}
        used, seconds = meter.total, time.monotonic() - self.started
        caps = {
            "calls": (self.calls, used.calls),
            "tokens": (self.tokens, used.tokens),
            "US dollars": (self.usd, used.usd),
            "seconds": (self.seconds, seconds),
        }
        return {unit: amount / cap for unit, (cap, amount) in caps.items() if cap is not None}

    def check(self, meter: Meter, flying: int = 0) -> None:
        """Refuse another call once a cap is reached.

        The cap on calls counts those `flying` too and is never passed. What a call in flight will cost is not known, so
        the other caps can be passed by what is in flight.

        Raises:
            BudgetReachedError: names the cap, what was used, and the option that raises it.
        """
        if not self.capped:
            return
        used = meter.total
        seconds = time.monotonic() - self.started
        for cap, amount, unit, option in (
            (self.calls, used.calls + flying, "calls", "--max-calls"),
            (self.tokens, used.tokens, "tokens", "--max-tokens-total"),
            (self.usd, used.usd, "US dollars", "--max-usd"),
            (self.seconds, seconds, "seconds", "--max-seconds"),
        ):
            if cap is not None and amount >= cap:
                raise BudgetReachedError(f"The cap of {cap:g} {unit} is reached; go on with a larger {option}.")
        if self.usd is not None and used.unpriced:
            msg = (
                f"The price of {used.unpriced} calls is not known, so the cap of {self.usd:g} US dollars cannot be "
                "held; go on without --max-usd, and with --max-calls."
            )
            raise BudgetReachedError(msg)
