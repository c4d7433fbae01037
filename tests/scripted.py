"""A chat model that replies by script, and a tiny task: what the tests of the heart stand on."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.program import Component, Llm, Program, chain_of_thought
from metatextgrad.core.task import Example, Metric, Score, Task
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.interpreter import Execution, Interpreter
from metatextgrad.runtime.meter import LEVELS, Level
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.resources import Resources, open_resources

Handler = Callable[[Sequence[BaseMessage], Level], str | AIMessage]
"""Returns the reply to the messages at a level, or raises what a provider would raise."""


@dataclass
class Script:
    """Replies of all levels, and what was asked."""

    handler: Handler
    delay: Callable[[Sequence[BaseMessage], Level], float] = lambda messages, level: 0.0
    asked: list[tuple[Level, tuple[str, ...]]] = field(default_factory=list)
    flying: int = 0
    peak: int = 0

    @property
    def calls(self) -> Counter[Level]:
        return Counter(level for level, _ in self.asked)

    def prompts(self, level: Level) -> list[str]:
        """Return what was asked at a level, each call as one text."""
        return ["\n".join(texts) for asked, texts in self.asked if asked == level]

    def models(self) -> Models:
        """Return the models of a run; the names make calls free of charge, and so spare the search for a price."""
        chat = {level: ScriptedModel(level=level, script=self) for level in LEVELS}
        return Models(chat=chat, names={level: f"simulated:scripted-{level}" for level in LEVELS}, retries=0)


class ScriptedModel(BaseChatModel):
    """The chat model of one level."""

    level: Level
    script: Any

    async def _agenerate(self, messages: list[BaseMessage], *rest: Any, **options: Any) -> ChatResult:
        script: Script = self.script
        script.asked.append((self.level, tuple(message.text for message in messages)))
        script.flying += 1
        script.peak = max(script.peak, script.flying)
        try:
            await asyncio.sleep(script.delay(messages, self.level))
            reply = script.handler(messages, self.level)
        finally:
            script.flying -= 1
        made = reply if isinstance(reply, AIMessage) else AIMessage(reply)
        return ChatResult(generations=[ChatGeneration(message=made)])

    def _generate(self, messages: list[BaseMessage], *rest: Any, **options: Any) -> ChatResult:
        raise NotImplementedError("the project asks its models asynchronously")

    @property
    def _llm_type(self) -> str:
        return "scripted"


def in_turn(*replies: str | AIMessage) -> Handler:
    """Return a handler that gives these replies one after the other, whatever is asked."""
    left = iter(replies)
    return lambda messages, level: next(left)


def cut_off(text: str) -> AIMessage:
    """Return a reply that ended by length."""
    return AIMessage(text, response_metadata={"finish_reason": "length"})


def exact(prediction: str, example: Example) -> Score:
    """Score 1 when what follows the last `Answer:` is the target."""
    right = prediction.rpartition("Answer:")[2].strip() == example.target
    return Score(value=float(right), feedback="" if right else f"{example.id} should be {example.target}")


def examples(split: str, count: int) -> tuple[Example, ...]:
    """Return examples whose target is their number."""
    return tuple(Example(id=f"{split}/{n}", input=f"{split} question {n}", target=str(n)) for n in range(count))


def tiny_task(
    program: Program | None = None, *, sizes: Iterable[int] = (20, 20, 20), metric: Metric = exact, name: str = "tiny"
) -> Task:
    """Return a task of small sets."""
    train, val, test = (examples(split, size) for split, size in zip(("train", "val", "test"), sizes, strict=True))
    start = program or chain_of_thought("start", "Answer the question.")
    return Task(name, "arithmetic of ids", start, train, val, test, metric, metric_name="exact")


async def opened(
    handler: Handler | Script, *, task: Task | None = None, store: BaseStore | None = None, **settings: Any
) -> Resources:
    """Return the resources of a run on scripted models."""
    script = handler if isinstance(handler, Script) else Script(handler)
    context = Context(**settings).given(task=task or tiny_task(), models=script.models())
    resources = await open_resources(context, store or InMemoryStore(), "scripted")
    context.share(resources)
    return resources


def echo(messages: Sequence[BaseMessage], level: object) -> str:
    """Say who was asked what."""
    return f"<{messages[0].text}: {messages[-1].text}>"


async def run(
    program: Program, handler: Handler | Script = echo, values: dict[str, str] | None = None, **settings: Any
) -> Execution:
    given = await opened(handler, **settings)
    return await Interpreter(given.ledger, given.context).run(program, values or {"question": "q"})


async def answer(parts: Sequence[Component], handler: Handler | Script = echo, **values: str) -> str:
    given = {"question": "q", **values}
    execution = await run(Program(name="p", inputs=tuple(given), components=tuple(parts)), handler, given)
    return execution.answer


def llm(name: str, template: str = "{question}", **others: Any) -> Llm:
    return Llm(name=name, instructions=name, template=template, **others)
