"""metaTextGrad: improve each optimizer's instructions, then merge the optimizers (paper Algorithm 2 and 3.3.3)."""

import operator
from typing import Annotated

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

from metatextgrad.core.trial import Candidate
from metatextgrad.graphs.loop import Loop
from metatextgrad.graphs.meta_prompt import build_meta_prompt
from metatextgrad.graphs.meta_structure import build_meta_structure
from metatextgrad.nodes.extract_optimizer import Lineage
from metatextgrad.nodes.final_test import final_test
from metatextgrad.runtime.context import Context

BASE_OPTIMIZERS = ("tgd", "adas-tg")
"""The paper's input optimizers (4.2)."""


class OuterInput(TypedDict, total=False):
    """What goes in."""

    optimizers: list[str]
    """Built-in names or ids of stored optimizers; none takes the paper's two."""
    names: list[str]
    """What reports call them; none takes the above."""
    program: str
    """The id of a stored program; empty takes the task's initial program."""


class OuterOutput(TypedDict):
    """What comes out."""

    best: Candidate
    """The learned optimizer, the program it found, and its validation score."""
    findings: str
    """The id of the stored Findings."""


class OuterState(TypedDict, total=False):
    """The channels of the outer loop."""

    optimizers: list[str]
    names: list[str]
    program: str
    lineages: Annotated[list[Lineage], operator.add]
    best: Candidate
    last_trial: str | None
    findings: str


def build_outer_loop() -> Loop:
    """Wire metaTextGrad: the lineages run side by side."""
    graph = StateGraph(OuterState, context_schema=Context, input_schema=OuterInput, output_schema=OuterOutput)
    graph.add_node("meta_prompt", build_meta_prompt().compile(name="meta_prompt"))
    graph.add_node("meta_structure", build_meta_structure().compile(name="meta_structure"))
    graph.add_node("final_test", final_test)
    graph.add_conditional_edges(START, lineages, ["meta_prompt"])
    graph.add_edge("meta_prompt", "meta_structure")
    graph.add_edge("meta_structure", "final_test")
    graph.add_edge("final_test", END)
    return graph


def lineages(state: OuterState) -> list[Send]:
    """Send each input optimizer on its own way."""
    optimizers = state.get("optimizers") or list(BASE_OPTIMIZERS)
    names = state.get("names") or optimizers
    program = state.get("program", "")
    return [
        Send(
            "meta_prompt",
            {"optimizer": optimizer, "program": program, "lineage": name, "order": order, "path": f"{name}/0"},
        )
        for order, (optimizer, name) in enumerate(zip(optimizers, names, strict=True))
    ]


graph = build_outer_loop().compile(name="outer_loop")
