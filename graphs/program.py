"""A program as a graph: one node a component, one channel a value, so that it can be drawn, streamed and deployed."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from metatextgrad.core.program import Component, Program, chain_of_thought
from metatextgrad.graphs.loop import Loop
from metatextgrad.nodes.run_component import run_component
from metatextgrad.runtime.context import Context
from metatextgrad.tasks.prompts import INSTRUCTIONS

OUTPUT = "output-answer"
"""The last node of a program whose answer has another name; components cannot have a dash in theirs."""


class ProgramOutput(TypedDict):
    """What comes out."""

    answer: str


def build_program(program: Program) -> Loop:
    """Wire a program: a component follows those whose values it reads, and runs beside those it does not depend on.

    What goes in are the program's inputs. A component whose value is a list has a channel that holds a list.
    """
    inputs = {name: str for name in program.inputs}
    values = {part.name: list[str] if part.writes_list() else str for part in program.components}
    state = _channels("ProgramState", {"answer": str, **inputs, **values})
    given = _channels("ProgramInput", inputs)
    graph = StateGraph(state, context_schema=Context, input_schema=given, output_schema=ProgramOutput)
    for part in program.components:
        graph.add_node(part.name, run_component(part), input_schema=_channels("Reads", _picked(state, part.reads())))
        _follow(graph, part.name, [name for name in part.reads() if name in values])
    _end(graph, program, state)
    return graph


def _end(graph: Loop, program: Program, state: type[Any]) -> None:
    """Give the answer once every component is through, so that it overwrites no value that is still read."""
    leaves = _leaves(program.components)
    if program.answer == "answer":
        for name in leaves:
            graph.add_edge(name, END)
        return
    reads = _channels("Reads", _picked(state, [program.answer]))
    graph.add_node(OUTPUT, lambda state: {"answer": state.get(program.answer, "")}, input_schema=reads)
    _follow(graph, OUTPUT, leaves)
    graph.add_edge(OUTPUT, END)


def _follow(graph: Loop, name: str, before: list[str]) -> None:
    """Start a node when all of `before` are through; at once if there are none."""
    match before:
        case []:
            graph.add_edge(START, name)
        case [one]:
            graph.add_edge(one, name)
        case _:
            graph.add_edge(before, name)


def _leaves(components: tuple[Component, ...]) -> list[str]:
    """Return the components that no other reads."""
    read = {name for part in components for name in part.reads()}
    return [part.name for part in components if part.name not in read]


def _channels(name: str, types: Mapping[str, object]) -> type[Any]:
    """Return a state type made at run time, which type checkers do not foresee."""
    return cast("type[Any]", cast("Any", TypedDict)(name, dict(types), total=False))


def _picked(state: type[Any], names: Iterable[str]) -> dict[str, object]:
    return {name: state.__annotations__[name] for name in names}


graph = build_program(chain_of_thought("chain_of_thought", INSTRUCTIONS)).compile(name="program")
