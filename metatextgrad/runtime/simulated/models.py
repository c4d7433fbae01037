"""Simulated models by level."""

from collections.abc import Mapping
from typing import Any

from metatextgrad.core.errors import unknown
from metatextgrad.runtime.simulated.base import SimulatedModel
from metatextgrad.runtime.simulated.judge import SimulatedJudgeModel
from metatextgrad.runtime.simulated.program import SimulatedProgramModel
from metatextgrad.runtime.simulated.writer import SimulatedMetaModel, SimulatedOptimizerModel

LEVELS: Mapping[str, type[SimulatedModel]] = {
    "program": SimulatedProgramModel,
    "optimizer": SimulatedOptimizerModel,
    "meta": SimulatedMetaModel,
    "judge": SimulatedJudgeModel,
}


def simulated_model(level: str, **options: Any) -> SimulatedModel:
    """Return the simulated model of a level; options are fields of `SimulatedModel`, such as latency_seconds.

    Raises:
        InputError: there is no such level.
    """
    if level not in LEVELS:
        raise unknown("simulated model", level, list(LEVELS))
    return LEVELS[level](**options)
