"""Measure how close the evaluation of a program comes to the time that its calls take, and what memory it takes.

    python benchmarks/evaluation.py

200 examples at 50 ms with 32 in flight take 7 rounds of 50 ms at the best; 10,000 at 20 ms with 64 in flight take 157
rounds. The model waits in this process, so nothing but the project's own work stands beside the latency: the ledger and
a real SQLite workspace, the meter, the metric. `network.py` measures the same over a socket.
"""

import asyncio
import math
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from endless import models, task

from metatextgrad import Context
from metatextgrad.runtime.evaluation import evaluate_program
from metatextgrad.runtime.resources import open_resources
from metatextgrad.runtime.workspace import open_workspace


@dataclass(frozen=True)
class Size:
    """What is evaluated, how often."""

    examples: int
    latency: float
    in_flight: int
    runs: int

    @property
    def ideal(self) -> float:
        """The seconds that the calls alone take."""
        return math.ceil(self.examples / self.in_flight) * self.latency


SIZES = (Size(200, 0.05, 32, 7), Size(10_000, 0.02, 64, 3))


def main() -> None:
    """Print the ideal, the median, and their ratio."""
    for size in SIZES:
        fresh, known, cpu, memory = asyncio.run(measured(size))
        print(
            f"{size.examples} examples, {size.latency * 1000:g} ms a call, {size.in_flight} in flight; "
            f"median of {size.runs}"
        )
        print(f"ideal    {size.ideal:8.3f} s")
        print(f"fresh    {fresh:8.3f} s   {fresh / size.ideal:.2f} times the ideal; {cpu:.2f} ms of CPU an example")
        print(f"known    {known:8.3f} s   scored before: no call is made")
        print(f"memory   {' '.join(f'{megabytes:.0f}' for megabytes in memory)} MB after each fifth of the last run")


async def measured(size: Size) -> tuple[float, float, float, list[float]]:
    """Return the seconds of an evaluation, of the same one again, the CPU an example, and the memory on the way."""
    data = task(1, size.examples, 1)
    fresh, known, cpu, memory = list[float](), list[float](), list[float](), list[float]()

    def noted(done: int, of: int) -> None:
        if done % (of // 5) == 0:
            memory.append(_megabytes())

    with tempfile.TemporaryDirectory() as folder:
        async with open_workspace(folder) as workspace:
            for seed in range(size.runs):
                memory.clear()
                context = Context(seed=seed, concurrency=size.in_flight).given(task=data, models=models(size.latency))
                resources = await open_resources(context, workspace.store, f"run-{seed}")
                for times in (fresh, known):
                    begin, used = time.perf_counter(), time.process_time()
                    await evaluate_program(resources, data.program, "val", noted)
                    times.append(time.perf_counter() - begin)
                    if times is fresh:
                        cpu.append((time.process_time() - used) * 1000 / size.examples)
    return median(fresh), median(known), median(cpu), memory


def _megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
