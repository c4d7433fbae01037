"""The programs that a loop has tried before, for stages that show them."""

from metatextgrad.core.program import Program
from metatextgrad.core.trial import Trial
from metatextgrad.runtime.artifacts import get
from metatextgrad.stages.kind import Proposing


async def past_programs(given: Proposing) -> list[tuple[str, Program]]:
    """Return each scored program of the history with a line that says its score, oldest first; one a step."""
    found = [await _scored(given, trial) for trial in given.history]
    return [item for item in found if item is not None]


async def _scored(given: Proposing, trial: Trial) -> tuple[str, Program] | None:
    for item in trial.candidates:
        if item["id"] and item["score"] is not None:
            program = await get(given.resources.store, Program, item["id"])
            return f"Validation score {item['score']:.2f}:", program
    return None
