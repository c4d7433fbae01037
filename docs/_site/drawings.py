"""Show the drawings of the graphs: one for each block of Mermaid, which only code hosts draw by themselves."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

PICTURES = Path(__file__).parents[1] / "pictures"
_MERMAID = re.compile(r"^```mermaid\n.*?^```$", re.MULTILINE | re.DOTALL)


def _drawn(app: Sphinx, page: str, content: list[str]) -> None:
    """Put the drawing of the graph that a section is about in the place of its Mermaid text."""
    parts = re.split(r"(?m)^(?=## )", content[0])
    content[0] = "".join(_MERMAID.sub(lambda _, part=part: _picture(part), part) for part in parts)


def _picture(part: str) -> str:
    name = part.removeprefix("## ").split("\n", 1)[0].strip()
    return f"![The graph {name}](pictures/{name}.svg)"


def _inlined(app: Sphinx, document: nodes.document) -> None:
    """Take our drawings into the page, where they follow its colours, light or dark."""
    for image in list(document.findall(nodes.image)):
        picture = PICTURES / Path(image["uri"]).name
        if Path(image["uri"]).parent.name == "pictures" and picture.suffix == ".svg":
            image.replace_self(nodes.raw("", f'<div class="drawing">{picture.read_text("utf-8")}</div>', format="html"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", _drawn)
    app.connect("doctree-read", _inlined)
    return {"parallel_read_safe": True}
