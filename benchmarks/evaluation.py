"""Measure how close the evaluation of a program comes to the time that its calls take.

    python benchmarks/evaluation.py

200 examples at 50 ms a call with 32 in flight take 7 rounds of 50 ms at the best. Measured with everything on: the
ledger and a real SQLite workspace.
"""

import asyncio
import math
import tempfile
import time
from statistics import median

from endless import models, task

from metatextgrad import Context
from metatextgrad.runtime.evaluation import evaluate_program
from metatextgrad.runtime.resources import open_resources
from metatextgrad.runtime.workspace import open_workspace

EXAMPLES, LATENCY, IN_FLIGHT, RUNS = 200, 0.05, 32, 7


def main() -> None:
    """Print the ideal, the median, and their ratio."""
    ideal = math.ceil(EXAMPLES / IN_FLIGHT) * LATENCY
    fresh, known = asyncio.run(measured())
    print(f"{EXAMPLES} examples, {LATENCY * 1000:g} ms a call, {IN_FLIGHT} in flight; median of {RUNS}")
    print(f"ideal    {ideal:8.3f} s")
    print(f"fresh    {fresh:8.3f} s   {fresh / ideal:.2f} times the ideal")
    print(f"known    {known:8.3f} s   scored before: no call is made")


async def measured() -> tuple[float, float]:
    """Return the seconds of an evaluation, and of the same one again."""
    data = task(1, EXAMPLES, 1)
    fresh: list[float] = []
    known: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        async with open_workspace(folder) as workspace:
            for seed in range(RUNS):
                context = Context(seed=seed, concurrency=IN_FLIGHT).given(task=data, models=models(LATENCY))
                resources = await open_resources(context, workspace.store, f"run-{seed}")
                for times in (fresh, known):
                    begin = time.perf_counter()
                    await evaluate_program(resources, data.program, "val")
                    times.append(time.perf_counter() - begin)
    return median(fresh), median(known)


if __name__ == "__main__":
    main()
