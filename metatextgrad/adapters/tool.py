"""A tool by which an agent improves a prompt: it has examples, and says what a good answer is."""

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any

from langchain.tools import ToolRuntime
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.constants import CONFIG_KEY_CHECKPOINTER
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel, Field

from metatextgrad.core.errors import BudgetReachedError, InputError
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program, chain_of_thought
from metatextgrad.core.report import Findings
from metatextgrad.core.task import Example, Metric, Task
from metatextgrad.execution import OnEvent, execute
from metatextgrad.given import new_record, preparing
from metatextgrad.planning import plan_optimize
from metatextgrad.runtime.artifacts import get, namespace, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import Event
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.record import load
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
    are used where it has them: then a call that was cut short goes on when the agent is resumed. Progress goes to the
    agent's custom stream, under the tool's name.

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

        try:
            task = _task(prompt, examples, instruction, scored)
            found = await apart(_improved(task, instruction, context, models, runtime, told))
        except (InputError, BudgetReachedError) as error:
            return f"The prompt was not improved: {error}"
        return json.dumps(found, ensure_ascii=False)

    return StructuredTool.from_function(coroutine=improve, name=name, description=description, args_schema=Asked)


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


async def _improved(
    task: Task,
    instruction: str,
    settings: Context,
    models: Models | None,
    runtime: ToolRuntime[Any, Any],
    told: OnEvent,
) -> dict[str, Any]:
    workspace = _workspace(runtime)
    run = f"opt-{re.sub(r'[^A-Za-z0-9._-]', '-', runtime.tool_call_id or 'call')[:90]}"
    async with preparing(task, settings, models) as ready:
        if await workspace.store.aget(namespace("run"), run) is None:
            optimizer = _optimizer(instruction)
            start = await put(workspace.store, task.program)
            asked = {"optimizer": await put(workspace.store, optimizer), "program": start, "path": "tgd"}
            plan = plan_optimize(task, task.program, optimizer, ready.context, ready.models.names)
            record = await new_record(workspace, "optimize", run, ready, asked, plan)
        else:
            record = await load(workspace.store, run)
        ended, _ = await execute(workspace, record, ready.context, on_event=told)
        findings = await get(workspace.store, Findings, ended.findings)
        return _told(findings, await get(workspace.store, Program, findings.program))


def _optimizer(instruction: str) -> Optimizer:
    wanted = f"\nWhat a good answer is: {instruction}" if instruction else ""
    schedule = stage("textual_gradient", instructions=f"{INSTRUCTIONS}{wanted}")
    return Optimizer(name="tgd", purpose="Improves a prompt for an agent.", schedule=schedule)


def _workspace(runtime: ToolRuntime[Any, Any]) -> Workspace:
    """Return a workspace on the agent's own saver and store, or in memory where it has none."""
    saver = runtime.config.get("configurable", {}).get(CONFIG_KEY_CHECKPOINTER)

    @asynccontextmanager
    async def hold(run: str, *, wait: bool = True) -> AsyncIterator[None]:
        del run, wait
        yield None  # a call of a tool has one owner: the agent's run

    return Workspace(
        saver=saver if isinstance(saver, BaseCheckpointSaver) else InMemorySaver(),
        store=runtime.store or InMemoryStore(),
        folder=Path(),
        hold=hold,
    )


def _told(findings: Findings, program: Program) -> dict[str, Any]:
    before, after = findings.rows[0], findings.rows[-1]
    scores = {
        "validation": {"before": before.val.score, "after": after.val.score, "examples": after.val.scored},
        "test": {"before": before.test and before.test.score, "after": after.test and after.test.score},
    }
    (text,) = program.texts().values()
    simulated = {"simulated": "these scores say nothing about real models"} if findings.simulated else {}
    return {"prompt": text.instructions, **scores, **simulated}
