"""The author of a text: what its instructions turn its attention to, and how much it strays."""

import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from metatextgrad.runtime.simulated.concept import Concept
from metatextgrad.runtime.simulated.lexicon import CONCEPTS, GENERIC, PLATITUDES
from metatextgrad.runtime.simulated.questions import Kind
from metatextgrad.runtime.simulated.reading import read

COMMON = frozenset({"check", "format"})
"""Concepts of any task; they show no focus on this one."""
FOCUS_KEEPS_OUT = 0.6
"""What each concept in the instructions leaves of the author's noise."""
VAGUE = 0.5
"""How often advice comes out as a platitude when nothing keeps the author to the task."""


class Author(NamedTuple):
    """One call of a writing model."""

    kind: Kind
    focus: tuple[str, ...]
    """The concepts of the task that its own instructions speak of. The fixed protocol around them speaks of none."""
    noise: float
    """How often it adds something beside the point."""
    rng: random.Random

    @classmethod
    def reading(cls, kind: Kind, system: str, noise: float, rng: random.Random) -> Self:
        """Return the author that a system prompt makes."""
        focus = tuple(name for name in read(kind, system).concepts if name not in COMMON)
        return cls(kind, focus, noise * FOCUS_KEEPS_OUT ** min(len(focus), 4), rng)

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.rng.random() < probability

    def concept(self, name: str) -> Concept:
        return next(concept for concept in CONCEPTS[self.kind] if concept.name == name)

    def advice(self, name: str, without: str = "") -> str:
        """Return a sentence of advice, one that the text does not have yet where there is one.

        An author without focus often sees what is wrong and still writes no more than a platitude.
        """
        if self.happens(VAGUE * FOCUS_KEEPS_OUT ** len(self.focus)):
            return self.rng.choice(PLATITUDES)
        choices = self.concept(name).advice
        return self.rng.choice([choice for choice in choices if choice not in without] or list(choices))

    def chatter(self) -> list[str]:
        """Return what the author says beside the point: mostly nothing."""
        return [self.rng.choice(GENERIC)] if self.happens(self.noise) else []

    def draw(self, weights: Mapping[str, float], count: int) -> list[str]:
        """Draw different names, the heavier ones sooner."""
        left = {name: weight for name, weight in weights.items() if weight > 0}
        drawn: list[str] = []
        while left and len(drawn) < count:
            name = self.rng.choices(list(left), list(left.values()))[0]
            drawn.append(name)
            del left[name]
        return drawn

    def capacity(self) -> int:
        """Return how many concepts it can take up at once; instructions that name them help it to see more."""
        return 1 + self.happens(0.3) + sum(self.happens(0.5) for _ in self.focus[:3])


def votes(names: Iterable[str]) -> dict[str, float]:
    """Count names."""
    counted: dict[str, float] = {}
    for name in names:
        counted[name] = counted.get(name, 0.0) + 1.0
    return counted
