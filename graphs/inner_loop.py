"""The inner loop: an optimizer improves a program (paper Algorithm 1)."""

from typing import Annotated, Literal

from langgraph.channels import EphemeralValue
from langgraph.graph import END, START
from typing_extensions import TypedDict

from metatextgrad.core.schedule import Cursor
from metatextgrad.core.trial import Candidate
from metatextgrad.graphs.loop import Loop, LoopState, build_loop, finished
from metatextgrad.nodes.evaluate import evaluate
from metatextgrad.nodes.extract_program import extract_program
from metatextgrad.nodes.initialize import initialize
from metatextgrad.nodes.propose import propose
from metatextgrad.nodes.textual_gradient import textual_gradient
from metatextgrad.runtime.routing import settings


class InnerInput(TypedDict, total=False):
    """What goes in: names or content ids."""

    optimizer: str
    """tgd, adas-tg, or the id of a stored optimizer."""
    program: str
    """The id of a stored program; empty takes the task's initial program."""
    path: str


class InnerOutput(TypedDict):
    """What comes out."""

    candidates: list[Candidate]
    """One: the optimizer, scored by the best program that it found."""


class InnerState(LoopState, total=False):
    """The channels of the inner loop."""

    optimizer: str
    program: Annotated[str, EphemeralValue]
    """For `initialize` alone, and not kept in checkpoints after it."""
    cursor: Cursor
    """Where the optimizer's schedule stands."""
    needs_gradient: bool
    current: str
    """The program that the next proposal starts from."""
    gradients: Annotated[str, EphemeralValue]
    """For the proposal that comes next."""


def build_inner_loop() -> Loop:
    """Wire Algorithm 1."""
    graph = build_loop(
        InnerState,
        given=InnerInput,
        result=InnerOutput,
        level="program",
        propose=("propose", propose),
        evaluate=("evaluate", evaluate),
        again=next_turn,
        ways=["textual_gradient", "propose", "extract_program"],
    )
    graph.add_node("initialize", initialize)
    graph.add_node("textual_gradient", textual_gradient)
    graph.add_node("extract_program", extract_program)
    graph.add_edge(START, "initialize")
    graph.add_edge("initialize", "evaluate")
    graph.add_edge("textual_gradient", "propose")
    graph.add_edge("extract_program", END)
    return graph


def next_turn(state: InnerState) -> Literal["textual_gradient", "propose", "extract_program"]:
    """Go on with the next stage, by way of a gradient where it needs one."""
    if finished(state, settings().steps):
        return "extract_program"
    return "textual_gradient" if state["needs_gradient"] else "propose"


graph = build_inner_loop().compile(name="inner_loop")
