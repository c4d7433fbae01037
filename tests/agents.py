"""Agents of a user's, on scripted models: what the tests of wrapping stand on."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.program import Program
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import LEVELS, Level
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.resources import Resources, open_resources
from tests.scripted import Handler, Script, ScriptedModel, exact, tiny_task


class ToolModel(ScriptedModel):
    """A scripted model that tools can be bound to; what it was offered is on record."""

    offered: list[Any] = []

    def bind_tools(self, tools: Sequence[Any], **options: Any) -> Any:
        named = [getattr(each, "name", getattr(each, "__name__", str(each))) for each in tools]
        return self.bind(tools=named, **options)

    async def _agenerate(self, messages: list[BaseMessage], *rest: Any, **options: Any) -> Any:
        self.offered.append(options)
        return await super()._agenerate(messages, *rest, **options)


@tool
def double(number: int) -> int:
    """Double a number."""
    return 2 * number


@tool
def half(number: int) -> int:
    """Halve a number."""
    return number // 2


def calls(name: str, identifier: str = "call", **arguments: Any) -> AIMessage:
    """Return a reply that calls a tool."""
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": identifier}])


def react(texts: dict[str, str], model: Any) -> Any:
    """Build an agent with two tools."""
    return create_agent(model, [double, half], system_prompt=texts["system"])


def reacting(messages: Sequence[BaseMessage], level: object) -> str | AIMessage:
    """Double the number of the question, and answer with what comes back."""
    last = messages[-1]
    if last.type == "tool":
        return f"Answer: {last.text}"
    return calls("double", number=int(last.text.rpartition(" ")[2]))


def mending(program: Handler, improved: str, *blamed: str) -> Handler:
    """Return a handler that blames these texts, and writes this one into each."""

    def handler(messages: Sequence[BaseMessage], level: Level) -> str | AIMessage:
        if level == "program":
            return program(messages, level)
        if "<TRACE>" in messages[1].text:
            return json.dumps({"texts": dict.fromkeys(blamed, "mend it")})
        return json.dumps({"improved_text": improved})

    return handler


AGENT = Program.from_runnable(react, {"system": "Be exact."}, calls=2)


def tool_models(script: Script) -> Models:
    chat = {level: ToolModel(level=level, script=script, offered=[]) for level in LEVELS}
    return Models(chat=chat, names={level: f"simulated:scripted-{level}" for level in LEVELS}, retries=0)


async def opened(
    handler: Handler | Script,
    program: Program = AGENT,
    *,
    store: BaseStore | None = None,
    models: Models | None = None,
    metric: Any = exact,
    run: str = "agents",
    **settings: Any,
) -> Resources:
    """Return the resources of a run on scripted models that take tools."""
    script = handler if isinstance(handler, Script) else Script(handler)
    task = tiny_task(program, metric=metric)
    context = Context(**settings).given(task=task, models=models or tool_models(script))
    return await open_resources(context, store or InMemoryStore(), run)


def chain(think: Callable[[Any], Any]) -> Callable[[dict[str, str], Any], Any]:
    """Return a factory that ignores its texts."""
    return lambda texts, model: think(model)
