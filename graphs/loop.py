"""The one loop of the project, at both levels: propose, evaluate, update, again or end (design 1)."""

from collections.abc import Callable, Hashable
from typing import Any

from langgraph.graph import StateGraph
from typing_extensions import TypedDict

from metatextgrad.core.trial import Candidate
from metatextgrad.nodes.update import update
from metatextgrad.runtime.context import Context

Named = tuple[str, Any]
"""A node or a compiled graph, under its name."""
Loop = StateGraph[Any, Context, Any, Any]


class LoopState(TypedDict, total=False):
    """The channels that every loop has. They hold ids, scores, counters and short words; content is in the store."""

    candidates: list[Candidate]
    """Proposed, then scored."""
    best: Candidate | None
    """The incumbent."""
    first: Candidate
    """What the loop was given, scored."""
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
        propose: the node that suggests candidates.
        evaluate: the node, or the whole loop, that scores them.
        again: chooses after an update where to go on.
        ways: the nodes that `again` chooses from.
    """
    graph = StateGraph(state, context_schema=Context, input_schema=given, output_schema=result)
    graph.add_node(*propose)
    graph.add_node(*evaluate)
    graph.add_node("update", update)
    ways_on: dict[Hashable, str] = {"usable": evaluate[0], "none": "update"}
    graph.add_conditional_edges(propose[0], proposed, ways_on)
    graph.add_edge(evaluate[0], "update")
    graph.add_conditional_edges("update", again, ways)
    return graph


def proposed(state: LoopState) -> str:
    """Tell whether there is a candidate to score."""
    return "usable" if any(item["id"] for item in state["candidates"]) else "none"


def finished(state: LoopState, steps: int) -> bool:
    """Tell whether the steps are used up, or nothing can be strictly better any more."""
    best = state.get("best")
    return state["step"] > steps or (best is not None and best["score"] is not None and best["score"] >= 1)
