"""What users call: `optimize`, `meta_optimize`, `evaluate`, `resume`, `fork`, `plan`, and their async twins."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metatextgrad.approving import Approver
from metatextgrad.core.approval import Answer, OnApproval
from metatextgrad.core.identity import content_id
from metatextgrad.core.task import Split, Task
from metatextgrad.core.trial import Evaluation
from metatextgrad.execution import OnEvent, Stop, blocking
from metatextgrad.expected import Plan
from metatextgrad.forking import forked, forked_settings, point
from metatextgrad.given import (
    GivenOptimizer,
    GivenProgram,
    GivenTask,
    allowed,
    fitting,
    free_name,
    going_on,
    new_record,
    optimizer_of,
    optimizers_of,
    preparing,
    program_of,
)
from metatextgrad.graphs.outer_loop import BASE_OPTIMIZERS
from metatextgrad.planning import plan_meta_optimize, plan_optimize
from metatextgrad.result import Result, carried_out
from metatextgrad.runtime.artifacts import put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.evaluation import Progress, evaluate_program
from metatextgrad.runtime.events import Event
from metatextgrad.runtime.models import Models, names_for
from metatextgrad.runtime.record import load
from metatextgrad.runtime.resources import open_resources
from metatextgrad.runtime.tracing import traced
from metatextgrad.runtime.workspace import DEFAULT, open_workspace
from metatextgrad.tasks import load_task


async def ameta_optimize(
    task: GivenTask,
    *,
    optimizers: Sequence[GivenOptimizer] = BASE_OPTIMIZERS,
    program: GivenProgram = None,
    settings: Context | None = None,
    models: Models | None = None,
    workspace: str | Path = DEFAULT,
    run: str | None = None,
    on_event: OnEvent | None = None,
    on_approval: OnApproval | None = None,
    stop: Stop | None = None,
) -> Result:
    """Learn the optimizer that fits a task: metaTextGrad, both phases.

    Args:
        task: a built-in name, the path of a task file, or a Task.
        optimizers: what to learn from: built-in names, files, or optimizers.
        program: where every inner loop starts: a built-in name, a file, or a program; the task's own by default.
        settings: everything else; `Context()` by default.
        models: chat models in memory, in the place of those the settings name.
        workspace: the folder that holds the run.
        run: the name of the run; a new one by default.
        on_event: called with each event.
        on_approval: answers for a person, where the setting `approve` asks one.
        stop: asks the run to stop from outside.

    Raises:
        InputError: something that was given is wrong; nothing was started.
        ApprovalNeededError: a candidate waits for a person; `resume` goes on with a `decision`.
        BudgetReachedError: a cap was reached; `resume` goes on.
        ProviderError: the provider failed; `resume` goes on.
    """
    given, names = optimizers_of(optimizers)
    async with preparing(task, settings, models) as ready, open_workspace(workspace) as opened:
        start = program_of(program, ready.task)
        ready = await fitting(ready, start, given)
        expected = plan_meta_optimize(ready.task, start, given, ready.context, ready.models.names)
        asked = {
            "optimizers": [await put(opened.store, optimizer) for optimizer in given],
            "names": names,
            "program": await put(opened.store, start),
        }
        record = await new_record(opened, "meta_optimize", run, ready, asked, expected)
        return await carried_out(opened, record, ready.context, on_event, stop, Approver(on_approval))


async def aoptimize(
    task: GivenTask,
    *,
    optimizer: GivenOptimizer = "tgd",
    program: GivenProgram = None,
    settings: Context | None = None,
    models: Models | None = None,
    workspace: str | Path = DEFAULT,
    run: str | None = None,
    on_event: OnEvent | None = None,
    on_approval: OnApproval | None = None,
    stop: Stop | None = None,
) -> Result:
    """Improve a task's program with one optimizer: the inner loop alone.

    Arguments and errors are those of `ameta_optimize`.
    """
    given = optimizer_of(optimizer)
    async with preparing(task, settings, models) as ready, open_workspace(workspace) as opened:
        start = program_of(program, ready.task)
        ready = await fitting(ready, start, [given])
        expected = plan_optimize(ready.task, start, given, ready.context, ready.models.names)
        asked = {
            "optimizer": await put(opened.store, given),
            "program": await put(opened.store, start),
            "path": given.name,
        }
        record = await new_record(opened, "optimize", run, ready, asked, expected)
        return await carried_out(opened, record, ready.context, on_event, stop, Approver(on_approval))


async def aresume(
    run: str,
    *,
    task: GivenTask | None = None,
    program: GivenProgram = None,
    models: Models | None = None,
    caps: dict[str, float | int | None] | None = None,
    decision: Answer | None = None,
    workspace: str | Path = DEFAULT,
    on_event: OnEvent | None = None,
    on_approval: OnApproval | None = None,
    stop: Stop | None = None,
) -> Result:
    """Go on with a run from where it stands; a run that has ended gives its result again.

    Args:
        run: the run's name.
        task: the task, for a run that was started with a Task in memory; or the path of its file, where that has moved.
        program: the program, for a run that was started with one of `Program.from_runnable`.
        models: the models, for a run that was started with models in memory.
        caps: settings to change: max_calls, max_tokens_total, max_usd, max_seconds, concurrency, retries,
            request_seconds, unscored_share; and data, where the same data is now. Others would change the result and
            are refused.
        decision: the answer to the first candidate that a run in the state `waiting` shows.
        workspace: the folder that holds the run.
        on_event: called with each event.
        on_approval: answers for a person, where the setting `approve` asks one.
        stop: asks the run to stop from outside.
    """
    approver = Approver(on_approval, decision)
    async with open_workspace(workspace) as opened:
        record = await load(opened.store, run)
        settings = Context.model_validate(record.settings | allowed(caps or {}))
        async with going_on(opened, record, settings, task, program, models) as ready:
            changes = {"settings": ready.context.model_dump(mode="json"), "status": "running"}
            return await carried_out(opened, record.model_copy(update=changes), ready.context, on_event, stop, approver)


async def afork(
    run: str,
    *,
    at: str,
    settings: dict[str, Any] | None = None,
    name: str | None = None,
    task: GivenTask | None = None,
    program: GivenProgram = None,
    models: Models | None = None,
    workspace: str | Path = DEFAULT,
    on_event: OnEvent | None = None,
    on_approval: OnApproval | None = None,
    stop: Stop | None = None,
) -> Result:
    """Go on from any step of a run as another run, with other settings from there on; the run itself stays as it is.

    Nothing that was paid for before the step is paid for again.

    Args:
        run: the run to fork.
        at: the step, as progress names it: LOOP:STEP, such as tgd:1, or tgd/0:3 for a step of an inner loop.
        settings: what changes, by name: all but those that decide what a score means.
        name: the name of the new run; one is made by default.
        task: the task, for a run that was started with a Task in memory; or the path of its file, where that has moved.
        program: the program, for a run that was started with one of `Program.from_runnable`.
        models: the models, for a run that was started with models in memory.
        workspace: the folder that holds the run, and will hold the new one.
        on_event: called with each event.
        on_approval: answers for a person, where the setting `approve` asks one.
        stop: asks the run to stop from outside.
    """
    async with open_workspace(workspace) as opened:
        origin = await load(opened.store, run)
        new = await free_name(opened, name, run)
        context, found = forked_settings(origin, settings or {}), await point(opened.saver, opened.store, run, at)
        async with going_on(opened, origin, context, task, program, models) as ready:
            await found.copy_to(opened.saver, new)
            record = forked(origin, new, at, ready)
            return await carried_out(opened, record, ready.context, on_event, stop, Approver(on_approval))


async def aevaluate(
    task: GivenTask,
    *,
    program: GivenProgram = None,
    split: Split = "test",
    settings: Context | None = None,
    models: Models | None = None,
    workspace: str | Path = DEFAULT,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
) -> Evaluation:
    """Score a program on one set of a task; a program scored before in the workspace is not scored again.

    One that was stopped goes on when it is asked for again: the calls it made are in the workspace.
    """
    async with preparing(task, settings, models) as ready, open_workspace(workspace) as opened:
        chosen = program_of(program, ready.task)
        ready = await fitting(ready, chosen, [])
        # Its own name for each evaluation, so that caps and usage are those of this one.
        asked = [chosen.id, ready.task.id, split, dict(ready.models.names), ready.context.seed]
        if chosen.builds:  # the same name may stand for another factory, whose scores must not be taken for known
            asked.append(secrets.token_hex(6))
        resources = await open_resources(ready.context, opened.store, f"evaluate-{content_id(asked)}")
        (stop or Stop()).attach(resources)
        resources.ledger.watch.tell = on_event
        told = _progress(on_event, chosen.name)
        try:
            return await traced(
                "metatextgrad evaluate", lambda: evaluate_program(resources, chosen, split, told), task=ready.task.name
            )
        finally:
            await resources.ledger.drain()


def plan(
    task: GivenTask,
    *,
    optimizers: Sequence[GivenOptimizer] = BASE_OPTIMIZERS,
    optimizer: GivenOptimizer | None = None,
    program: GivenProgram = None,
    settings: Context | None = None,
) -> Plan:
    """Say what a run will cost before anything is spent; no key is needed for it.

    The run is one of `optimize` where `optimizer` is given, and one of `meta_optimize` otherwise.
    """
    context = settings or Context()
    loaded = task if isinstance(task, Task) else load_task(task, data=context.data)
    start, names = program_of(program, loaded), names_for(context)
    if optimizer is not None:
        return plan_optimize(loaded, start, optimizer_of(optimizer), context, names)
    return plan_meta_optimize(loaded, start, optimizers_of(optimizers)[0], context, names)


def meta_optimize(task: GivenTask, **options: Any) -> Result:
    """Learn the optimizer that fits a task; the blocking form of `ameta_optimize`."""
    return blocking(ameta_optimize(task, **options))


def optimize(task: GivenTask, **options: Any) -> Result:
    """Improve a task's program with one optimizer; the blocking form of `aoptimize`."""
    return blocking(aoptimize(task, **options))


def resume(run: str, **options: Any) -> Result:
    """Go on with a run; the blocking form of `aresume`."""
    return blocking(aresume(run, **options))


def fork(run: str, **options: Any) -> Result:
    """Go on from a step of a run as another run; the blocking form of `afork`."""
    return blocking(afork(run, **options))


def evaluate(task: GivenTask, **options: Any) -> Evaluation:
    """Score a program; the blocking form of `aevaluate`."""
    return blocking(aevaluate(task, **options))


def _progress(on_event: OnEvent | None, stage: str) -> Progress:
    def told(done: int, of: int) -> None:
        if on_event:
            on_event(Event(type="evaluating", stage=stage, done=done, of=of))

    return told
