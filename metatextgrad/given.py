"""What users may give, names, files or objects, turned into values before anything is started."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metatextgrad.core.errors import InputError
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program, Wrapped
from metatextgrad.core.programs import PROGRAMS, program_named
from metatextgrad.core.statistics import need_scipy
from metatextgrad.core.task import Task
from metatextgrad.expected import Plan
from metatextgrad.runtime.artifacts import get, namespace
from metatextgrad.runtime.context import RESUMABLE, Context
from metatextgrad.runtime.models import Models, models_for
from metatextgrad.runtime.prices import refuse_unpriced
from metatextgrad.runtime.record import Kind, Record
from metatextgrad.runtime.workspace import Workspace
from metatextgrad.runtime.wrapping import check_agents
from metatextgrad.stages import OPTIMIZERS, checked, kind_of, optimizer_named
from metatextgrad.tasks import is_there, load_task, scored_by
from metatextgrad.tasks.files import read_optimizer, read_program

GivenTask = str | Task
GivenOptimizer = str | Path | Optimizer
GivenProgram = str | Path | Program | None
_RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Prepared:
    """What a run needs, loaded and checked."""

    context: Context
    task: Task
    models: Models


@asynccontextmanager
async def preparing(task: GivenTask, settings: Context | None, models: Models | None) -> AsyncIterator[Prepared]:
    """Load the task and build the models, so that what is wrong is said before anything is started.

    Models that are built here are closed at the end; given ones are their owner's.
    """
    ready = await asyncio.to_thread(prepared, task, settings, models)
    try:
        yield ready
    finally:
        if models is None:
            await ready.models.aclose()


def prepared(task: GivenTask, settings: Context | None, models: Models | None) -> Prepared:
    """Load the task and build the models.

    Raises:
        InputError: the task, a model, a cap in money without known prices, or a paired test without scipy.
    """
    context = settings or Context()
    if context.accept == "paired":
        need_scipy()
    if isinstance(task, Task):
        context, loaded = context.model_copy(update={"task": task.name}), task
    else:
        context = context.model_copy(update={"task": task})
        loaded = load_task(task, data=context.data)
    loaded = scored_by(loaded, context.metric)
    models = models or models_for(context)
    refuse_unpriced(models.names.values(), context)
    return Prepared(context.given(task=loaded, models=models), loaded, models)


def optimizers_of(given: Sequence[GivenOptimizer]) -> tuple[list[Optimizer], list[str]]:
    """Return optimizers and a distinct name for each.

    Raises:
        InputError: there are none, or one is unknown or wrong.
    """
    if not given:
        raise InputError("No optimizers were given; name at least one, such as tgd.")
    found = [optimizer_of(item) for item in given]
    names = [optimizer.name for optimizer in found]
    return found, [_numbered(names, place) for place in range(len(names))]


def _numbered(names: list[str], place: int) -> str:
    name = names[place]
    return name if names.count(name) == 1 else f"{name}-{names[: place + 1].count(name)}"


def optimizer_of(given: GivenOptimizer) -> Optimizer:
    """Return an optimizer: as it is, from its file, or a built-in one."""
    if isinstance(given, Optimizer):
        return checked(given)
    if isinstance(given, Path) or given.endswith(".json") or (given not in OPTIMIZERS and Path(given).is_file()):
        return checked(read_optimizer(Path(given)))
    return optimizer_named(given)


def program_of(given: GivenProgram, task: Task) -> Program:
    """Return a program: as it is, a built-in one, from its file, or the task's own where none is given."""
    if given is None or isinstance(given, Program):
        return given or task.program
    if given in PROGRAMS:
        return program_named(str(given), task)
    return read_program(Path(given))


async def fitting(ready: Prepared, program: Program, optimizers: Sequence[Optimizer]) -> Prepared:
    """Return what a run needs with the program's factories at hand, once each of its runnables was built.

    Raises:
        InputError: one cannot be built, or an optimizer would change the structure of a program that has one.
    """
    wrapped = [part.name for part in program.callers() if isinstance(part, Wrapped)]
    if not wrapped:
        return ready
    for optimizer in optimizers:
        if any(kind_of(stage).improves == "structure" for stage in optimizer.stages()):
            raise InputError(
                f"Optimizer {optimizer.name!r} has a stage that changes the structure of programs, and that of "
                f"{wrapped[0]!r} is in its own code; give optimizers of texts alone, such as tgd."
            )
        if any(kind_of(stage).package == "dspy" for stage in optimizer.stages()):
            raise InputError(
                f"Optimizer {optimizer.name!r} runs DSPy, which cannot look into {wrapped[0]!r}; give tgd, mipro, "
                "reflection or gepa."
            )
    context = ready.context.building(program.builds)
    await asyncio.to_thread(check_agents, program, context.builds, ready.models)
    return replace(ready, context=context)


async def new_record(
    opened: Workspace, kind: Kind, run: str | None, ready: Prepared, asked: dict[str, Any], plan: Plan
) -> Record:
    """Return the record of a new run.

    Raises:
        InputError: the name is not usable, or taken.
    """
    return Record(
        run=await free_name(opened, run, ready.task.name),
        kind=kind,
        settings=ready.context.model_dump(mode="json"),
        asked=asked,
        plan=plan.model_dump(mode="json"),
        task=ready.task.name,
        task_id=ready.task.id,
        simulated=ready.models.simulated,
        created=now(),
    )


def now() -> str:
    """Return the time as records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


async def free_name(opened: Workspace, run: str | None, stem: str) -> str:
    """Return the name of a new run: the wished one, or one made of `stem`.

    Raises:
        InputError: the name is not usable, or taken.
    """
    name = run or f"{re.sub(r'[^a-z0-9]+', '-', stem.lower()).strip('-')}-{secrets.token_hex(3)}"
    if not _RUN_NAME.fullmatch(name):
        raise InputError(f"Run name {name!r} is not usable; take letters, digits, dots, dashes, at most 100.")
    if await opened.store.aget(namespace("run"), name) is not None:
        raise InputError(f"Run {name!r} exists already; go on with it by resume, or choose another name.")
    return name


def allowed(caps: dict[str, float | int | None]) -> dict[str, Any]:
    """Return the changes to a run's settings that cannot change its result.

    Raises:
        InputError: one of them could.
    """
    wrong = sorted(set(caps) - RESUMABLE)
    if wrong:
        msg = f"Setting {wrong[0]!r} cannot change when a run is resumed; changeable: {', '.join(sorted(RESUMABLE))}."
        raise InputError(msg)
    return dict(caps)


@asynccontextmanager
async def going_on(
    opened: Workspace,
    record: Record,
    settings: Context,
    task: GivenTask | None,
    program: GivenProgram,
    models: Models | None,
) -> AsyncIterator[Prepared]:
    """Prepare what a run on record needs to go on.

    Raises:
        InputError: its task is not the one that it was started on, or a runnable of its program cannot be built.
    """
    async with preparing(task or _named(record, settings), settings, models) as ready:
        if ready.task.id != record.task_id:
            raise InputError(
                f"Run {record.run!r} was started on other data; its task {record.task!r} has changed since. If the one "
                "that it was started on is elsewhere now, name that: --task FILE, in Python `task`."
            )
        known = program_of(program, ready.task).builds
        before = await get(opened.store, Program, record.asked["program"])
        yield await fitting(ready, before.knowing(known), [])


def _named(record: Record, settings: Context) -> str:
    """Return the task that a run names.

    Raises:
        InputError: it is not there.
    """
    if not is_there(settings.task):
        raise InputError(
            f"Run {record.run!r} was started on the task {settings.task!r}, which is neither built in nor a file "
            "that is there. If its file has moved, name the new place: --task FILE, in Python `task`; a Task in memory "
            "has to be given again."
        )
    return settings.task
