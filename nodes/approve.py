"""A person decides whether a strictly better candidate is accepted: LangGraph's interrupt."""

from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict

from metatextgrad.core.approval import Approval, Decision, decision_of
from metatextgrad.core.difference import difference
from metatextgrad.core.errors import InputError
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program
from metatextgrad.core.schedule import Cursor
from metatextgrad.core.trial import Approved, Candidate, brief, candidate
from metatextgrad.nodes.update import leading
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import Event, emit
from metatextgrad.runtime.resources import Resources, resources
from metatextgrad.stages.edits import edited


class Reads(TypedDict, total=False):
    """What `approve` reads. A loop over programs has a cursor into its optimizer's schedule; a meta loop has none."""

    candidates: list[Candidate]
    best: Candidate
    step: int
    path: str
    cursor: Cursor


class Writes(TypedDict, total=False):
    """What `approve` writes."""

    candidates: list[Candidate]
    approved: Approved
    optimizer: str
    """An edited optimizer, whose inner loop runs next."""


async def approve(state: Reads, runtime: Runtime[Context]) -> Writes:
    """Show the leading candidate beside the incumbent, wait for a person, and do what they say.

    An edited candidate takes the place of the one that was shown and is scored like any other; its author is not asked
    again. LangGraph runs this node from its start once there is an answer, so nothing before `interrupt` has effects.
    """
    given = await resources(runtime, state)
    shown = await leading(given, state["best"], state["candidates"])
    assert shown is not None, "an edge leads here only with a better candidate"
    asked = await _question(given, state, shown)
    decision, instead = _answered(asked)
    emit(
        runtime,
        Event(
            type="approval",
            level=asked.level,
            path=asked.path,
            step=asked.step,
            stage=asked.stage,
            candidate=asked.candidate,
            score=asked.score,
            best=asked.best,
            outcome=decision.decision,
            reason=brief(decision.reason),
        ),
    )
    if instead is not None and instead.id != asked.candidate:
        return _replaced(state, shown, await put(given.store, instead), decision)
    if decision.decision == "reject":
        note = _note("rejected by a person", decision)
        return Writes(candidates=[_rejected(item, note) if item is shown else item for item in state["candidates"]])
    return Writes(approved=Approved(id=asked.candidate, note=_note("approved by a person", decision)))


async def _question(given: Resources, state: Reads, shown: Candidate) -> Approval:
    kind: type[Program] | type[Optimizer] = Program if "cursor" in state else Optimizer
    before = await get(given.store, kind, str(state["best"]["id"]))
    after = await get(given.store, kind, str(shown["id"]))
    return Approval(
        level="program" if "cursor" in state else "optimizer",
        path=state.get("path", ""),
        step=state["step"],
        stage=shown["stage"],
        candidate=after.id,
        incumbent=before.id,
        score=shown["score"] or 0.0,
        best=state["best"]["score"] or 0.0,
        diff=difference(before, after),
        value=after.model_dump(mode="json"),
    )


def _answered(asked: Approval) -> tuple[Decision, Program | Optimizer | None]:
    """Interrupt until there is an answer that can be used; the question says what was wrong with the last one."""
    problem = ""
    while True:
        answer = interrupt(asked.model_copy(update={"problem": problem}).model_dump(mode="json"))
        try:
            decision = decision_of(answer)
            return decision, edited(asked, decision)
        except InputError as error:
            problem = str(error)


def _replaced(state: Reads, shown: Candidate, identifier: str, decision: Decision) -> Writes:
    """Withdraw what was shown and put the edited one up for its score."""
    others = [
        _rejected(item, _note("edited by a person", decision)) if item is shown else item
        for item in state["candidates"]
    ]
    note = _note(f"edited by a person, from {shown['id']}", decision)
    writes = Writes(
        candidates=[*others, candidate(identifier, shown["stage"])], approved=Approved(id=identifier, note=note)
    )
    if "cursor" not in state:
        writes["optimizer"] = identifier
    return writes


def _rejected(item: Candidate, note: str) -> Candidate:
    return {**item, "status": "rejected", "reason": brief(note)}


def _note(what: str, decision: Decision) -> str:
    return f"{what}: {decision.reason}" if decision.reason else what
