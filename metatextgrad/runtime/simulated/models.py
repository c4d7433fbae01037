"""Simulated models by level."""

from metatextgrad.core.errors import unknown
from metatextgrad.runtime.simulated.base import SimulatedModel


def simulated_model(level: str) -> SimulatedModel:
    """Return the simulated model of a level."""
    raise unknown("simulated model", level, [])
