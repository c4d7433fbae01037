"""Randomness without memory: each draw is derived from a seed and a path.

A generator that is carried along loses its place when a run is killed; a derived one cannot.
"""

import random

from metatextgrad.core.identity import content_id


def derive(seed: int, *path: str | int) -> random.Random:
    """Return a generator that depends on the seed and the path alone."""
    return random.Random(content_id([seed, *path]))
