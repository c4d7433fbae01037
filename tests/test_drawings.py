"""The drawings in the documentation are those of the graphs."""

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GRAPHS = ("outer_loop", "meta_prompt", "meta_structure", "inner_loop")


def drawn(name: str) -> str:
    mermaid: str = import_module(f"metatextgrad.graphs.{name}").graph.get_graph(xray=True).draw_mermaid()
    return mermaid.strip()


def shown(page: str) -> list[str]:
    return [text.strip() for text in re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL)]


@pytest.mark.parametrize("name", GRAPHS)
def test_the_page_of_graphs_shows_each_as_it_is(name: str) -> None:
    page = (ROOT / "docs" / "graphs.md").read_text(encoding="utf-8")
    assert drawn(name) in shown(page)


def test_the_readme_shows_the_inner_loop_as_it_is() -> None:
    assert drawn("inner_loop") in shown((ROOT / "README.md").read_text(encoding="utf-8"))
