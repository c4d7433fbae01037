"""Read runs from a workspace: what they found, what they used, and every turn they took."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from langgraph.store.base import BaseStore

from metatextgrad.core.errors import InputError, RunBusyError
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program
from metatextgrad.core.report import Findings
from metatextgrad.core.trial import Trial
from metatextgrad.loops import heads
from metatextgrad.runtime.artifacts import get, items, namespace
from metatextgrad.runtime.meter import Level, Meter, Usage
from metatextgrad.runtime.record import Record, every, find, load
from metatextgrad.runtime.workspace import POSTGRES, Workspace, open_workspace


@dataclass(frozen=True)
class Found:
    """What a run that has ended found."""

    findings: Findings
    program: Program
    optimizer: Optimizer
    inputs: tuple[Optimizer, ...]
    """The optimizers that it was given."""


@dataclass(frozen=True)
class Turn:
    """One turn of a loop, with the turns of the inner loops that scored its candidates."""

    trial: Trial
    inner: tuple["Turn", ...]


@dataclass(frozen=True)
class Branch:
    """The turns of one loop, oldest first: a lineage, the merge, or a single inner loop."""

    name: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Racing:
    """What racing saved in a run."""

    candidates: int
    """Those that were stopped."""
    examples: int
    """Those that were left out."""
    calls: int
    """At most: some replies may have been in the ledger anyway."""


@dataclass(frozen=True)
class StoredRun:
    """A run as it stands in its workspace."""

    record: Record
    status: str
    """The record's, or `killed` where it says running and no process holds the run."""
    usage: dict[Level, Usage]
    found: Found | None
    branches: tuple[Branch, ...]


def racing_in(branches: tuple[Branch, ...]) -> Racing:
    """Add up what racing saved; a loop that several turns name counts once."""
    tried: dict[str, Trial] = {}

    def gather(turns: tuple[Turn, ...]) -> None:
        for turn in turns:
            tried[turn.trial.id] = turn.trial
            gather(turn.inner)

    for branch in branches:
        gather(branch.turns)
    stopped = [item for trial in tried.values() for item in trial.candidates if item["status"] == "stopped"]
    return Racing(
        candidates=len(stopped),
        examples=sum(item.get("left_out", 0) for item in stopped),
        calls=sum(item.get("saved", 0) for item in stopped),
    )


def is_there(workspace: str) -> bool:
    """Tell whether there is a workspace to read; a database always counts, and says itself when it is not."""
    return workspace.startswith(POSTGRES) or Path(workspace).is_dir()


@asynccontextmanager
async def existing(workspace: str) -> AsyncIterator[Workspace]:
    """Open a workspace to read it.

    Raises:
        InputError: there is none; looking for a run must not make an empty one.
    """
    if not is_there(workspace):
        raise InputError(f"There is no workspace {workspace!r} yet; a run makes it, or name another with --workspace.")
    async with open_workspace(workspace) as opened:
        yield opened


async def read_run(workspace: str, run: str, *, turns: bool = False) -> StoredRun:
    """Read a run; its turns only if they are wanted, as there are many."""
    async with existing(workspace) as opened:
        return await run_in(opened, run, turns=turns)


async def run_in(opened: Workspace, run: str, *, turns: bool = False) -> StoredRun:
    """Read a run of a workspace that is open."""
    record = await load(opened.store, run)
    return StoredRun(
        record=record,
        status=await standing(opened, record),
        usage=await used(opened.store, run),
        found=await _found(opened.store, record),
        branches=await _branches(opened, record.run) if turns else (),
    )


async def read_runs(workspace: str) -> list[tuple[Record, str, Findings | None]]:
    """Read the record of every run, newest first, with its status and what it found."""
    async with existing(workspace) as opened:
        records = await every(opened.store)
        # At once, as the store then reads them in one go.
        findings = await asyncio.gather(*(_findings(opened.store, record) for record in records))
        statuses = [await standing(opened, record) for record in records]
        return list(zip(records, statuses, findings, strict=True))


async def standing(workspace: Workspace, record: Record) -> str:
    """Return a run's status; one that was killed could not say so itself."""
    if record.status != "running":
        return record.status
    try:
        async with workspace.hold(record.run, wait=False):
            return "killed"
    except RunBusyError:
        return "running"


async def used(store: BaseStore, run: str) -> dict[Level, Usage]:
    """Add up what a run has used."""
    meter = Meter()
    for item in await items(store, namespace("usage", run)):
        meter.add(item.value["level"], Usage.model_validate(item.value["usage"]))
    return dict(meter.levels)


async def stored_program(workspace: str, name: str) -> Program | None:
    """Return the best program of a run, or the program of a content id; None where there is neither."""
    if not is_there(workspace):
        return None
    async with open_workspace(workspace) as opened:
        record = await find(opened.store, name)
        if record is None:
            item = await opened.store.aget(namespace("program"), name)
            return Program.model_validate(item.value) if item else None
        findings = await _findings(opened.store, record)
        if findings is None:
            raise InputError(f"Run {name!r} has found no program yet; go on with it by resume.")
        return await get(opened.store, Program, findings.program)


async def _findings(store: BaseStore, record: Record) -> Findings | None:
    return await get(store, Findings, record.findings) if record.findings else None


async def _found(store: BaseStore, record: Record) -> Found | None:
    findings = await _findings(store, record)
    if findings is None:
        return None
    given = record.asked.get("optimizers") or [record.asked["optimizer"]]
    return Found(
        findings=findings,
        program=await get(store, Program, findings.program),
        optimizer=await get(store, Optimizer, findings.optimizer),
        inputs=tuple([await get(store, Optimizer, identifier) for identifier in given]),
    )


async def _branches(workspace: Workspace, run: str) -> tuple[Branch, ...]:
    """Walk back from the newest trial of each loop, those that are still at work included."""
    turns = [await _turns(workspace.store, head) for head in await heads(workspace.saver, run)]
    return tuple(Branch(line[-1].trial.path.partition("/")[0], line) for line in turns if line)


async def _turns(store: BaseStore, newest: str | None) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    while newest:
        trial = await get(store, Trial, newest)
        scored_by = [item["trial"] for item in trial.candidates if item["trial"]]
        inner = [turn for newest_inner in scored_by for turn in await _turns(store, newest_inner)]
        turns.append(Turn(trial, tuple(inner)))
        newest = trial.previous
    return tuple(reversed(turns))
