"""Measure what it costs to keep a call: milliseconds and bytes a call in each store.

    python benchmarks/ledger.py [postgresql://...]

The model answers at once, so all that is left of a call is the project's own work. `known` are the same calls asked for
again by a run that was resumed. The texts are about a kilobyte, as the replies of a program with its reasoning are. Of
PostgreSQL a database of its own is taken; the server has to allow that.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from endless import FILLER, models, task
from langgraph.store.base import BaseStore

from metatextgrad import Context
from metatextgrad.runtime.ledger import Call, Ledger
from metatextgrad.runtime.resources import open_resources
from metatextgrad.runtime.workspace import open_workspace

CALLS, RUNS = 500, 12
AT_ONCE = (1, 32)


@dataclass(frozen=True)
class Cost:
    """Milliseconds a call."""

    asked: float
    """Of the model alone."""
    kept: float
    """Through the ledger, for the first time."""
    known: float
    """Through the ledger, when the reply is in the store."""


def main() -> None:
    """Print one line for each store and number of calls at once."""
    print(f"{CALLS} calls; milliseconds a call, best of {RUNS}: other work on the machine only adds")
    print(f"{'store':<12} {'at once':>7} {'model alone':>12} {'kept':>8} {'cost of it':>11} {'known':>8} {'bytes':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for at_once in AT_ONCE:
            asyncio.run(measured("SQLite", str(Path(folder) / str(at_once)), at_once))
    if sys.argv[1:]:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        from tests.databases import fresh_database

        for at_once in AT_ONCE:
            with fresh_database(sys.argv[1]) as uri:
                asyncio.run(measured("PostgreSQL", uri, at_once))


async def measured(name: str, place: str, at_once: int) -> None:
    """Measure a store and print what was found."""
    async with open_workspace(place) as workspace:
        costs = [await _cost(workspace.store, at_once, run) for run in range(RUNS)]
    asked, kept, known = (min(getattr(cost, part) for cost in costs) for part in ("asked", "kept", "known"))
    used = _bytes(place) / (CALLS * RUNS)
    print(f"{name:<12} {at_once:>7} {asked:>12.3f} {kept:>8.3f} {kept - asked:>11.3f} {known:>8.3f} {used:>7.0f}")


async def _cost(store: BaseStore, at_once: int, seed: int) -> Cost:
    messages = (("system", f"{FILLER} [0]"), ("human", "val question 1"))
    calls = [Call("program", messages, 0.0, sample) for sample in range(CALLS)]
    ledger, resumed = await _ledger(store, seed, at_once), await _ledger(store, seed, at_once)

    async def alone(call: Call) -> object:
        return await ledger.models.ask(call.level, call.messages, call.temperature, None, [seed, call.sample])

    return Cost(
        asked=await _timed(alone, calls, at_once),
        kept=await _timed(ledger.complete, calls, at_once),
        known=await _timed(resumed.complete, calls, at_once),
    )


async def _ledger(store: BaseStore, seed: int, at_once: int) -> Ledger:
    context = Context(seed=seed, concurrency=at_once).given(task=task(1, 1, 1), models=models())
    return (await open_resources(context, store, f"run-{seed}")).ledger


async def _timed(ask: Callable[[Call], Awaitable[object]], calls: Iterable[Call], at_once: int) -> float:
    gate = asyncio.Semaphore(at_once)

    async def one(call: Call) -> None:
        async with gate:
            await ask(call)

    begin = time.perf_counter()
    await asyncio.gather(*(one(call) for call in calls))
    return (time.perf_counter() - begin) * 1000 / CALLS


def _bytes(place: str) -> int:
    """Return the size of the store, with its indexes."""
    if place.startswith("postgresql"):
        import psycopg

        with psycopg.connect(place) as connection:
            (size,) = connection.execute("SELECT pg_total_relation_size('store')").fetchone() or (0,)
            return int(size)
    with closing(sqlite3.connect(Path(place) / "store.sqlite")) as connection:
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return int(pages * size)


if __name__ == "__main__":
    main()
