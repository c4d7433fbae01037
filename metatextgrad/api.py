"""What users call: `optimize`, `meta_optimize`, `evaluate`, `resume`, and their async twins."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import content_id
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program
from metatextgrad.core.report import Findings
from metatextgrad.core.task import Split, Task
from metatextgrad.core.trial import Evaluation
from metatextgrad.execution import OnEvent, Stop, execute
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import CHANGEABLE, Context
from metatextgrad.runtime.evaluation import Progress, evaluate_program
from metatextgrad.runtime.events import Event
from metatextgrad.runtime.meter import Level, Usage
from metatextgrad.runtime.models import Models, models_for
from metatextgrad.runtime.prices import refuse_unpriced
from metatextgrad.runtime.record import Kind, Record, load
from metatextgrad.runtime.resources import open_resources
from metatextgrad.runtime.workspace import DEFAULT, Workspace, open_workspace
from metatextgrad.stages import OPTIMIZERS, checked, optimizer_named
from metatextgrad.tasks import load_task
from metatextgrad.tasks.files import read_optimizer, read_program

T = TypeVar("T")
BASE_OPTIMIZERS: tuple[str, ...] = ("tgd", "adas-tg")


@dataclass(frozen=True)
class Result:
    """What a run found."""

    run: str
    findings: Findings
    program: Program
    """The best program."""
    optimizer: Optimizer
    """The learned optimizer, or for `optimize` the one that was used."""
    usage: dict[Level, Usage]

    @property
    def simulated(self) -> bool:
        """Whether simulated models took part, so that the scores say nothing about real ones."""
        return self.findings.simulated

    @property
    def score(self) -> float:
        """The best program's score on the validation set."""
        return self.findings.rows[-1].val.score


async def ameta_optimize(
    task: str | Task,
    *,
    optimizers: Sequence[str | Path | Optimizer] = BASE_OPTIMIZERS,
    program: str | Path | Program | None = None,
    settings: Context | None = None,
    models: Models | None = None,
    workspace: str | Path = DEFAULT,
    run: str | None = None,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
) -> Result:
    """Learn the optimizer that fits a task: metaTextGrad, both phases.

    Args:
        task: a built-in name, the path of a task file, or a Task.
        optimizers: what to learn from: built-in names, files, or optimizers.
        program: where every inner loop starts; the task's own by default.
        settings: everything else; `Context()` by default.
        models: chat models in memory, in the place of those the settings name.
        workspace: the folder that holds the run.
        run: the name of the run; a new one by default.
        on_event: called with each event.
        stop: asks the run to stop from outside.

    Raises:
        InputError: something that was given is wrong; nothing was started.
        BudgetReachedError: a cap was reached; `resume` goes on.
        ProviderError: the provider failed; `resume` goes on.
    """
    given = [_optimizer(item) for item in optimizers]
    if not given:
        raise InputError("No optimizers were given; name at least one, such as tgd.")
    names = _distinct([optimizer.name for optimizer in given])
    async with _ready(task, settings, models) as context, open_workspace(workspace) as opened:
        asked = {
            "optimizers": [await put(opened.store, optimizer) for optimizer in given],
            "names": names,
            "program": await _stored_program(opened, program, context),
        }
        record = await _record(opened, "meta_optimize", run, context, asked)
        return await _carried_out(opened, record, context, on_event, stop)


async def aoptimize(
    task: str | Task,
    *,
    optimizer: str | Path | Optimizer = "tgd",
    program: str | Path | Program | None = None,
    settings: Context | None = None,
    models: Models | None = None,
    workspace: str | Path = DEFAULT,
    run: str | None = None,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
) -> Result:
    """Improve a task's program with one optimizer: the inner loop alone. Arguments and errors as in `ameta_optimize`."""
    given = _optimizer(optimizer)
    async with _ready(task, settings, models) as context, open_workspace(workspace) as opened:
        asked = {
            "optimizer": await put(opened.store, given),
            "program": await _stored_program(opened, program, context),
            "path": given.name,
        }
        record = await _record(opened, "optimize", run, context, asked)
        return await _carried_out(opened, record, context, on_event, stop)


async def aresume(
    run: str,
    *,
    task: Task | None = None,
    models: Models | None = None,
    caps: dict[str, float | int | None] | None = None,
    workspace: str | Path = DEFAULT,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
) -> Result:
    """Go on with a run from where it stands; a run that has ended gives its result again.

    Args:
        run: the run's name.
        task: the task, for a run that was started with a Task in memory.
        models: the models, for a run that was started with models in memory.
        caps: settings to change: max_calls, max_tokens_total, max_usd, max_seconds, concurrency, retries,
            request_seconds, unscored_share. Others would change the result and are refused.
        workspace: the folder that holds the run.
        on_event: called with each event.
        stop: asks the run to stop from outside.
    """
    async with open_workspace(workspace) as opened:
        record = await load(opened.store, run)
        settings = Context.model_validate(record.settings | _allowed(caps or {}))
        async with _ready(task or settings.task, settings, models) as context:
            given = context._given_task
            if given is None or given.id != record.task_id:
                raise InputError(f"Run {run!r} was started on other data; its task {record.task!r} has changed since.")
            going = record.model_copy(update={"settings": context.model_dump(mode="json"), "status": "running"})
            return await _carried_out(opened, going, context, on_event, stop)


async def aevaluate(
    task: str | Task,
    *,
    program: str | Path | Program | None = None,
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
    async with _ready(task, settings, models) as context, open_workspace(workspace) as opened:
        loaded, built = context._given_task, context._given_models
        assert loaded is not None and built is not None, "_prepared gives both"
        chosen = _program(program) or loaded.program
        # Its own name for each evaluation, so that caps and usage are those of this one.
        run = f"evaluate-{content_id([chosen.id, loaded.id, split, dict(built.names), context.seed])}"
        resources = await open_resources(context, opened.store, run)
        (stop or Stop()).attach(resources)
        try:
            return await evaluate_program(resources, chosen, split, _progress(on_event, chosen.name))
        finally:
            await resources.ledger.drain()


def meta_optimize(task: str | Task, **options: Any) -> Result:
    """Learn the optimizer that fits a task; the blocking form of `ameta_optimize`."""
    return _blocking(ameta_optimize(task, **options))


def optimize(task: str | Task, **options: Any) -> Result:
    """Improve a task's program with one optimizer; the blocking form of `aoptimize`."""
    return _blocking(aoptimize(task, **options))


def resume(run: str, **options: Any) -> Result:
    """Go on with a run; the blocking form of `aresume`."""
    return _blocking(aresume(run, **options))


def evaluate(task: str | Task, **options: Any) -> Evaluation:
    """Score a program; the blocking form of `aevaluate`."""
    return _blocking(aevaluate(task, **options))


def _blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; inside a running loop, as in a notebook, on a loop in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


@asynccontextmanager
async def _ready(task: str | Task, settings: Context | None, models: Models | None) -> AsyncIterator[Context]:
    """Prepare a context, and close at the end the models that were built for it; given ones are their owner's."""
    context = await asyncio.to_thread(_prepared, task, settings, models)
    try:
        yield context
    finally:
        if models is None and context._given_models:
            await context._given_models.aclose()


def _prepared(task: str | Task, settings: Context | None, models: Models | None) -> Context:
    """Load the task and build the models, so that what is wrong is said before anything is started."""
    context = settings or Context()
    if isinstance(task, Task):
        context, loaded = context.model_copy(update={"task": task.name}), task
    else:
        context = context.model_copy(update={"task": task})
        loaded = load_task(task, data=context.data)
    models = models or models_for(context)
    refuse_unpriced(models.names.values(), context)
    return context.given(task=loaded, models=models)


def _progress(on_event: OnEvent | None, stage: str) -> Progress:
    def told(done: int, of: int) -> None:
        if on_event:
            on_event(Event(type="evaluating", stage=stage, done=done, of=of))

    return told


def _optimizer(given: str | Path | Optimizer) -> Optimizer:
    if isinstance(given, Optimizer):
        return checked(given)
    if isinstance(given, Path) or str(given).endswith(".json"):
        return checked(read_optimizer(Path(given)))
    if given not in OPTIMIZERS and Path(given).is_file():
        return checked(read_optimizer(Path(given)))
    return optimizer_named(given)


def _program(given: str | Path | Program | None) -> Program | None:
    if given is None or isinstance(given, Program):
        return given
    return read_program(Path(given))


def _distinct(names: list[str]) -> list[str]:
    return [
        name if names.count(name) == 1 else f"{name}-{names[: place + 1].count(name)}" for place, name in enumerate(names)
    ]


async def _stored_program(opened: Workspace, program: str | Path | Program | None, context: Context) -> str:
    task = context._given_task
    assert task is not None, "_prepared loads the task"
    return await put(opened.store, _program(program) or task.program)


async def _record(opened: Workspace, kind: Kind, run: str | None, context: Context, asked: dict[str, Any]) -> Record:
    task, models = context._given_task, context._given_models
    assert task is not None and models is not None, "_prepared gives both"
    name = run or f"{re.sub(r'[^a-z0-9]+', '-', task.name.lower()).strip('-')}-{secrets.token_hex(3)}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
        raise InputError(f"Run name {name!r} is not usable; take letters, digits, dots, dashes, at most 100.")
    if await opened.store.aget(("metatextgrad", "run"), name) is not None:
        raise InputError(f"Run {name!r} exists already; go on with it by resume, or choose another name.")
    return Record(
        run=name,
        kind=kind,
        settings=context.model_dump(mode="json"),
        asked=asked,
        task=task.name,
        task_id=task.id,
        simulated=models.simulated,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


async def _carried_out(
    opened: Workspace, record: Record, context: Context, on_event: OnEvent | None, stop: Stop | None
) -> Result:
    ended, resources = await execute(opened, record, context, on_event=on_event, stop=stop)
    findings = await get(opened.store, Findings, ended.findings)
    return Result(
        run=ended.run,
        findings=findings,
        program=await get(opened.store, Program, findings.program),
        optimizer=await get(opened.store, Optimizer, findings.optimizer),
        usage=dict(resources.ledger.meter.levels),
    )


def _allowed(caps: dict[str, float | int | None]) -> dict[str, Any]:
    wrong = sorted(set(caps) - CHANGEABLE)
    if wrong:
        msg = f"Setting {wrong[0]!r} cannot change when a run is resumed; changeable: {', '.join(sorted(CHANGEABLE))}."
        raise InputError(msg)
    return dict(caps)
