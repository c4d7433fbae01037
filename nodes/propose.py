"""Propose(): the current stage of the optimizer suggests a program (paper Algorithm 1)."""

from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from metatextgrad.core.copying import copied_answers
from metatextgrad.core.errors import ReplyError
from metatextgrad.core.optimizer import Optimizer, Stage
from metatextgrad.core.program import Program
from metatextgrad.core.schedule import Cursor, current
from metatextgrad.core.trial import Candidate, Gradients, Trial, candidate
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import emit, proposal_of
from metatextgrad.runtime.gathering import gather_all
from metatextgrad.runtime.resources import Resources, resources
from metatextgrad.stages import kind_of, settings_of
from metatextgrad.stages.kind import NothingToProposeError, Proposing


class Reads(TypedDict, total=False):
    """What `propose` reads."""

    optimizer: str
    cursor: Cursor
    current: str
    gradients: str
    last_trial: str | None
    step: int
    path: str


class Writes(TypedDict):
    """What `propose` writes."""

    candidates: list[Candidate]


async def propose(state: Reads, runtime: Runtime[Context]) -> Writes:
    """Let the stage at the cursor propose; under best_of there are several, side by side.

    A stage that finds no usable program gives an invalid candidate with its reason; nothing malformed goes on. One that
    copies training answers goes on, flagged: the validation set decides.
    """
    given = await resources(runtime, state)
    optimizer = await get(given.store, Optimizer, state["optimizer"])
    stages = current(optimizer.schedule, state["cursor"])
    candidates = await gather_all(_candidate(given, stage, state) for stage in stages)
    for item in candidates:
        emit(runtime, proposal_of(item, "program", state.get("path", ""), state["step"]))
    return Writes(candidates=candidates)


async def _candidate(given: Resources, stage: Stage, state: Reads) -> Candidate:
    proposing = await _seen_by(given, stage, state)
    try:
        program = await kind_of(stage).propose(proposing)
    except NothingToProposeError as nothing:
        return candidate(None, stage.label, "skipped", str(nothing))
    except ReplyError as error:
        return candidate(None, stage.label, "invalid", str(error))
    copied = copied_answers(proposing.program, program, given.task.trainset)
    flag = f"copies the answers of {len(copied)} training examples, such as {copied[0]}" if copied else ""
    return candidate(await put(given.store, program), stage.label, reason=flag)


async def _seen_by(given: Resources, stage: Stage, state: Reads) -> Proposing:
    gradients = state.get("gradients") if kind_of(stage).needs_gradient else None
    wanted = None if kind_of(stage).needs_all_trials else getattr(settings_of(stage), "history", 0)
    return Proposing(
        resources=given,
        stage=stage,
        program=await get(given.store, Program, state["current"]),
        gradients=await get(given.store, Gradients, gradients) if gradients else None,
        history=await last_trials(given, state.get("last_trial"), wanted),
        step=state["step"],
    )


async def last_trials(given: Resources, newest: str | None, wanted: int | None) -> tuple[Trial, ...]:
    """Return up to `wanted` trials, all of them for None, oldest first, by walking back from the newest."""
    found: list[Trial] = []
    while newest and (wanted is None or len(found) < wanted):
        found.append(await get(given.store, Trial, newest))
        newest = found[-1].previous
    return tuple(reversed(found))
