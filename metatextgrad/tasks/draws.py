"""Draw distinct examples from a generator."""

import random
from collections.abc import Callable

from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example

Draw = Callable[[random.Random], tuple[str, str]]
"""Draws one (input, target) pair."""


def distinct(draw: Draw, *, name: str, seed: int, count: int) -> tuple[Example, ...]:
    """Draw `count` examples with different inputs; a larger count only adds to the end."""
    examples: list[Example] = []
    seen: set[str] = set()
    attempt = 0
    while len(examples) < count:
        question, target = draw(derive(seed, name, attempt))
        attempt += 1
        if question not in seen:
            seen.add(question)
            examples.append(Example(id=f"{name}/{len(examples):03d}", input=question, target=target))
    return tuple(examples)
