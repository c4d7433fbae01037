"""The one loop of the project, at both levels: propose, evaluate, update, again or end (design 1).

Where a person is to approve, a strictly better candidate goes by `approve` on its way from evaluate to update.
"""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from langgraph.graph import StateGraph
from typing_extensions import TypedDict

from metatextgrad.core.approval import Level, asks
from metatextgrad.core.trial import Approved, Candidate
from metatextgrad.nodes.approve import approve
from metatextgrad.nodes.update import leading, update
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.resources import resources
from metatextgrad.runtime.routing import running, settings

Named = tuple[str, Any]
"""A node or a compiled graph, under its name."""
Loop = StateGraph[Any, Context, Any, Any]


class LoopState(TypedDict, total=False):
    """The channels that every loop has. They hold ids, scores, counters and short words; content is in the store."""

    candidates: list[Candidate]
    """Proposed, then scored."""
    approved: Approved
    """The last candidate that a person let pass; nothing where nobody is asked."""
    best: Candidate | None
    """The incumbent."""
    last_trial: str | None
    """The newest trial; each names the one before."""
    step: int
    path: str
    """Which loop this is, such as tgd/2; for people who watch."""


def build_loop(
    state: type[Any],
    *,
    given: type[Any],
    result: type[Any],
    level: Level,
    propose: Named,
    evaluate: Named,
    again: Callable[..., str],
    ways: list[str],
) -> Loop:
    """Wire propose -> evaluate -> update -> again; a proposal without a usable candidate skips its evaluation.

    Args:
        state: the channels; `given` and `result` name those that go in and come out.
        given: the input.
        result: the output.
        level: what the candidates are.
        propose: the node that suggests candidates.
        evaluate: the node, or the whole loop, that scores them.
        again: chooses after an update where to go on.
        ways: the nodes that `again` chooses from.
    """
    graph = StateGraph(state, context_schema=Context, input_schema=given, output_schema=result)
    graph.add_node(*propose)
    graph.add_node(*evaluate)
    graph.add_node("approve", approve)
    graph.add_node("update", update)
    ways_on: dict[Hashable, str] = {"usable": evaluate[0], "none": "update"}
    decided = asking(level)
    graph.add_conditional_edges(propose[0], proposed, ways_on)
    graph.add_conditional_edges(evaluate[0], decided, {"ask": "approve", "decided": "update"})
    graph.add_conditional_edges("approve", decided, {"edited": evaluate[0], "ask": "approve", "decided": "update"})
    graph.add_conditional_edges("update", again, ways)
    return graph


def proposed(state: LoopState) -> str:
    """Tell whether there is a candidate to score."""
    return "usable" if any(item["id"] for item in state["candidates"]) else "none"


def asking(level: Level) -> Callable[[LoopState], Awaitable[str]]:
    """Return how to tell whether a person has to see a candidate of this level before it is accepted."""

    async def decided(state: LoopState) -> str:
        if any(item["status"] == "proposed" for item in state["candidates"]):
            return "edited"
        best, approved, runtime = state.get("best"), state.get("approved"), running()
        if best is None or runtime is None or not asks(settings().approve, level):
            return "decided"
        first = await leading(await resources(runtime), best, state["candidates"])
        passed = first is best or (approved and first and approved["id"] == first["id"])
        return "decided" if passed else "ask"

    return decided


def finished(state: LoopState, steps: int) -> bool:
    """Tell whether the steps are used up, or nothing can be strictly better any more."""
    best = state.get("best")
    return state["step"] > steps or (best is not None and best["score"] is not None and best["score"] >= 1)
