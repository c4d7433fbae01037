"""Initialize(D, Φ): the inner loop starts from the initial program (paper Algorithm 1)."""

from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program
from metatextgrad.core.schedule import Cursor, start
from metatextgrad.core.trial import Candidate, candidate
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.resources import resources
from metatextgrad.stages import OPTIMIZERS, checked, optimizer_named


class Reads(TypedDict, total=False):
    """What `initialize` reads."""

    optimizer: str
    program: str


class Writes(TypedDict):
    """What `initialize` writes."""

    optimizer: str
    candidates: list[Candidate]
    cursor: Cursor
    step: int


async def initialize(state: Reads, runtime: Runtime[Context]) -> Writes:
    """Turn names into stored content and put the initial program up for its first score.

    `optimizer` is a built-in name or a content id, tgd where it is empty; `program` is a content id, the task's own
    initial program where it is empty.
    """
    given = await resources(runtime, state)
    name = state.get("optimizer") or "tgd"
    optimizer = optimizer_named(name) if name in OPTIMIZERS else await get(given.store, Optimizer, name)
    program = state.get("program") or await put(given.store, given.task.program)
    await get(given.store, Program, program)
    return Writes(
        optimizer=await put(given.store, checked(optimizer)),
        candidates=[candidate(program, "initial")],
        cursor=start(optimizer.schedule),
        step=0,
    )
