"""What nodes say they read and write are channels of the graph they stand in; LangGraph itself does not tell."""

import typing
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

from metatextgrad.core.program import Program
from metatextgrad.graphs.inner_loop import build_inner_loop
from metatextgrad.graphs.meta_prompt import build_meta_prompt
from metatextgrad.graphs.meta_structure import build_meta_structure
from metatextgrad.graphs.outer_loop import build_outer_loop, lineages
from metatextgrad.graphs.program import build_program
from tests.test_program_graph import SHAPES

Graph = StateGraph[Any, Any, Any, Any]
LOOPS = (build_inner_loop, build_meta_prompt, build_meta_structure, build_outer_loop)
BY_SEND = {"meta_prompt"}
"""Nodes that get what a router sends them, not what the channels hold."""
STEPS = [
    (build, name) for build in LOOPS for name, node in build().nodes.items() if not isinstance(node.runnable, Pregel)
]

SHARED = {"update": {"cursor", "current", "first", "needs_gradient"}, "approve": {"cursor", "optimizer"}}
"""What nodes of both levels read and write at one alone: a meta loop has no schedule, and reports what it was given."""


def _keys(schema: Any) -> set[str]:
    return set(typing.get_type_hints(schema))


def _function(graph: Graph, node: str) -> Callable[..., Any]:
    runnable: Any = graph.nodes[node].runnable
    return runnable.afunc or runnable.func


def _reads(graph: Graph, node: str) -> set[str]:
    runnable: Any = graph.nodes[node].runnable
    return _keys(runnable.builder.input_schema if isinstance(runnable, Pregel) else graph.nodes[node].input_schema)


def _writes(graph: Graph, node: str) -> set[str]:
    runnable: Any = graph.nodes[node].runnable
    if isinstance(runnable, Pregel):
        return _keys(runnable.builder.output_schema)
    return _keys(typing.get_type_hints(_function(graph, node))["return"])


@pytest.mark.parametrize("build", LOOPS)
def test_nodes_read_and_write_channels_of_their_graph(build: Callable[[], Graph]) -> None:
    graph = build()
    unknown: set[tuple[str, str]] = set()
    for name in graph.nodes:
        reads = set() if name in BY_SEND else _reads(graph, name)
        known = _keys(graph.state_schema) | SHARED.get(name, set())
        unknown |= {(name, key) for key in (reads | _writes(graph, name)) - known}
    assert unknown == set()


@pytest.mark.parametrize("build", LOOPS)
def test_every_channel_is_given_or_written(build: Callable[[], Graph]) -> None:
    graph = build()
    filled = _keys(graph.input_schema).union(*(_writes(graph, name) for name in graph.nodes))
    assert _keys(graph.state_schema) - filled == set()


@pytest.mark.parametrize("build", LOOPS)
def test_input_and_output_are_channels(build: Callable[[], Graph]) -> None:
    graph = build()
    assert _keys(graph.input_schema) | _keys(graph.output_schema) <= _keys(graph.state_schema)


def test_lineages_are_sent_what_their_loop_takes() -> None:
    (sent, *_) = lineages({"optimizers": ["tgd"]})
    assert set(sent.arg) <= _keys(build_meta_prompt().input_schema)


@pytest.mark.parametrize(("build", "name"), STEPS, ids=[f"{build.__name__}-{name}" for build, name in STEPS])
def test_node_is_a_function_in_a_file_of_its_name(build: Callable[[], Graph], name: str) -> None:
    function = _function(build(), name)
    assert (function.__module__, function.__name__) == (f"metatextgrad.nodes.{name}", name)


@pytest.mark.parametrize("program", SHAPES.values(), ids=SHAPES)
def test_components_read_and_write_channels_of_their_program(program: Program) -> None:
    graph = build_program(program)
    channels = _keys(graph.state_schema)
    assert {part.name for part in program.components} <= channels
    for part in program.components:
        assert _keys(graph.nodes[part.name].input_schema) == set(part.reads()) <= channels
