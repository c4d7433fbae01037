"""What the nodes of one run share: task, ledger, settings. Built once a run, from the context, on first use."""

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from metatextgrad.core.errors import InputError
from metatextgrad.core.task import Task
from metatextgrad.runtime.budget import Budget
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.ledger import Ledger
from metatextgrad.runtime.meter import Meter
from metatextgrad.runtime.models import Models, models_for
from metatextgrad.runtime.prices import refuse_unpriced
from metatextgrad.tasks import load_task, scored_by

_USUAL: MutableMapping[asyncio.AbstractEventLoop, dict[tuple[int, str], Context]] = WeakKeyDictionary()
"""Settings of runs that were given none, by loop, store and run; the newest last."""
_MOST_USUAL = 16


@dataclass(frozen=True)
class Resources:
    """What the nodes of one run share."""

    context: Context
    task: Task
    ledger: Ledger
    store: BaseStore


async def resources(runtime: Runtime[Context]) -> Resources:
    """Return the run's resources; parallel branches share one set.

    Raises:
        InputError: the graph was compiled without a store, or the settings name an unknown task or model.
    """
    store = runtime.store
    if store is None:
        raise InputError("The graph has no store; compile it with store=..., such as an AsyncSqliteStore.")
    run = (runtime.execution_info.thread_id if runtime.execution_info else None) or "unnamed"
    context = runtime.context or _usual(store, run)
    if context._opening is None or _failed(context._opening):
        context._opening = asyncio.ensure_future(open_resources(context, store, run))
    return await context._opening


def _usual(store: BaseStore, run: str) -> Context:
    """Return the settings of a run that was given none: one object for all its nodes, which share what it opens.

    LangGraph hands such nodes nothing in common. Without it each one opened resources of its own, and branches side by
    side paid for the same call twice.
    """
    known = _USUAL.setdefault(asyncio.get_running_loop(), {})
    context = known.pop((id(store), run), None) or Context()
    known[id(store), run] = context
    if len(known) > _MOST_USUAL:
        known.pop(next(iter(known)))
    return context


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
    return Ledger(
        store=store,
        models=models,
        meter=Meter(),
        budget=Budget.of(context),
        run=run,
        seed=context.seed,
        max_tokens=context.max_tokens,
        limiter=asyncio.Semaphore(context.concurrency),
    )


def _load(context: Context) -> Task:
    return scored_by(load_task(context.task, data=context.data), context.metric)
