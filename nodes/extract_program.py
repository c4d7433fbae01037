"""ExtractOptimizedProgram(): the inner loop's result, as the score of its optimizer (paper Algorithms 1 and 2)."""

from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.trial import Candidate
from metatextgrad.runtime.artifacts import get
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.resources import resources


class Reads(TypedDict):
    """What `extract_program` reads."""

    optimizer: str
    best: Candidate
    last_trial: str


class Writes(TypedDict):
    """What `extract_program` writes."""

    candidates: list[Candidate]


async def extract_program(state: Reads, runtime: Runtime[Context]) -> Writes:
    """Score the optimizer by the best program that it found."""
    given = await resources(runtime, state)
    optimizer = await get(given.store, Optimizer, state["optimizer"])
    best = state["best"]
    found = Candidate(
        id=state["optimizer"],
        stage=optimizer.name,
        score=best["score"],
        evaluation=best["evaluation"],
        program=best["id"],
        trial=state["last_trial"],
        status="scored",
        reason="",
    )
    return Writes(candidates=[found])
