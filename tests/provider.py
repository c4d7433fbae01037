"""What the provider of the documentation's pages answers: simulated models, and beyond their two tasks a stand-in."""

import json
import re
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from metatextgrad.runtime.simulated import simulated_model
from metatextgrad.runtime.simulated.base import NOT_COVERED
from metatextgrad.runtime.simulated.lessons import SimulatedApprentice
from tests.openai_answers import Asked

_LEVELS = {"gpt-4o-mini": "program", "o1": "meta", "o3": "meta"}
"""By the names that the pages use; every other one writes for the optimizer."""
_NO_OPTIONS: dict[str, Any] = {}
_TAUGHT = re.compile(r"(\w+) is (?:for )?(\w+)")


def answer(asked: Asked) -> str:
    """Answer a request as the page's model would, were it simulated."""
    messages = [
        (SystemMessage if role in ("system", "developer") else HumanMessage)(text) for role, text in asked.messages
    ]
    level = _LEVELS.get(asked.model, "optimizer")
    said = simulated_model(level).reply(messages, "", asked.temperature or 0.0)
    if level == "program":
        return _by_the_book(messages) if said == NOT_COVERED else said
    return said if _is_json(said) or level == "meta" else SimulatedApprentice(**_NO_OPTIONS).reply(messages, "", 0.0)


def _by_the_book(messages: Sequence[BaseMessage]) -> str:
    """Answer with what the prompt says that a word of the question is, as in `smoke is urgent`."""
    told, asked = messages[0].text, messages[-1].text.lower()
    known = [found[2] for found in _TAUGHT.finditer(told) if found[1].lower() in asked]
    return f"Answer: {known[0] if known else 'unknown'}"


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
