"""One component of a program that is compiled to a graph: the same step that an evaluation takes."""

from collections.abc import Mapping
from typing import Protocol

from langgraph.runtime import Runtime

from metatextgrad.core.program import Component
from metatextgrad.core.template import Text
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.interpreter import Interpreter, plain, traced
from metatextgrad.runtime.resources import resources

Reads = Mapping[str, Text]
"""The values that the component names; an input that was not given is an empty text, as in an evaluation."""
Writes = dict[str, Text]
"""The component's value under its name."""


class RunComponent(Protocol):
    """The node of a component."""

    async def __call__(self, state: Reads, runtime: Runtime[Context]) -> Writes:
        """Run the component once."""
        ...


def run_component(part: Component) -> RunComponent:
    """Return the node of a component; its calls go through the ledger and are paid for once."""

    async def run(state: Reads, runtime: Runtime[Context]) -> Writes:
        given = await resources(runtime)
        values = {name: traced(state.get(name, "")) for name in part.reads()}
        written = await Interpreter(given.ledger, given.context).step(part, values)
        return {part.name: plain(written)}

    return run
