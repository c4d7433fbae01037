"""What working on a question means, whatever its kind: skill, evidence from earlier calls, channels of chance."""

import math
from collections.abc import Collection
from enum import IntEnum
from typing import NamedTuple, Protocol

from metatextgrad.runtime.simulated.chance import Luck
from metatextgrad.runtime.simulated.reading import Reading

STRAY_ODDS = 1.10
"""Each sentence beside the point multiplies the odds of every mistake by this."""
MOST_STRAY = 12.0
BLIND_ODDS = 1.8
"""What not seeing the question does to the odds of every mistake."""
NOTES_WEIGHT = 0.5
"""Advice met in the input, such as a plan, counts half of what it would count in the instructions."""
DEMONSTRATION = 0.85
MOST_DEMONSTRATIONS = 3
MOST_SLIPS = 10
NEXT_NUMBER = 97.31
"""Makes of one number the next, as a generator would."""
CHECKING = 0.2
"""The most that checking its own work takes from every mistake."""


class Channel(IntEnum):
    """Which of a reply's numbers decides what."""

    SLIP = 0
    WHERE = 1
    ORDER = 2
    MISSING = 3
    EXTRA = 4
    TYPES = 5
    ECHO = 6
    FORMAT = 7
    TRUST = 8
    JUDGE = 9
    HASTE = 10
    PLAN = 11
    LAPSE = 12
    NOTICE = 13
    COUNT = 14


class Evidence(NamedTuple):
    """What the input holds of earlier work on the question."""

    state: tuple[str, ...] | None = None
    """The stack at the end of the sequence, or the words in the order worked out so far."""
    listed: frozenset[str] = frozenset()
    """Concepts that some earlier work was about."""
    counted: int | None = None
    """How many brackets or words there are, as far as earlier work counted them."""
    drafts: tuple[tuple[str, ...], ...] = ()

    @property
    def found(self) -> bool:
        return self.state is not None or bool(self.drafts)


class Skill(NamedTuple):
    """How likely each mistake is, given all that the call was told."""

    own: Reading
    notes: Reading | None
    demonstrations: int = 0
    blind: bool = False
    """Whether the question itself is not in the input."""

    def risk(self, concept: str, base: float, relief: float = 1.0) -> float:
        """Return the probability of a mistake whose probability under a bare prompt is `base`."""
        left = self.own.left[concept] * relief
        stray = self.own.stray
        checking = 1 - self.own.left["check"]
        if self.notes is not None:
            left *= 1 - NOTES_WEIGHT * (1 - self.notes.left[concept])
            stray += self.notes.stray
        left *= (1 - CHECKING * checking) * DEMONSTRATION ** min(self.demonstrations, MOST_DEMONSTRATIONS)
        odds: float = STRAY_ODDS ** min(stray, MOST_STRAY) * (BLIND_ODDS if self.blind else 1.0)
        probability = base * left
        return probability * odds / (1 - probability + probability * odds)


class Attempt(NamedTuple):
    """An answer with the lines of work that led to it."""

    answer: tuple[str, ...]
    lines: tuple[str, ...]


class Craft(Protocol):
    """How one kind of question is worked on."""

    def solve(self, items: tuple[str, ...]) -> tuple[str, ...]: ...

    def attempt(self, items: tuple[str, ...], skill: Skill, evidence: Evidence, luck: Luck) -> Attempt: ...

    def work(
        self, items: tuple[str, ...], duties: Collection[str], skill: Skill, evidence: Evidence, luck: Luck
    ) -> list[str]: ...

    def evidence_in(self, text: str) -> Evidence: ...

    def conclude(self, evidence: Evidence, skill: Skill, luck: Luck) -> tuple[str, ...]: ...

    def faults(self, answer: tuple[str, ...], items: tuple[str, ...] | None) -> int: ...

    def state_answer(self, answer: tuple[str, ...], skill: Skill, luck: Luck) -> str: ...


def any_of(count: int, probability: float) -> float:
    """Return the probability that at least one of `count` equal chances comes true."""
    return 1 - (1 - probability) ** count


def slips_in(count: int, probability: float, number: float) -> frozenset[int]:
    """Return at which of `count` places something of this probability happens."""
    found: list[int] = []
    place = -1
    while len(found) < MOST_SLIPS:
        place += 1 + int(math.log1p(-number) / math.log1p(-probability))
        if place >= count:
            break
        found.append(place)
        number = number * NEXT_NUMBER % 1
    return frozenset(found)
