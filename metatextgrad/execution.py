"""Carry out a run: start it or go on with it, in one workspace, under one lock."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from langgraph.types import Command, StateSnapshot

from metatextgrad.approving import Approver
from metatextgrad.core.errors import (
    ApprovalNeededError,
    BudgetReachedError,
    InterruptError,
    MetaTextGradError,
    ProviderError,
    StorageError,
)
from metatextgrad.core.report import Findings
from metatextgrad.core.trial import Candidate, brief
from metatextgrad.graphs.inner_loop import build_inner_loop
from metatextgrad.graphs.loop import Loop
from metatextgrad.graphs.outer_loop import build_outer_loop
from metatextgrad.runtime.artifacts import put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import Event
from metatextgrad.runtime.findings import initial_of, name_of_start, row
from metatextgrad.runtime.garbage import seldom_collected
from metatextgrad.runtime.record import Kind, Record, Status, save
from metatextgrad.runtime.resources import Resources, open_resources
from metatextgrad.runtime.storage import is_of_a_database
from metatextgrad.runtime.tracing import traced
from metatextgrad.runtime.workspace import Lost, Workspace

T = TypeVar("T")
OnEvent = Callable[[Event], None]
_GRAPHS: dict[Kind, tuple[str, Callable[[], Loop]]] = {
    "optimize": ("inner_loop", build_inner_loop),
    "meta_optimize": ("outer_loop", build_outer_loop),
}
_RECURSION_LIMIT = 1_000_000


@seldom_collected()
def blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; inside a running loop, as in a notebook, on a loop in a thread of its own."""
    if not _in_loop():
        with seldom_collected():
            return asyncio.run(
                work
            )  # not where "no running event loop" is handled: it would seem the cause of every error
    begun = Future[Callable[[], object]]()

    async def cancellable() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        begun.set_result(lambda: loop.call_soon_threadsafe(task.cancel) if task else None)
        return await work

    with ThreadPoolExecutor(max_workers=1) as pool:
        # In the caller's context, where tracers stand that were switched on for a block of code.
        done = pool.submit(copy_context().run, asyncio.run, cancellable())
        try:
            return done.result()
        except BaseException:
            if not done.done():  # Ctrl-C comes to the thread that waits
                begun.result()()
            raise


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@dataclass
class Stop:
    """Asks a run to stop from outside, as a signal handler does: calls in flight finish and are kept."""

    control: RunControl = field(default_factory=RunControl)
    opened: Resources | None = None
    """What the run stands on once it has begun, for those who watch it: its name, settings, and what it has used."""
    reason: MetaTextGradError = field(default_factory=lambda: InterruptError("The run was interrupted."))
    """What the run then ends with."""

    def attach(self, opened: Resources) -> None:
        self.opened = opened
        if self.control.drain_requested:
            self.request()

    def request(self, reason: MetaTextGradError | None = None) -> None:
        self.reason = reason or self.reason
        self.control.request_drain("stopped")
        if self.opened:
            self.opened.ledger.stopped = self.reason

    def on_loss(self, hold: Lost) -> None:
        """Stop once the hold on the run is lost: another process may take the run now."""
        hold.add_done_callback(lambda ended: None if ended.cancelled() else self.request(_hold_lost()))


async def execute(
    workspace: Workspace,
    record: Record,
    context: Context,
    *,
    on_event: OnEvent | None = None,
    stop: Stop | None = None,
    approver: Approver | None = None,
) -> tuple[Record, Resources]:
    """Carry a run to its end, from wherever it stands, and return its record with the findings.

    Raises:
        MetaTextGradError: it stopped before its end; the record says why, and it can go on.
    """
    stop, approver = stop or Stop(), approver or Approver()
    async with workspace.hold(record.run) as hold:
        if hold:
            stop.on_loss(hold)
        graph = _Graph(workspace, record, on_event or _unheard, stop)
        begun = await graph.state()
        approver.expect(record.run, begun.interrupts)
        await save(workspace.store, record)
        opened = await open_resources(context, workspace.store, record.run)
        context = context.given(task=opened.task, models=opened.ledger.models)
        context.share(opened)
        stop.attach(opened)
        try:
            graph.tell("resumed" if begun.created_at else "started")
            findings = await traced(
                f"metatextgrad {record.kind}",
                lambda: _found(graph, context, opened, approver),
                run=record.run,
                task=record.task,
            )
        except BaseException as error:
            await opened.ledger.drain()
            standing = _standing(error)
            with suppress(Exception):  # a store that fails must not hide why the run ended
                await save(workspace.store, record.model_copy(update=standing))
            with suppress(Exception):
                graph.tell(standing["status"], brief(standing["message"]))
            raise
        ended = record.model_copy(update={"status": "done", "message": "", "findings": findings})
        await save(workspace.store, ended)
        graph.tell("done")
        return ended, opened


def _unheard(event: Event) -> None:
    """Tell nobody."""


def _hold_lost() -> StorageError:
    return StorageError("The database ended the connection that holds the run. See that it answers, then resume.")


async def _found(graph: "_Graph", context: Context, opened: Resources, approver: Approver) -> str:
    """Run the graph to its end and return the id of what was found."""
    state = await graph.run(context, approver)
    if graph.record.kind == "meta_optimize":
        return str(state["findings"])
    opened.ledger.watch.tell = graph.on_event
    return await traced("final_test", lambda: inner_findings(opened, state["candidates"][0], graph.on_event))


async def inner_findings(opened: Resources, found: Candidate, tell: OnEvent) -> str:
    """Look at the test set once, after an inner loop, and store what was found."""
    start = await initial_of(opened, found)
    rows = (
        await row(opened, name_of_start(opened, start), "initial", start, tell),
        await row(opened, found["stage"], "optimizer", found, tell),
    )
    findings = Findings(
        kind="optimize",
        task=opened.task.name,
        simulated=opened.ledger.models.simulated,
        rows=rows,
        program=str(found["program"]),
        optimizer=str(found["id"]),
    )
    return await put(opened.store, findings)


@dataclass
class _Graph:
    """The graph of a run's kind, on the run's thread."""

    workspace: Workspace
    record: Record
    on_event: OnEvent
    stop: Stop

    def __post_init__(self) -> None:
        (name, build), workspace = _GRAPHS[self.record.kind], self.workspace
        self.graph = build().compile(checkpointer=workspace.saver, store=workspace.store, name=name)
        self.config: RunnableConfig = {
            "configurable": {"thread_id": self.record.run},
            "recursion_limit": _RECURSION_LIMIT,
        }

    def tell(self, outcome: str, reason: str = "") -> None:
        self.on_event(Event(type="run", run=self.record.run, outcome=outcome, reason=reason))

    async def state(self) -> StateSnapshot:
        return await self.graph.aget_state(self.config)

    async def run(self, context: Context, approver: Approver) -> dict[str, Any]:
        """Start, or go on from the last checkpoint, and return the final state; ask wherever a person has a say."""
        state = await self.state()
        # Of tasks, not of `next`: a task that has written and whose step is not checkpointed is no longer in `next`.
        if not state.created_at or state.tasks:
            await self._go_on(context, None if state.created_at else self.record.asked)
            state = await self.state()
        while state.interrupts:
            await self._go_on(context, Command(resume=await approver.answers(state.interrupts)))
            state = await self.state()
        return dict(state.values)

    async def _go_on(self, context: Context, given: Any) -> None:
        stream = self.graph.astream(
            given,
            self.config,
            context=context,
            durability="sync",
            stream_mode="custom",
            subgraphs=True,
            control=self.stop.control,
        )
        try:
            async for _, event in stream:
                self.on_event(Event.model_validate(event))
        except GraphDrained as drained:
            raise self.stop.reason from drained
        if self.stop.control.drain_requested:
            raise self.stop.reason


def _standing(error: BaseException) -> dict[str, str]:
    """Return the status and message of a run that stopped before its end."""
    statuses: dict[type[BaseException], Status] = {
        ApprovalNeededError: "waiting",
        BudgetReachedError: "budget",
        ProviderError: "provider",
        StorageError: "storage",
        InterruptError: "interrupted",
        asyncio.CancelledError: "interrupted",
        KeyboardInterrupt: "interrupted",
    }
    kind = StorageError if isinstance(error, Exception) and is_of_a_database(error) else type(error)
    return {"status": statuses.get(kind, "failed"), "message": str(error)[:2000]}
