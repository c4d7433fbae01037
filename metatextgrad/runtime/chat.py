"""Full messages and keyword arguments, as agents send them: how they are told apart, and how a reply is kept."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage, message_to_dict, messages_from_dict
from pydantic import BaseModel

_PLACE_IN_MEMORY = re.compile(r" at 0x[0-9a-f]+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL and halves of surrogate pairs: no database can keep them."""


@dataclass(frozen=True)
class Chat:
    """What an agent sends to its model."""

    messages: tuple[BaseMessage, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the call: tools, response format, stop words, a temperature of its own."""

    def form(self) -> Any:
        """Return as JSON all that decides what the reply can be.

        Ids of messages, and those that tie a tool's result to its call, are made anew on each run and decide nothing.
        """
        ties: dict[str, int] = {}
        return [[_form(message, ties) for message in self.messages], plain(self.options)]


def _form(message: BaseMessage, ties: dict[str, int]) -> Any:
    form: dict[str, Any] = {"type": message.type, "content": plain(message.content)}
    if message.name:
        form["name"] = message.name
    if isinstance(message, AIMessage):
        calls = [*message.tool_calls, *message.invalid_tool_calls]
        form["calls"] = [[call["name"], plain(call["args"]), _tie(call["id"], ties)] for call in calls]
    if isinstance(message, ToolMessage):
        form |= {"answers": _tie(message.tool_call_id, ties), "status": message.status}
    return form


def _tie(identifier: str | None, ties: dict[str, int]) -> int:
    return ties.setdefault(identifier or "", len(ties))


def plain(value: Any) -> Any:
    """Return a value as JSON; what has no such form by its description."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case BaseModel():
            return plain(value.model_dump(mode="json"))
        case type() if issubclass(value, BaseModel):
            return plain(value.model_json_schema())
        case Sequence() if not isinstance(value, bytes):
            return [plain(item) for item in value]
        case _:
            return _PLACE_IN_MEMORY.sub("", str(value))


def kept(message: AIMessage) -> dict[str, Any]:
    """Return a whole message as the store keeps it."""
    form: dict[str, Any] = json.loads(json.dumps(plain(message_to_dict(message))))
    return form


def revived(form: Mapping[str, Any]) -> AIMessage:
    """Return the message that was kept."""
    (message,) = messages_from_dict([dict(form)])
    if not isinstance(message, AIMessage):
        raise TypeError(f"a reply of type {message.type!r} was kept")
    return message
