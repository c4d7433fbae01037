"""Read tagged sections and the keys of the JSON object that a prompt asks for."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from langchain_core.messages import BaseMessage

_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_KEY = re.compile(r'"([a-z_]+)"')


class Section(NamedTuple):
    """One `<TAG name="value">text</TAG>`."""

    attributes: dict[str, str]
    text: str


class Request(NamedTuple):
    """What an optimizer or meta prompt asks for."""

    system: str
    user: str
    keys: frozenset[str]
    """The keys of the JSON object that must come back."""


def request_in(messages: Sequence[BaseMessage]) -> Request:
    """Read the request; of several human messages the first, since later ones only ask again."""
    system = "\n".join(message.text for message in messages if message.type == "system")
    user = next((message.text for message in messages if message.type == "human"), "")
    form = system.rpartition("Reply with one JSON object")[2]
    return Request(system, user, frozenset(_KEY.findall(form)))


def sections(text: str, tag: str) -> list[Section]:
    """Return all sections of a tag, in order."""
    found = re.finditer(rf"<{tag}((?:\s[^>]*)?)>\n?(.*?)\n?</{tag}>", text, re.DOTALL)
    return [Section(dict(_ATTRIBUTE.findall(match[1])), match[2]) for match in found]


def section(text: str, tag: str) -> str:
    """Return the text of the first section of a tag, or an empty one."""
    return next((found.text for found in sections(text, tag)), "")
