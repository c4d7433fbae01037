"""Update(candidate, score): keep what is strictly better, and choose what comes next (paper Algorithms 3 and 4)."""

from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from metatextgrad.core.comparison import is_confirmed
from metatextgrad.core.errors import InputError
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.schedule import Cursor, advance, current
from metatextgrad.core.trial import Approved, Candidate, Evaluation, Outcome, Trial, brief
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import Event, emit
from metatextgrad.runtime.resources import Resources, resources
from metatextgrad.stages import kind_of


class Reads(TypedDict, total=False):
    """What `update` reads. A loop over programs has a cursor into its optimizer's schedule; a meta loop has none."""

    candidates: list[Candidate]
    approved: Approved
    step: int
    best: Candidate | None
    last_trial: str | None
    path: str
    optimizer: str
    cursor: Cursor
    current: str


class Writes(TypedDict, total=False):
    """What `update` writes."""

    best: Candidate | None
    first: Candidate
    current: str
    last_trial: str
    cursor: Cursor
    step: int
    needs_gradient: bool


async def update(state: Reads, runtime: Runtime[Context]) -> Writes:
    """Keep a candidate only if it scores strictly higher than the incumbent; record the trial; choose the next stage.

    With the setting `accept` a paired test has to confirm that, too; an optimizer is tested by its best program.

    The same function serves both levels: a candidate is a program in the inner loop and an optimizer in a meta loop.
    """
    given = await resources(runtime, state)
    before, scored = state.get("best"), _noted(state)
    best = await leading(given, before, scored)
    improved = best is not before
    trial = _trial(state, scored, best, improved)
    _tell(runtime, trial)
    writes = Writes(best=best, last_trial=await put(given.store, trial), step=state.get("step", 0) + 1)
    if "cursor" in state:
        writes.update(await _next_stage(given, state, best, improved))
    elif state.get("step", 0) == 0:
        writes["first"] = scored[0]
    return writes


async def _next_stage(given: Resources, state: Reads, best: Candidate | None, improved: bool) -> Writes:
    """Advance the schedule; the first turn scores the initial program and is no step of it."""
    optimizer = await get(given.store, Optimizer, state["optimizer"])
    cursor = state["cursor"]
    if state.get("step", 0) > 0:
        cursor = advance(optimizer.schedule, cursor, improved)
    stages = current(optimizer.schedule, cursor)
    return Writes(
        cursor=cursor,
        needs_gradient=any(kind_of(stage).needs_gradient for stage in stages),
        current=_start(given, state, best),
    )


def _start(given: Resources, state: Reads, best: Candidate | None) -> str:
    """Return the program that the next proposal starts from."""
    if best is None or best["id"] is None:
        raise InputError(f"The initial program cannot be scored: {state['candidates'][0]['reason']}")
    if given.context.start_from == "best":
        return best["id"]
    last = [item["id"] for item in state["candidates"] if item["status"] == "scored" and item["id"]]
    return last[-1] if last else state["current"]


async def leading(given: Resources, best: Candidate | None, scored: list[Candidate]) -> Candidate | None:
    """Return the incumbent after these candidates; the old one where none may replace it."""
    return better(best, await _confirmed(given, best, scored))


async def _confirmed(given: Resources, best: Candidate | None, scored: list[Candidate]) -> list[Candidate]:
    """Return the candidates that may replace the incumbent: with paired acceptance those that the test confirms."""
    if given.context.accept == "strict" or best is None or best["evaluation"] is None:
        return scored
    incumbent = await get(given.store, Evaluation, best["evaluation"])
    level, seed = given.context.accept_level, given.context.seed
    found: list[Candidate] = []
    for item in scored:
        if item["evaluation"] is not None:
            evaluation = await get(given.store, Evaluation, item["evaluation"])
            found += [item] if is_confirmed(incumbent, evaluation, level=level, seed=seed) else []
    return found


def better(best: Candidate | None, scored: list[Candidate]) -> Candidate | None:
    """Return the new incumbent: the best scored candidate if strictly better, else the old one; ties change nothing.

    What a person rejected is no candidate any more.
    """
    for item in (item for item in scored if item["status"] != "rejected"):
        if item["score"] is not None and (best is None or item["score"] > (best["score"] or 0.0)):
            best = item
    return best


def _noted(state: Reads) -> list[Candidate]:
    """Return the candidates, with what a person said of the one that they let pass."""
    if (approved := state.get("approved")) is None:
        return state["candidates"]
    note = brief(approved["note"])
    return [{**item, "reason": note} if item["id"] == approved["id"] else item for item in state["candidates"]]


def _trial(state: Reads, scored: list[Candidate], best: Candidate | None, improved: bool) -> Trial:
    return Trial(
        level="program" if "cursor" in state else "optimizer",
        path=state.get("path", ""),
        step=state.get("step", 0),
        previous=state.get("last_trial"),
        candidates=tuple(scored),
        outcome=outcome_of(scored, improved),
        best=best["id"] if best else None,
        best_score=best["score"] if best else None,
    )


def outcome_of(scored: list[Candidate], improved: bool) -> Outcome:
    """Name what became of a turn; a candidate that could not be scored never counts as a wrong one."""
    if improved:
        return "accepted"
    states = {item["status"] for item in scored}
    return "rejected" if states & {"scored", "stopped", "rejected"} else "invalid" if "invalid" in states else "skipped"


def _tell(runtime: Runtime[Context], trial: Trial) -> None:
    scores = [item["score"] for item in trial.candidates if item["score"] is not None]
    emit(
        runtime,
        Event(
            type="step",
            level=trial.level,
            path=trial.path,
            step=trial.step,
            stage=" + ".join(item["stage"] for item in trial.candidates),
            candidate=trial.best or "",
            score=max(scores, default=None),
            best=trial.best_score,
            outcome=trial.outcome,
            reason=next((item["reason"] for item in trial.candidates if item["reason"]), ""),
        ),
    )
