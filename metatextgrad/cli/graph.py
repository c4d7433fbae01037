"""`metatextgrad graph`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metatextgrad.cli.options import PROGRAM_NAMES, Json
from metatextgrad.core.errors import unknown
from metatextgrad.core.programs import PROGRAMS, program_named

if TYPE_CHECKING:
    from langchain_core.runnables.graph import Graph

NAMES = ("inner_loop", "meta_prompt", "meta_structure", "outer_loop", "program")
DRAWN_ON = "bbh/word_sorting"
"""The task that programs by name are drawn on; the drawing is the same on any other."""


def graph(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help=f"{', '.join(NAMES)} (the initial one), {PROGRAM_NAMES}, or the path of a program file.",
        ),
    ] = "outer_loop",
    *,
    ascii: Annotated[bool, typer.Option("--ascii", help="Draw it in characters, not as Mermaid text.")] = False,
    as_json: Json = False,
) -> None:
    """Draw a state machine, the loops inside it included."""
    from metatextgrad.cli.output import say_json

    drawn = _graph(name)
    text = drawn.draw_ascii() if ascii else drawn.draw_mermaid()
    if as_json:
        say_json({"name": name, "format": "ascii" if ascii else "mermaid", "graph": text})
    else:
        typer.echo(text)


def _graph(name: str) -> "Graph":
    from importlib import import_module

    if name in NAMES:
        graph: Graph = import_module(f"metatextgrad.graphs.{name}").graph.get_graph(xray=True)
        return graph
    if name not in PROGRAMS and not Path(name).is_file():
        raise unknown("graph", name, [*NAMES, *PROGRAMS, "the path of a program file"])
    from metatextgrad.graphs.program import build_program
    from metatextgrad.tasks import load_task
    from metatextgrad.tasks.files import read_program

    program = program_named(name, load_task(DRAWN_ON)) if name in PROGRAMS else read_program(Path(name))
    return build_program(program).compile().get_graph(xray=True)
