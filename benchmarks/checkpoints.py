"""Measure what a step adds to the checkpoints and to the store, early and late in a long run.

    python benchmarks/checkpoints.py [postgresql://USER@HOST/DATABASE] [STEPS ...]      100 and 1000 steps unless named

A step is all of an inner loop's turn: gradient, proposal, evaluation, update, with a model that answers at once.
Written is all that the saver was given: checkpoints, their metadata, and what tasks wrote. Kept is what the database
then holds, with the keys of its rows and its indexes. Flat is the goal: a step late in a run writes as much as an early
one, and takes as long.

In a folder checkpoints are deflated whole, and what tasks wrote is dropped once the next checkpoint has it. In
PostgreSQL LangGraph's saver writes checkpoints as JSON, of which only values that are no plain words or numbers go
through our serializer, and keeps what tasks wrote. Under the LangGraph server all that is the server's.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any, LiteralString

from endless import models, task

from metatextgrad import Context, optimize
from metatextgrad.runtime.compact import Compact
from metatextgrad.runtime.events import Event
from metatextgrad.runtime.workspace import POSTGRES, open_workspace

TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
TABLE_SIZE = "select pg_total_relation_size(%s::regclass)"
JSON_SIZE = "select sum(pg_column_size(checkpoint) + pg_column_size(metadata)) from checkpoints"


def main() -> None:
    """Print one line a run."""
    given = sys.argv[1:]
    database = given.pop(0) if given and given[0].startswith(POSTGRES) else ""
    print(
        f"{'':>6} {'bytes of a step, written':>27} {'kept':>7} {'store':>7} {'its milliseconds':>19} {'of the CPU':>13}"
    )
    print(f"{'steps':>6} {'first tenth':>15} {'last tenth':>11} {'':>7} {'':>7}" + f" {'first':>10} {'last':>6}" * 2)
    for steps in [int(number) for number in given] or [100, 1000]:
        if database:
            measure(steps, database)
        else:
            with tempfile.TemporaryDirectory() as folder:
                measure(steps, folder)


def measure(steps: int, workspace: str) -> None:
    """Run an inner loop and print what its steps wrote."""
    before = sizes(workspace)
    ends, spent, written = [time.perf_counter()], [time.process_time()], [0]

    def noted(event: Event) -> None:
        if event.type == "step":
            ends.append(time.perf_counter())
            spent.append(time.process_time())
            written.append(total[0])

    with counted() as total:
        optimize(task(6, 5, 2), settings=Context(steps=steps), models=models(), workspace=workspace, on_event=noted)
    beside, kept, stored = (after - was for after, was in zip(sizes(workspace), before, strict=True))
    added = [later - earlier + beside / steps for earlier, later in pairwise(written)]
    early, late = first_and_last(added)
    wall, cpu = (first_and_last([1000 * (end - begin) for begin, end in pairwise(clock)]) for clock in (ends, spent))
    print(
        f"{steps:>6} {early:>15,.0f} {late:>11,.0f} {kept / steps:>7,.0f} {stored / steps:>7,.0f} "
        f"{wall[0]:>10.1f} {wall[1]:>6.1f} {cpu[0]:>10.1f} {cpu[1]:>6.1f}"
    )


def first_and_last(values: list[float]) -> tuple[float, float]:
    """Return the means of the first and the last tenth; the start, and the score of what is given, are no steps."""
    tenth = len(values) // 10
    return mean(values[2 : 2 + tenth]), mean(values[-tenth:])


@contextmanager
def counted() -> Iterator[list[int]]:
    """Count the bytes that the serializer hands to the saver."""
    total, dump = [0], Compact.dumps_typed

    def dumped(self: Compact, obj: Any) -> tuple[str, bytes]:
        kind, data = dump(self, obj)
        total[0] += len(data)
        return kind, data

    Compact.dumps_typed = dumped  # type: ignore[method-assign]
    try:
        yield total
    finally:
        Compact.dumps_typed = dump  # type: ignore[method-assign]


def sizes(workspace: str) -> tuple[int, int, int]:
    """Return bytes: of what savers write past their serializer, of the tables of checkpoints, of the store."""
    return in_postgres(workspace) if workspace.startswith(POSTGRES) else in_folder(Path(workspace))


def in_folder(folder: Path) -> tuple[int, int, int]:
    """Return the sizes of a workspace in a folder, in which the log is written back."""
    if not (folder / "store.sqlite").exists():
        return 0, 0, 0
    beside = 0
    for name in ("checkpoints", "store"):
        with sqlite3.connect(folder / f"{name}.sqlite") as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
            if name == "checkpoints":
                (beside,) = connection.execute("select coalesce(sum(length(metadata)), 0) from checkpoints").fetchone()
    checkpoints, store = ((folder / f"{name}.sqlite").stat().st_size for name in ("checkpoints", "store"))
    return beside, checkpoints, store


def in_postgres(uri: str) -> tuple[int, int, int]:
    """Return the sizes of a workspace in a database; they grow by pages."""
    import psycopg

    async def made() -> None:
        async with open_workspace(uri):
            pass

    asyncio.run(made())
    with psycopg.connect(uri) as connection:

        def number(query: LiteralString, *given: str) -> int:
            return int((connection.execute(query, given).fetchone() or (0,))[0] or 0)

        kept = sum(number(TABLE_SIZE, table) for table in TABLES)
        return number(JSON_SIZE), kept, number(TABLE_SIZE, "store")


if __name__ == "__main__":
    main()
