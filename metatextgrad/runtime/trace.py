"""What happened inside a runnable: calls of models, tools and retrievers, in an order that does not hang on timing."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from metatextgrad.runtime.chat import plain
from metatextgrad.runtime.prompts import section

Place = tuple[tuple[int, str, int], ...]
"""From the outermost run inwards: the graph's step, its node, and which of the runs there it was."""


@dataclass
class Step:
    """One call of a model, a tool or a retriever."""

    kind: str
    name: str
    place: Place
    node: str
    given: str = ""
    messages: tuple[BaseMessage, ...] = ()
    output: str = ""
    reply: AIMessage | None = None
    error: BaseException | None = None
    model: str = ""
    """provider:model, as prices know it."""


@dataclass(eq=False)
class Trace(BaseCallbackHandler):
    """Listens to one run of a runnable."""

    run_inline = True
    steps: dict[UUID, Step] = field(default_factory=dict)
    places: dict[UUID, Place] = field(default_factory=dict)
    followers: Counter[tuple[Place, int, str]] = field(default_factory=Counter)

    def _begun(self, run_id: UUID, parent: UUID | None, metadata: dict[str, Any] | None) -> tuple[Place, str]:
        told = metadata or {}
        before = self.places.get(parent, ()) if parent else ()
        step, node = int(told.get("langgraph_step", 0)), str(told.get("langgraph_node", ""))
        number = self.followers[before, step, node]
        self.followers[before, step, node] += 1
        self.places[run_id] = (*before, (step, node, number))
        return self.places[run_id], node

    def on_chain_start(
        self,
        serialized: dict[str, Any],
        inputs: dict[str, Any],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        self._begun(run_id, parent_run_id, metadata)

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        place, node = self._begun(run_id, parent_run_id, metadata)
        told = metadata or {}
        model = f"{told.get('ls_provider', 'unknown')}:{told.get('ls_model_name', 'unknown')}"
        self.steps[run_id] = Step("MODEL_CALL", "", place, node, messages=tuple(messages[0]), model=model)

    def on_llm_start(
        self,
        serialized: dict[str, Any],
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        asked: list[BaseMessage] = [HumanMessage(prompt) for prompt in prompts]
        self.on_chat_model_start(serialized, [asked], run_id=run_id, parent_run_id=parent_run_id, metadata=metadata)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **rest: Any) -> None:
        made = response.generations[0][0]
        message = made.message if isinstance(made, ChatGeneration) else AIMessage(made.text)
        if run_id in self.steps and isinstance(message, AIMessage):
            self.steps[run_id].reply = message

    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        place, node = self._begun(run_id, parent_run_id, metadata)
        self.steps[run_id] = Step("TOOL", str((serialized or {}).get("name", "")), place, node, given=input_str)

    def on_tool_end(self, output: Any, *, run_id: UUID, **rest: Any) -> None:
        self._ended(run_id, output.text if isinstance(output, ToolMessage) else _written(output))

    def on_retriever_start(
        self,
        serialized: dict[str, Any],
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        place, node = self._begun(run_id, parent_run_id, metadata)
        self.steps[run_id] = Step("RETRIEVAL", str(rest.get("name") or ""), place, node, given=query)

    def on_retriever_end(self, documents: Sequence[Document], *, run_id: UUID, **rest: Any) -> None:
        self._ended(run_id, "\n\n".join(document.page_content for document in documents))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **rest: Any) -> None:
        self._failed(run_id, error)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **rest: Any) -> None:
        self._failed(run_id, error)

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **rest: Any) -> None:
        self._failed(run_id, error)

    def _ended(self, run_id: UUID, output: str) -> None:
        if run_id in self.steps:
            self.steps[run_id].output = output

    def _failed(self, run_id: UUID, error: BaseException) -> None:
        if run_id in self.steps:
            self.steps[run_id].error = error

    def in_order(self) -> list[Step]:
        """Return the steps in the order of the runnable: steps of a graph one after the other, its branches by name."""
        return sorted(self.steps.values(), key=lambda step: step.place)

    def failed_call(self, error: BaseException) -> Step | None:
        """Return the call of a model that raised this error, or what caused it."""
        found: BaseException | None = error
        while found is not None:
            for step in self.steps.values():
                if step.kind == "MODEL_CALL" and step.error is found:
                    return step
            found = found.__cause__
        return None


def written(steps: Sequence[Step]) -> str:
    """Write down what happened, whole; of the messages to a model, those that no call before it was sent."""
    known: list[list[Any]] = []
    results = {step.output for step in steps if step.kind == "TOOL"}
    return "\n".join(
        section(step.kind, _told(step, known, results), **_attributes(step, number))
        for number, step in enumerate(steps, 1)
    )


def _attributes(step: Step, number: int) -> dict[str, str]:
    named = {"number": str(number), "name": step.name, "node": step.node}
    return {key: value for key, value in named.items() if value}


def _told(step: Step, known: list[list[Any]], results: set[str]) -> str:
    if step.kind == "MODEL_CALL":
        lines = _conversation(step, known, results)
    else:
        lines = [step.given, f"-> {step.output}" if step.error is None else ""]
    if step.error is not None:
        lines.append(f"-> {type(step.error).__name__}: {step.error}")
    return "\n".join(line for line in lines if line)


def _conversation(step: Step, known: list[list[Any]], results: set[str]) -> list[str]:
    forms = [_form(message) for message in step.messages]
    shown = max((_shared(forms, before) for before in known), default=0)
    reply = [step.reply] if step.reply is not None else []
    known.append([*forms, *map(_form, reply)])
    fresh = [message for message in step.messages[shown:] if not _is_result(message, results)]
    return [spoken(message) for message in (*fresh, *reply)]


def _form(message: BaseMessage) -> Any:
    return [message.type, plain(message.content), getattr(message, "tool_calls", None)]


def _shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    return next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


def _is_result(message: BaseMessage, results: set[str]) -> bool:
    """Tell whether a message repeats what a traced tool returned."""
    return isinstance(message, ToolMessage) and message.text in results


def spoken(message: BaseMessage) -> str:
    """Write a message with its tool calls."""
    who = f"{message.type} {message.name}" if message.name else message.type
    lines = [f"[{who}] {message.text}".rstrip()]
    if isinstance(message, AIMessage):
        calls = [*message.tool_calls, *message.invalid_tool_calls]
        lines += [f"calls {call['name']}({_written(call['args'])})" for call in calls]
    return "\n".join(lines)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
