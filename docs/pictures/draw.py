"""Draw the graphs as LangGraph sees them, and some programs: `make pictures` writes docs/pictures/*.svg.

Graphviz (its command `dot`) lays them out, so only who changes a graph needs it. A test holds pictures to their graphs.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from langchain_core.runnables.graph import Edge, Graph

from metatextgrad.core.programs import program_named
from metatextgrad.report.drawing import draw_program
from metatextgrad.tasks import load_task
from metatextgrad.tasks.files import read_program

FOLDER = Path(__file__).parent
GRAPHS = ("inner_loop", "meta_prompt", "meta_structure", "outer_loop")
PROGRAMS = ("cot", "word_sorting_planner")
EXAMPLES = FOLDER.parents[1] / "examples" / "programs"
WRITES = {"textual_gradient", "propose", "meta_prompt_rewrite", "structure_merge"}
"""Nodes in which a model writes something new."""
SCORES = {"evaluate", "final_test"}
ORDER = (
    "__start__",
    "pick_incumbent",
    "meta_prompt_rewrite",
    "structure_merge",
    "initialize",
    "textual_gradient",
    "propose",
    "evaluate",
    "extract_program",
    "approve",
    "update",
    "extract_optimizer",
    "__end__",
)
"""From top to bottom, as far as arrows allow; an arrow that leads up closes a loop."""
_STYLE = (FOLDER / "style.css").read_text(encoding="utf-8")
_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="tip" d="M0 0.5 8 4 0 7.5Z"/></marker></defs>\n'
)
_DEFAULTS = """
  graph [fontname="Helvetica", fontsize=13, nodesep=.4, ranksep=.42, labeljust=l, margin=12];
  node [shape=box, fontname="Helvetica", fontsize=13, height=.38, margin="0.16,0.05"];
  edge [fontname="Helvetica", fontsize=11];
"""


def drawn(name: str) -> Graph:
    """Return a graph with the loops inside it."""
    graph: Graph = import_module(f"metatextgrad.graphs.{name}").graph.get_graph(xray=True)
    return graph


def dot(graph: Graph) -> str:
    """Write a graph in Graphviz's language; a loop inside it is a cluster."""
    edges = [
        f'  "{edge.source}" -> "{edge.target}" [class="{"choice" if edge.conditional else "step"}"{_label(edge)}];'
        for edge in sorted(graph.edges, key=lambda edge: (_place(edge.source), _place(edge.target)))
    ]
    return "\n".join(["digraph {", _DEFAULTS, *_clusters(sorted(graph.nodes, key=_place), ""), *edges, "}"])


def _place(name: str) -> int:
    step = name.rsplit(":", 1)[-1]
    return ORDER.index(step) if step in ORDER else len(ORDER)


def _label(edge: Edge) -> str:
    return f', label=" {edge.data} "' if edge.data else ""


def _clusters(names: list[str], prefix: str) -> Iterator[str]:
    inside: dict[str, list[str]] = {}
    for name in names:
        rest = name.removeprefix(prefix)
        if ":" in rest:
            inside.setdefault(rest.split(":", 1)[0], []).append(name)
        else:
            yield f'  "{name}" [label="{rest.strip("_")}"];'
    for loop, members in inside.items():
        yield f'subgraph "cluster_{prefix}{loop}" {{ label="{loop}";'
        yield from _clusters(members, f"{prefix}{loop}:")
        yield "}"


def svg(name: str) -> str:
    """Return the picture of a graph."""
    asked = subprocess.run(["dot", "-Tjson"], input=dot(drawn(name)), capture_output=True, text=True, check=True)
    laid: dict[str, Any] = json.loads(asked.stdout)
    _, _, width, height = (float(number) for number in laid["bb"].split(","))
    objects = laid.get("objects", [])
    boxes = [one for one in objects if "bb" in one]
    parts = [
        *(_cluster(one, height) for one in sorted(boxes, key=lambda one: one["name"].count(":"))),
        *(_edge(one, objects, height) for one in laid.get("edges", [])),
        *(_node(one, height) for one in objects if "pos" in one),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" role="img" aria-label="The graph {name}" '
        f'width="{width + 4:g}" height="{height + 4:g}" viewBox="-2 -2 {width + 4:g} {height + 4:g}">\n'
        f"<style>{_STYLE}</style>\n"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 0.5 8 4 0 7.5Z"/></marker></defs>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _cluster(one: Mapping[str, Any], height: float) -> str:
    left, bottom, right, top = (float(number) for number in one["bb"].split(","))
    x, y = (float(number) for number in one["lp"].split(","))
    depth = one["name"].count(":") + 1
    return (
        f'<g class="loop depth{depth}"><rect x="{left:g}" y="{height - top:g}" width="{right - left:g}" '
        f'height="{top - bottom:g}" rx="10"/>{_text(one["label"], x, height - y, "loop-name")}</g>'
    )


def _node(one: Mapping[str, Any], height: float) -> str:
    x, y = (float(number) for number in one["pos"].split(","))
    wide, high = float(one["width"]) * 72, float(one["height"]) * 72
    step = one["name"].rsplit(":", 1)[-1]
    kind = "end" if step.startswith("__") else "writes" if step in WRITES else "scores" if step in SCORES else "plain"
    kind = "asks" if step == "approve" else kind
    radius = high / 2 if kind == "end" else 6
    return (
        f'<g class="node {kind}" data-name="{one["name"]}"><title>{escape(_said(step))}</title>'
        f'<rect x="{x - wide / 2:g}" y="{height - y - high / 2:g}" width="{wide:g}" height="{high:g}" rx="{radius:g}"/>'
        f"{_text(one['label'], x, height - y)}</g>"
    )


def _said(step: str) -> str:
    """Return what a node does, by its own first sentence."""
    if step.startswith("__"):
        return step.strip("_")
    documented = getattr(import_module(f"metatextgrad.nodes.{step}"), step).__doc__ or step
    return str(documented).splitlines()[0]


def _edge(one: Mapping[str, Any], objects: list[Mapping[str, Any]], height: float) -> str:
    tip, *points = one["pos"].removeprefix("e,").split(" ")
    start, *curve = [_point(point, height) for point in points]
    said = one.get("label", "").strip()
    ends = f'data-from="{objects[one["tail"]]["name"]}" data-to="{objects[one["head"]]["name"]}" data-label="{said}"'
    course = f"M{start}C{' '.join(curve)}L{_point(tip, height)}"
    label = ""
    if "lp" in one:
        x, y = (float(number) for number in one["lp"].split(","))
        label = _text(said, x, height - y, "choice-name")
    return f'<g class="edge {one["class"]}" {ends}><path d="{course}" marker-end="url(#tip)"/>{label}</g>'


def _point(point: str, height: float) -> str:
    x, y = (float(number) for number in point.split(","))
    return f"{x:g} {height - y:g}"


def _text(said: str, x: float, y: float, kind: str = "") -> str:
    given = f' class="{kind}"' if kind else ""
    return f'<text{given} x="{x:g}" y="{y + 4:g}" text-anchor="middle">{escape(said)}</text>'


def program_svg(name: str) -> str:
    """Return the picture of a program, drawn as reports draw it."""
    file = EXAMPLES / f"{name}.json"
    program = read_program(file) if file.is_file() else program_named(name, load_task("bbh/word_sorting"))
    picture = str(draw_program(program)).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    begin = picture.index(">") + 1
    return f"{picture[:begin]}\n<style>{_STYLE}</style>\n{_ARROW}{picture[begin:]}\n"


if __name__ == "__main__":
    for name in GRAPHS:
        (FOLDER / f"{name}.svg").write_text(svg(name), encoding="utf-8")
    for name in PROGRAMS:
        (FOLDER / f"{name}.svg").write_text(program_svg(name), encoding="utf-8")
