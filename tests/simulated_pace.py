"""A server that refuses what is too much, and the calls that are made to it, in simulated time."""

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from metatextgrad.runtime.pacing import Pacer, Sent

Admits = Callable[[float, int], float | None]
"""Told the time and how many requests are open: None lets one in, else how long it says to wait."""


@dataclass
class Simulated:
    """32 calls in flight at any time, as openai's client makes them, and a server; time is simulated."""

    admits: Admits
    latency: float
    seed: int = 0
    pacer: Pacer = field(default_factory=lambda: Pacer(32))
    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    worst: int = 0
    """The most refusals of one call."""
    _now: float = 0.0
    _open: int = 0
    _alarm: float = 0.0
    _line: deque[int] = field(default_factory=lambda: deque([0] * 32))
    """Calls that wait for a place, by how often they were refused."""
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: "count[int]" = field(default_factory=count)

    def run(self, until: float) -> "Simulated":
        """Carry on until a time."""
        self._chance = random.Random(self.seed)
        self._advance()
        while self._events[0][0] < until:
            self._now, _, then = heapq.heappop(self._events)
            then()
        return self

    def since(self, when: float) -> tuple[int, int]:
        """Count what was taken and refused from then on."""
        return sum(at >= when for at in self.taken), sum(at >= when for at in self.refused)

    def _after(self, seconds: float, then: Callable[..., None], *given: Any) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._number), partial(then, *given)))

    def _advance(self) -> None:
        while self._line and (wait := self.pacer.opens_in(self._now)) is not None:
            if wait == 0:
                self._arrive(self._line.popleft(), self.pacer.send(self._now))
                continue
            if self._alarm <= self._now:
                self._alarm = self._now + wait + 1e-6
                self._after(wait + 1e-6, self._advance)
            return

    def _arrive(self, before: int, sent: Sent) -> None:
        wait = self.admits(self._now, self._open)
        if wait is None:
            self._open += 1
            self._after(self.latency * self._chance.uniform(0.8, 1.2), self._answer, sent)
        else:
            self._after(self.latency / 50, self._refuse, before + 1, sent, wait)

    def _answer(self, sent: Sent) -> None:
        self._open -= 1
        self.taken.append(self._now)
        self.pacer.took(sent, self._now)
        self._come(0)

    def _refuse(self, before: int, sent: Sent, wait: float) -> None:
        self.refused.append(self._now)
        self.worst = max(self.worst, before)
        self.pacer.refused(sent, self._now, wait)
        self._after(wait or min(0.5 * 2.0 ** (before - 1), 8.0) * self._chance.uniform(0.75, 1.0), self._come, before)
        self._advance()

    def _come(self, before: int) -> None:
        self._line.append(before)
        self._advance()


@dataclass
class Bucket:
    """Takes so many requests a second, and so many more from a store that fills up again."""

    rate: float
    store: float
    tells: bool
    """Whether it says how long to wait."""
    _left: float = 0.0
    _last: float = 0.0

    def __post_init__(self) -> None:
        self._left = self.store

    def __call__(self, now: float, _: int) -> float | None:
        self._left, self._last = min(self.store, self._left + (now - self._last) * self.rate), now
        if self._left < 1:
            return (1 - self._left) / self.rate if self.tells else 0.0
        self._left -= 1
        return None
