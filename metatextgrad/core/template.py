"""Text templates with named slots; everything that is not a `{name}` is literal text."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

SLOT = re.compile(r"\{([a-z_][a-z0-9_]*)\}")

Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$", max_length=64)]
"""The name of a value, of a component, or of a text."""
Text = str | list[str]
"""What a component reads or writes: one text, or several in order."""


def slots(template: str) -> tuple[str, ...]:
    """Return the slot names in order of first appearance."""
    return tuple(dict.fromkeys(SLOT.findall(template)))


def render(template: str, values: Mapping[str, Text], separator: str = "\n") -> str:
    """Fill the slots in one pass, so that braces inside the values stay as they are."""

    def fill(match: re.Match[str]) -> str:
        value = values[match.group(1)]
        return value if isinstance(value, str) else separator.join(value)

    return SLOT.sub(fill, template)


def lost_slots(before: str, after: str) -> tuple[str, ...]:
    """Return the placeholders of `before` that a rewritten text dropped."""
    kept = set(slots(after))
    return tuple(name for name in slots(before) if name not in kept)
