"""Simulated models for lessons and tests of agents: one that a function decides, and one that passes advice on.

Neither is a language model, and neither knows which method is at work. What the first one does has to follow from the
messages and tools that it sees; the second one understands nothing of what it reads.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from metatextgrad.runtime.meter import LEVELS, Level
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.prices import SIMULATED
from metatextgrad.runtime.simulated.base import SimulatedModel
from metatextgrad.runtime.simulated.sections import Request, request_in, section, sections

Tools = Mapping[str, str]
"""The tools that a model is offered: descriptions by name."""
Think = Callable[[Sequence[BaseMessage], Tools], str | AIMessage]

_NUMBERED = re.compile(r"^\[\d+\] ", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[a-z]{4,}")


class SimulatedThinker(SimulatedModel):
    """Replies as a function of the messages and the tools says."""

    think: Think

    def reply(self, messages: Sequence[BaseMessage], draw: str, temperature: float) -> str:
        """Return the text alone."""
        said = self.think(messages, {})
        return said if isinstance(said, str) else said.text

    def _result(self, messages: Sequence[BaseMessage], options: dict[str, Any]) -> ChatResult:
        offered = [tool["function"] for tool in options.get("tools", ())]
        said = self.think(messages, {tool["name"]: tool.get("description", "") for tool in offered})
        made = AIMessage(said) if isinstance(said, str) else said
        used, wrote = sum(len(message.text.split()) + 1 for message in messages), len(made.text.split()) + 1
        usage = UsageMetadata(input_tokens=used, output_tokens=wrote, total_tokens=used + wrote)
        told = {"usage_metadata": usage, "response_metadata": {"finish_reason": "stop", "simulated": True}}
        return ChatResult(generations=[ChatGeneration(message=made.model_copy(update=told))])

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools in OpenAI's form."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)


class SimulatedApprentice(SimulatedModel):
    """Passes criticism back to the texts that share most words with it, and writes into a text what was said of it."""

    def reply(self, messages: Sequence[BaseMessage], draw: str, temperature: float) -> str:
        """Answer a request of the optimizer level."""
        request = request_in(messages)
        if "improved_text" in request.keys:
            return json.dumps({"improved_text": _learned(request.user)})
        said = _NUMBERED.sub("", section(request.user, "FEEDBACK"))
        reads = {read.attributes["name"]: said for read in sections(request.user, "READ")}
        if "texts" in request.keys:
            return json.dumps({"texts": dict.fromkeys(_concerned(request, said), said), "reads": reads})
        return json.dumps({"instructions": said, "reads": reads})


def lesson_models(think: Think) -> Models:
    """Return the models of a run: the program's thinks as the function says, the other levels pass advice on."""
    options: dict[str, Any] = {}
    chat: dict[Level, BaseChatModel] = {level: SimulatedApprentice(**options) for level in LEVELS}
    chat["program"] = SimulatedThinker(think=think, **options)
    return Models(chat=chat, names={level: f"{SIMULATED}:lesson-{level}" for level in LEVELS})


def _learned(user: str) -> str:
    """Return the text with every sentence of the criticism that it does not have yet."""
    text = section(user, "TEXT")
    for found in sections(user, "CRITICISM"):
        for sentence in _SENTENCE.split(found.text):
            if sentence.strip() and sentence not in text:
                text = f"{text}\n{sentence.strip()}"
    return text


def _concerned(request: Request, said: str) -> list[str]:
    words = set(_WORD.findall(said.lower()))
    shared = {
        text.attributes["name"]: len(
            words & set(_WORD.findall(f"{text.attributes['name']} {text.attributes['role']} {text.text}".lower()))
        )
        for text in sections(request.user, "TEXT")
    }
    return [name for name, count in shared.items() if count == max(shared.values())]
