"""What the nodes of one run share: task, ledger, settings. Built once a run, from the context, on first use."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from metatextgrad.core.errors import InputError
from metatextgrad.core.task import Task
from metatextgrad.runtime.budget import Budget
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import Watch, teller
from metatextgrad.runtime.ledger import Ledger
from metatextgrad.runtime.meter import Meter
from metatextgrad.runtime.models import Models, models_for
from metatextgrad.runtime.prices import refuse_unpriced
from metatextgrad.runtime.tracing import stand_at
from metatextgrad.tasks import load_task, scored_by

_USUAL = Context()
"""The settings of runs that were given none, which LangGraph hands nothing in common."""
_MOST = 16
"""Runs of the same settings whose resources are remembered, the newest; one that is forgotten opens its own again."""


@dataclass(frozen=True)
class Resources:
    """What the nodes of one run share."""

    context: Context
    task: Task
    ledger: Ledger
    store: BaseStore


async def resources(runtime: Runtime[Context], state: Mapping[str, Any] | None = None) -> Resources:
    """Return the run's resources; parallel branches share one set.

    What happens from here on is told as of this node, and traced at the place that its state names.

    Raises:
        InputError: the graph was compiled without a store, or the settings name an unknown task or model.
    """
    store = runtime.store
    if store is None:
        raise InputError("The graph has no store; compile it with store=..., such as an AsyncSqliteStore.")
    run = (runtime.execution_info.thread_id if runtime.execution_info else None) or "unnamed"
    context = runtime.context or _USUAL
    given = context._shared or await _opening(context, store, run)
    given.ledger.watch.tell = teller(runtime)
    stand_at(state or {})
    return given


def _opening(context: Context, store: BaseStore, run: str) -> "asyncio.Task[Resources]":
    """Return how the resources of a run are opened: once, also for settings that several runs were given.

    An opening that failed, or in a loop that is not there any more, is tried again.
    """
    opening = context._openings.pop((id(store), run), None)
    if opening is None or _failed(opening) or opening.get_loop() is not asyncio.get_running_loop():
        opening = asyncio.ensure_future(open_resources(context, store, run))
    context._openings[id(store), run] = opening
    if len(context._openings) > _MOST:
        context._openings.pop(next(iter(context._openings)))
    return opening


def _failed(opening: "asyncio.Task[Resources]") -> bool:
    return opening.done() and (opening.cancelled() or opening.exception() is not None)


async def open_resources(context: Context, store: BaseStore, run: str) -> Resources:
    """Build the resources of a run and count again what it used before."""
    task, models = context._given_task, context._given_models
    if task is None:
        task = await asyncio.to_thread(_load, context)
    if models is None:
        models = await asyncio.to_thread(models_for, context, lasting=False)
        refuse_unpriced(models.names.values(), context)
    ledger = ledger_of(context, models, store, run)
    await ledger.restore()
    return Resources(context=context.building(task.program.builds), task=task, ledger=ledger, store=store)


def ledger_of(context: Context, models: Models, store: BaseStore, run: str) -> Ledger:
    """Return a ledger that has counted nothing yet."""
    budget = Budget.of(context)
    return Ledger(
        store=store,
        models=models,
        meter=Meter(),
        budget=budget,
        watch=Watch(budget),
        run=run,
        seed=context.seed,
        max_tokens=context.max_tokens,
        concurrency=context.concurrency,
    )


def _load(context: Context) -> Task:
    return scored_by(load_task(context.task, data=context.data), context.metric)
