"""The meta-prompt optimizer: it rewrites an optimizer's instructions for the task (paper Algorithm 3)."""

from typing import Literal

from langgraph.graph import END, START
from typing_extensions import TypedDict

from metatextgrad.core.trial import Candidate
from metatextgrad.graphs.inner_loop import build_inner_loop
from metatextgrad.graphs.loop import Loop, LoopState, build_loop, finished
from metatextgrad.nodes.extract_optimizer import Lineage, extract_optimizer
from metatextgrad.nodes.meta_prompt_rewrite import meta_prompt_rewrite
from metatextgrad.runtime.routing import settings


class MetaPromptInput(TypedDict, total=False):
    """What goes in."""

    optimizer: str
    """tgd, adas-tg, or the id of a stored optimizer."""
    program: str
    lineage: str
    """What reports call the optimizer."""
    order: int
    """Its place among the input optimizers."""
    path: str


class MetaPromptOutput(TypedDict):
    """What comes out."""

    lineages: list[Lineage]
    """One: the optimizer as given, and improved."""


class MetaPromptState(LoopState, total=False):
    """The channels of the meta-prompt loop."""

    optimizer: str
    """The optimizer whose inner loop runs."""
    program: str
    """The initial program, the same for every inner loop."""
    first: Candidate
    """The optimizer as it was given, scored."""
    lineage: str
    order: int
    lineages: list[Lineage]


def build_meta_prompt() -> Loop:
    """Wire Algorithm 3: the given optimizer is scored first, as the paper's text asks."""
    graph = build_loop(
        MetaPromptState,
        given=MetaPromptInput,
        result=MetaPromptOutput,
        level="optimizer",
        propose=("meta_prompt_rewrite", meta_prompt_rewrite),
        evaluate=("inner_loop", build_inner_loop().compile(name="inner_loop")),
        again=next_turn,
        ways=["meta_prompt_rewrite", "extract_optimizer"],
    )
    graph.add_node("extract_optimizer", extract_optimizer)
    graph.add_edge(START, "inner_loop")
    graph.add_edge("extract_optimizer", END)
    return graph


def next_turn(state: MetaPromptState) -> Literal["meta_prompt_rewrite", "extract_optimizer"]:
    """Rewrite again until the meta steps are used up."""
    steps = settings().meta_prompt_steps
    return "extract_optimizer" if finished(state, steps) else "meta_prompt_rewrite"


graph = build_meta_prompt().compile(name="meta_prompt")
