"""Simulated chat models: the embedded default, so that everything runs with no key and no network.

Scores made with them say nothing about real models; see `docs/simulated.md` for what they model and what they do not.
"""

from metatextgrad.runtime.simulated.base import SimulatedModel
from metatextgrad.runtime.simulated.models import simulated_model

__all__ = ["SimulatedModel", "simulated_model"]
