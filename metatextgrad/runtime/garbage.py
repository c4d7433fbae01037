"""How often Python looks for garbage while a run goes on.

A look goes through everything that was imported and holds up every call in flight, for some 0.15 s each time
(`docs/performance.md`).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = (10_000, 20, 100)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let Python look for garbage seldom until the block ends; who has it look more seldom still keeps that."""
    before = gc.get_threshold()
    if before[0]:  # with 0 nothing is collected at all
        gc.set_threshold(*map(max, before, _SELDOM))
    try:
        yield
    finally:
        gc.set_threshold(*before)
