"""Links that lead out of docs/ on a code host lead to the site's own pages here."""

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<up>(?:\.\./)+)(?P<path>[\w./-]+)\)")
_SOURCE = re.compile(r"(?:metatextgrad/)?(?P<module>[a-z_]+(?:/[a-z_]+)?)(?:\.py)?")
"""A module or package of ours; the reference tells of it."""
LESSONS = "lessons"


def _led(found: re.Match[str], depth: int) -> str:
    """Return a link as the site has it; one that stays inside docs/ stays as it is."""
    text, path = found["text"], found["path"].rstrip("/")
    if found["up"].count("../") <= depth:
        return found[0]
    if path.startswith("examples"):
        anchor = f"#{Path(path).stem}" if path.endswith(".py") else ""
        return f"[{text}]({'../' * depth}{LESSONS}.md{anchor})"
    if source := _SOURCE.fullmatch(path):
        return f"{{py:mod}}`{text.strip('`')} <metatextgrad.{source['module'].replace('/', '.')}>`"
    return found[0]


def _led_all(app: Sphinx, page: str, content: list[str]) -> None:
    content[0] = _LINK.sub(lambda found: _led(found, page.count("/")), content[0])
    if page == LESSONS:
        content[0] += "".join(map(_shown, sorted((ROOT / "examples").glob("[0-9]*.py"))))


def _shown(lesson: Path) -> str:
    return f"\n## {lesson.stem}\n\n```{{literalinclude}} ../examples/{lesson.name}\n:language: python\n```\n"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", _led_all)
    return {"parallel_read_safe": True}
