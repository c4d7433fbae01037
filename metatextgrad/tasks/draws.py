"""Draw distinct examples from a generator, and draw the sets of a benchmark."""

import random
from collections.abc import Callable, Sequence

from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example

DATA_SEED = 2505
"""What a benchmark draws is the same in every run, whatever the run's seed: scores of runs can be compared."""
Sizes = tuple[int, int, int]
"""How many training, validation and test examples."""
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


def drawn_sets(examples: Sequence[Example], sizes: Sizes, name: str) -> dict[str, tuple[Example, ...]]:
    """Return three disjoint sets of these sizes, drawn by a fixed seed; the paper does not say how it drew them."""
    shuffled = list(examples)
    derive(DATA_SEED, name, "sets").shuffle(shuffled)
    train, val, test = sizes
    return {
        "trainset": tuple(shuffled[:train]),
        "valset": tuple(shuffled[train : train + val]),
        "testset": tuple(shuffled[train + val : train + val + test]),
    }
