"""The difference between two programs or optimizers, as people read it: a unified diff with texts line by line."""

from collections.abc import Iterator
from difflib import unified_diff
from typing import Any

from metatextgrad.core.identity import Content


def difference(before: Content, after: Content) -> str:
    """Return a unified diff of two values of one kind; empty where they are the same."""
    old, new = (list(_lines(value.model_dump(mode="json", exclude={"format"}))) for value in (before, after))
    return "\n".join(unified_diff(old, new, before.id, after.id, lineterm="", n=3))


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    """Write JSON as indented lines; the lines of a text stay lines, so that a diff shows which of them changed."""
    pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for name, item in pairs:
        label = f"{indent}-" if name is None else f"{indent}{name}:"
        if isinstance(item, dict | list) and item:
            yield label
            yield from _lines(item, f"{indent}  ")
        elif isinstance(item, str) and "\n" in item:
            yield label
            yield from (f"{indent}  {line}".rstrip() for line in item.split("\n"))
        elif item not in (None, "", [], {}):
            yield f"{label} {item}"
