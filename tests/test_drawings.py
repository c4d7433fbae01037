"""The drawings in the documentation are those of the graphs."""

import re
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from xml.etree import ElementTree

import pytest
from langchain_core.runnables.graph import Graph

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
GRAPHS = ("outer_loop", "meta_prompt", "meta_structure", "inner_loop")


def graph(name: str) -> Graph:
    found: Graph = import_module(f"metatextgrad.graphs.{name}").graph.get_graph(xray=True)
    return found


def drawn(name: str) -> str:
    return graph(name).draw_mermaid().strip()


def shown(page: str) -> list[str]:
    return [text.strip() for text in re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL)]


@pytest.mark.parametrize("name", GRAPHS)
def test_the_page_of_graphs_shows_each_as_it_is(name: str) -> None:
    page = (ROOT / "docs" / "graphs.md").read_text(encoding="utf-8")
    assert drawn(name) in shown(page)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_picture_has_the_nodes_and_the_arrows_of_its_graph(name: str) -> None:
    real = graph(name)
    groups = [part.attrib for part in ElementTree.parse(PICTURES / f"{name}.svg").iter("{http://www.w3.org/2000/svg}g")]
    nodes = [part["data-name"] for part in groups if "data-name" in part]
    arrows = [
        (part["data-from"], part["data-to"], part["data-label"], "choice" in part["class"])
        for part in groups
        if "data-from" in part
    ]
    wanted = [(edge.source, edge.target, str(edge.data or ""), edge.conditional) for edge in real.edges]
    again = "`make pictures` draws them anew"
    assert sorted(nodes) == sorted(real.nodes), again
    assert sorted(arrows) == sorted(wanted), again


def test_a_picture_of_a_program_is_what_reports_draw() -> None:
    spec = spec_from_file_location("draw", PICTURES / "draw.py")
    assert spec and spec.loader
    draw = module_from_spec(spec)
    spec.loader.exec_module(draw)
    for name in draw.PROGRAMS:
        assert (PICTURES / f"{name}.svg").read_text(encoding="utf-8") == draw.program_svg(name), "`make pictures`"
