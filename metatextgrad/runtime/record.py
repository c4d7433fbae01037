"""The record of a run: what was asked, so that it can go on, and how it stands."""

from typing import Any, Literal

from langgraph.store.base import BaseStore

from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import Value
from metatextgrad.runtime.artifacts import items, namespace

Kind = Literal["optimize", "meta_optimize", "evaluate"]
Status = Literal["running", "waiting", "done", "interrupted", "budget", "provider", "storage", "failed"]
_RUNS = namespace("run")


class Record(Value):
    """A run."""

    run: str
    kind: Kind
    settings: dict[str, Any]
    """The context, as JSON."""
    asked: dict[str, Any]
    """The graph's input: content ids and names."""
    plan: dict[str, Any] = {}
    """What the run was expected to use, level by level, when it was started."""
    task: str
    """The task's name, for people."""
    task_id: str
    """The task's content id: a resumed run must see the same data."""
    simulated: bool
    created: str
    """When, in ISO form, UTC; never part of a result."""
    status: Status = "running"
    message: str = ""
    """Why it stopped, for a run that did not end."""
    findings: str = ""
    origin: str = ""
    """For a fork: RUN at LOOP:STEP, which it comes from."""


async def save(store: BaseStore, record: Record) -> None:
    """Write the record of a run."""
    await store.aput(_RUNS, record.run, record.model_dump(mode="json"), index=False)


async def find(store: BaseStore, run: str) -> Record | None:
    """Read the record of a run; None where there is no such run."""
    item = await store.aget(_RUNS, run)
    return Record.model_validate(item.value) if item else None


async def load(store: BaseStore, run: str) -> Record:
    """Read the record of a run.

    Raises:
        InputError: there is no such run.
    """
    record = await find(store, run)
    if record is None:
        known = [record.run for record in await every(store)][:8]
        names = f"Newest runs: {', '.join(known)}." if known else "This workspace has no runs yet."
        raise InputError(f"Unknown run {run!r}. {names}")
    return record


async def every(store: BaseStore) -> list[Record]:
    """Read the records of all runs, newest first."""
    found = [Record.model_validate(item.value) for item in await items(store, _RUNS)]
    return sorted(found, key=lambda record: record.created, reverse=True)
