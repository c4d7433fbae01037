"""Score the candidates on all of the validation set (paper Algorithm 1, line 7)."""

from collections.abc import Callable

from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program
from metatextgrad.core.trial import Candidate, Evaluation, brief
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.evaluation import evaluate_program
from metatextgrad.runtime.events import Event, emit
from metatextgrad.runtime.racing import Stopped, race_program
from metatextgrad.runtime.resources import Resources, resources
from metatextgrad.stages import looks_back


class Reads(TypedDict, total=False):
    """What `evaluate` reads."""

    candidates: list[Candidate]
    best: Candidate | None
    optimizer: str
    step: int
    path: str


class Writes(TypedDict):
    """What `evaluate` writes."""

    candidates: list[Candidate]


async def evaluate(state: Reads, runtime: Runtime[Context]) -> Writes:
    """Score each candidate on the whole validation set, in this one node.

    A candidate whose replies cannot be used on more than the tolerated share of examples becomes invalid: its own
    prompt did that. A provider that fails so often pauses the run instead. With the setting `race`, one that cannot win
    any more is stopped.
    """
    given = await resources(runtime, state)
    told = _progress(state, runtime)
    against = await _against(given, state)
    found: list[Candidate] = []
    for item in state["candidates"]:
        found.append(await _scored(given, item, against, told))
        if found[-1] is not item:
            _tell(runtime, state, found[-1])
    return Writes(candidates=found)


async def _against(given: Resources, state: Reads) -> Evaluation | None:
    """Return the incumbent's evaluation for candidates to race against; None where they are scored to the end.

    They are where something reads the score of a candidate that lost: the next proposal, when it starts from the last
    one, and stages that look back at what was tried. Racing would change what those propose.
    """
    best = state.get("best")
    if not given.context.race or given.context.start_from != "best" or best is None or best["evaluation"] is None:
        return None
    optimizer = await get(given.store, Optimizer, state["optimizer"])
    if any(looks_back(stage) for stage in optimizer.stages()):
        return None
    return await get(given.store, Evaluation, best["evaluation"])


async def _scored(
    given: Resources, item: Candidate, against: Evaluation | None, told: Callable[[int, int], None]
) -> Candidate:
    if item["id"] is None or item["status"] != "proposed":
        return item
    program = await get(given.store, Program, item["id"])
    if against is None:
        evaluation = await evaluate_program(given, program, "val", told)
    else:
        raced = await race_program(given, program, against, told)
        if isinstance(raced, Stopped):
            left_out, reason = raced.of - raced.done, brief(raced.sentence())
            return {**item, "status": "stopped", "reason": reason, "left_out": left_out, "saved": raced.calls}
        evaluation = raced
    if reason := unusable(given, evaluation):
        return {**item, "status": "invalid", "reason": brief(reason)}
    return {**item, "status": "scored", "score": evaluation.score, "evaluation": await put(given.store, evaluation)}


def unusable(given: Resources, evaluation: Evaluation) -> str:
    """Say why an evaluation gives no score; empty when it does."""
    total = len(evaluation.results)
    bad = [result for result in evaluation.results if result.failure in ("reply", "metric")]
    if len(bad) > given.context.unscored_share * total:
        return f"{len(bad)} of {total} examples stay unscored: {bad[0].feedback}"
    return ""


def _tell(runtime: Runtime[Context], state: Reads, item: Candidate) -> None:
    best = state.get("best")
    emit(
        runtime,
        Event(
            type="evaluation",
            path=state.get("path", ""),
            step=state["step"],
            stage=item["stage"],
            candidate=item["id"] or "",
            score=item["score"],
            best=best["score"] if best else None,
            outcome=item["status"],
            reason=item["reason"],
        ),
    )


def _progress(state: Reads, runtime: Runtime[Context]) -> Callable[[int, int], None]:
    path, step = state.get("path", ""), state["step"]

    def told(done: int, of: int) -> None:
        if done == of or done % 10 == 0:
            emit(runtime, Event(type="evaluating", path=path, step=step, done=done, of=of))

    return told
