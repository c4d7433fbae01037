"""The meta-structure optimizer: it merges optimizers into one (paper Algorithm 4)."""

from typing import Literal

from langgraph.graph import END, START
from typing_extensions import TypedDict

from metatextgrad.core.trial import Candidate
from metatextgrad.graphs.inner_loop import build_inner_loop
from metatextgrad.graphs.loop import Loop, LoopState, build_loop, finished
from metatextgrad.nodes.extract_optimizer import Lineage
from metatextgrad.nodes.pick_incumbent import pick_incumbent
from metatextgrad.nodes.structure_merge import structure_merge
from metatextgrad.runtime.routing import settings


class MetaStructureInput(TypedDict, total=False):
    """What goes in."""

    lineages: list[Lineage]
    """The reference optimizers, with their known scores."""
    program: str


class MetaStructureOutput(TypedDict):
    """What comes out."""

    best: Candidate
    """The optimizer that won, the program it found, and its score."""
    last_trial: str | None


class MetaStructureState(LoopState, total=False):
    """The channels of the meta-structure loop."""

    lineages: list[Lineage]
    optimizer: str
    """The optimizer whose inner loop runs."""
    program: str
    """The initial program, the same for every inner loop."""


def build_meta_structure() -> Loop:
    """Wire Algorithm 4: the best reference is the first incumbent, as the paper's text asks."""
    graph = build_loop(
        MetaStructureState,
        given=MetaStructureInput,
        result=MetaStructureOutput,
        level="optimizer",
        propose=("structure_merge", structure_merge),
        evaluate=("merged_inner_loop", build_inner_loop().compile(name="inner_loop")),
        again=next_turn,
        ways=["structure_merge", END],
    )
    graph.add_node("pick_incumbent", pick_incumbent)
    graph.add_edge(START, "pick_incumbent")
    graph.add_conditional_edges("pick_incumbent", next_turn, ["structure_merge", END])
    return graph


def next_turn(state: MetaStructureState) -> Literal["structure_merge", "__end__"]:
    """Merge again until the meta steps are used up."""
    steps = settings().meta_structure_steps
    return "__end__" if finished(state, steps) else "structure_merge"


graph = build_meta_structure().compile(name="meta_structure")
