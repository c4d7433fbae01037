"""Put pages in order for the site; on a code host their links are enough."""

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

FRONT = {
    "Start": ("start", "loops", "method", "lessons"),
    "Your work": ("agents", "tasks", "metrics", "models", "resume", "report"),
    "Watch and steer": ("studio", "control", "events"),
    "Optimizers": ("learn", "optimizers", "stages", "graphs"),
    "Coming from": ("moving/index",),
    "Evidence": ("benchmark", "kill-matrix", "performance", "simulated"),
    "Look up": ("errors/index", "reference/index"),
}
_BESIDE = re.compile(r"\]\((\w[\w-]*)\.md\)")


def _ordered(app: Sphinx, page: str, content: list[str]) -> None:
    """Append what is below a page: of the front page what is above, of a folder's what its first page links to."""
    if page == "index":
        content[0] += "".join(_tree(caption, names, Path(app.srcdir)) for caption, names in FRONT.items())
    elif page.endswith("/index"):
        content[0] += _tree("", tuple(dict.fromkeys(_BESIDE.findall(content[0]))), Path(app.srcdir) / Path(page).parent)


def _tree(caption: str, names: tuple[str, ...], folder: Path) -> str:
    there = [name for name in names if (folder / f"{name}.md").is_file()]
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["", "```{toctree}", *options, "", *there, "```", ""])


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", _ordered)
    return {"parallel_read_safe": True}
