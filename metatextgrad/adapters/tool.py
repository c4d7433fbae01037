"""A tool by which an agent improves a prompt: it has examples, and says what a good answer is."""

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from langchain.tools import ToolRuntime
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.constants import CONFIG_KEY_CHECKPOINTER
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.types import interrupt
from pydantic import BaseModel, Field

from metatextgrad.adapters.asking import Asking
from metatextgrad.approving import Approver
from metatextgrad.core.errors import ApprovalNeededError, BudgetReachedError, InputError
from metatextgrad.core.identity import content_id
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program, chain_of_thought
from metatextgrad.core.report import Findings
from metatextgrad.core.task import Example, Metric, Task
from metatextgrad.execution import OnEvent, blocking, execute
from metatextgrad.given import Prepared, new_record, preparing
from metatextgrad.planning import plan_optimize
from metatextgrad.runtime.artifacts import get, namespace, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import Event
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.record import Record, load
from metatextgrad.runtime.tracing import apart
from metatextgrad.runtime.workspace import Workspace
from metatextgrad.stages import stage
from metatextgrad.stages.textual_gradient import INSTRUCTIONS
from metatextgrad.tasks.metrics import as_metric, metric_name, resolve_metric

NAME = "optimize_prompt"
DESCRIPTION = (
    "Improve a prompt by trying it on examples. Give at least three examples, each with an input and the right answer; "
    "more are better. Returns the improved prompt with its scores before and after."
)


class GivenExample(BaseModel):
    """One example."""

    input: str = Field(description="What the prompt is used on.")
    target: str = Field(description="The right answer.")


class Asked(BaseModel):
    """What the agent gives."""

    prompt: str = Field(description="The whole prompt to improve.")
    examples: list[GivenExample] = Field(description="At least three different examples.")
    instruction: str = Field(default="", description="What a good answer is, in a sentence or two.")


def create_optimizer_tool(
    *,
    metric: str | Callable[[str, Example], object] = "judge",
    settings: Context | None = None,
    models: Models | None = None,
    name: str = NAME,
    description: str = DESCRIPTION,
) -> BaseTool:
    """Return a tool for agents that improves a prompt by textual gradients and validates what it found.

    Each call is a run in a thread of its own, and its state never mixes with the agent's. The agent's saver and store
    are used where it has both: then a call that was cut short goes on when the agent is resumed, and what the setting
    `approve` names interrupts the agent. Called synchronously the tool keeps nothing. Progress goes to the agent's
    custom stream, under the tool's name.

    Args:
        metric: how answers are scored: judge asks a model; exact, contains and others, or a function, ask nobody.
        settings: names the models, and caps what one call of the tool may cost.
        models: chat models in memory, in the place of those the settings name.
        name: the tool's name.
        description: what the agent is told about the tool.
    """
    context = settings or Context(steps=3)
    scored = resolve_metric(metric) if isinstance(metric, str) else as_metric(metric)

    async def improve(
        prompt: str, examples: list[GivenExample], runtime: ToolRuntime[Any, Any], instruction: str = ""
    ) -> str:
        inside = copy_context()  # the stream is the agent's, and the run is apart from it

        def told(event: Event) -> None:
            said = {name: event.model_dump(exclude_defaults=True) | {"type": event.type}}
            inside.run(runtime.stream_writer, said)

        def asked(question: dict[str, Any]) -> Any:
            return inside.run(interrupt, question)

        try:
            task = _task(prompt, examples, instruction, scored)
            work = _Work(task, _optimizer(instruction), context, models, _workspace(runtime), _run(task, runtime))
            found = await work.done(told, asked)
        except (InputError, BudgetReachedError) as error:
            return f"The prompt was not improved: {error}"
        return json.dumps(found, ensure_ascii=False)

    def wait(prompt: str, examples: list[GivenExample], runtime: ToolRuntime[Any, Any], instruction: str = "") -> str:
        return blocking(improve(prompt, examples, replace(runtime, store=None), instruction))

    return StructuredTool.from_function(wait, improve, name=name, description=description, args_schema=Asked)


def _task(prompt: str, given: Sequence[GivenExample], instruction: str, metric: Metric) -> Task:
    """Divide the examples: two fifths to learn from, two to choose by, the rest for the last look."""
    distinct = list({example.input: example for example in given}.values())
    if len(distinct) < 3:
        raise InputError(f"There are {len(distinct)} different examples; give at least three.")
    share = max(1, len(distinct) * 2 // 5)
    made = [Example(id=str(n), input=item.input, target=item.target) for n, item in enumerate(distinct, 1)]
    return Task(
        name="prompt",
        question_type=instruction or "questions like the examples",
        program=chain_of_thought("prompt", prompt),
        trainset=tuple(made[:share]),
        valset=tuple(made[share : 2 * share]),
        testset=tuple(made[2 * share :]),
        metric=metric,
        metric_name=metric_name(metric),
    )


def _run(task: Task, runtime: ToolRuntime[Any, Any]) -> str:
    """Name the run of a call: some providers number the calls of each conversation from the start."""
    thread = runtime.config.get("configurable", {}).get("thread_id", "")
    call = re.sub(r"[^A-Za-z0-9._-]", "-", runtime.tool_call_id or "call")[:80]
    return f"opt-{call}-{content_id([task.id, str(thread)])[:8]}"


@dataclass(frozen=True)
class _Work:
    """One call of the tool."""

    task: Task
    optimizer: Optimizer
    settings: Context
    models: Models | None
    workspace: Workspace | None
    """The agent's own saver and store, where it has both."""
    run: str

    async def done(self, told: OnEvent, asked: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Improve the prompt, apart from the agent; ask a person through the agent, wherever one has a say."""
        if self.workspace is None and self.settings.approve != "none":
            raise InputError("A person is to approve, and for that the agent needs a checkpointer and a store.")
        place = self.workspace or _kept(InMemorySaver(), InMemoryStore())
        asking, decision = Asking(place.store, self.run, asked), None
        while True:
            try:
                return await apart(self._carried_out(place, told, Approver(decision=decision)))
            except ApprovalNeededError as waiting:
                decision = await asking.answer(waiting.approvals[0])

    async def _carried_out(self, place: Workspace, told: OnEvent, approver: Approver) -> dict[str, Any]:
        async with preparing(self.task, self.settings, self.models) as ready:
            if await place.store.aget(namespace("run"), self.run) is None:
                record = await self._begun(place, ready)
            else:
                record = await load(place.store, self.run)
            ended, _ = await execute(place, record, ready.context, on_event=told, approver=approver)
            findings = await get(place.store, Findings, ended.findings)
            return _told(findings, await get(place.store, Program, findings.program))

    async def _begun(self, place: Workspace, ready: Prepared) -> Record:
        start = await put(place.store, self.task.program)
        given = {"optimizer": await put(place.store, self.optimizer), "program": start, "path": "tgd"}
        plan = plan_optimize(self.task, self.task.program, self.optimizer, ready.context, ready.models.names)
        return await new_record(place, "optimize", self.run, ready, given, plan)


def _optimizer(instruction: str) -> Optimizer:
    wanted = f"\nWhat a good answer is: {instruction}" if instruction else ""
    schedule = stage("textual_gradient", instructions=f"{INSTRUCTIONS}{wanted}")
    return Optimizer(name="tgd", purpose="Improves a prompt for an agent.", schedule=schedule)


def _workspace(runtime: ToolRuntime[Any, Any]) -> Workspace | None:
    """Return a workspace on the agent's own saver and store; one without the other would be half a run."""
    saver = runtime.config.get("configurable", {}).get(CONFIG_KEY_CHECKPOINTER)
    return _kept(saver, runtime.store) if isinstance(saver, BaseCheckpointSaver) and runtime.store else None


def _kept(saver: BaseCheckpointSaver[Any], store: BaseStore) -> Workspace:
    @asynccontextmanager
    async def hold(run: str, *, wait: bool = True) -> AsyncIterator[None]:
        del run, wait
        yield None  # a call of a tool has one owner: the agent's run

    return Workspace(saver=saver, store=store, folder=Path(), hold=hold)


def _told(findings: Findings, program: Program) -> dict[str, Any]:
    before, after = findings.rows[0], findings.rows[-1]
    scores = {
        "validation": {"before": before.val.score, "after": after.val.score, "examples": after.val.scored},
        "test": {"before": before.test and before.test.score, "after": after.test and after.test.score},
    }
    (text,) = program.texts().values()
    simulated = {"simulated": "these scores say nothing about real models"} if findings.simulated else {}
    return {"prompt": text.instructions, **scores, **simulated}
