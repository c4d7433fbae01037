"""Measure what a step adds to the checkpoints and to the store, early and late in a long run.

    python benchmarks/checkpoints.py [STEPS ...]        100 and 1000 steps unless others are named

A real SQLite workspace, with a model that answers at once. Flat is the goal: a step late in a run writes as much as an
early one, and takes as long.
"""

import sqlite3
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import mean

from endless import models, task

from metatextgrad import Context, optimize
from metatextgrad.runtime.events import Event


def main() -> None:
    """Print one line a run."""
    print(f"{'steps':>6} {'checkpoint bytes a step':>32} {'store bytes':>12} {'milliseconds a step':>26}")
    print(f"{'':>6} {'first tenth':>16} {'last tenth':>15} {'a step':>12} {'first tenth':>14} {'last tenth':>11}")
    for steps in [int(given) for given in sys.argv[1:]] or [100, 1000]:
        measure(steps)


def measure(steps: int) -> None:
    """Run an inner loop and print what its steps wrote."""
    ends: list[float] = [time.perf_counter()]

    def noted(event: Event) -> None:
        if event.type == "step":
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        settings = Context(steps=steps)
        optimize(task(6, 5, 2), settings=settings, models=models(), workspace=folder, on_event=noted)
        written = bytes_by_step(Path(folder) / "checkpoints.sqlite", steps)
        stored = sum(path.stat().st_size for path in Path(folder).glob("store.sqlite*"))
    times = [1000 * (end - begin) for begin, end in pairwise(ends)][1:]
    tenth = steps // 10
    early, late = mean(written[:tenth]), mean(written[-tenth:])
    print(
        f"{steps:>6} {early:>16,.0f} {late:>15,.0f} {stored / steps:>12,.0f} "
        f"{mean(times[:tenth]):>14.1f} {mean(times[-tenth:]):>11.1f}"
    )


def bytes_by_step(database: Path, steps: int) -> list[int]:
    """Return the bytes of checkpoints and pending writes of each step: gradient, proposal, evaluation, update."""
    size = """length(checkpoint) + length(metadata) + coalesce(
        (select sum(length(value)) from writes where writes.checkpoint_id = checkpoints.checkpoint_id), 0)"""
    with sqlite3.connect(database) as connection:
        rows = connection.execute(f"select json_extract(metadata, '$.step'), {size} from checkpoints")
        sizes = dict(rows.fetchall())
    return [sum(sizes.get(step, 0) for step in range(4 * turn, 4 * turn + 4)) for turn in range(1, steps + 1)]


if __name__ == "__main__":
    main()
