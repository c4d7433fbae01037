"""Measure an evaluation over a real socket, beside OpenAI's bare client in the same run.

    python benchmarks/network.py [IN_FLIGHT ...]        32 and 128 unless others are named

200 examples at 50 ms a call. Ours has everything on: LangChain's model, pacing, the ledger on a real SQLite workspace,
the meter, the metric. The bare client is openai's own on aiohttp, with nothing kept. The server has the other core.
"""

import asyncio
import math
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

from endless import FILLER, task
from loopback import serving
from openai import AsyncOpenAI, DefaultAioHttpClient

from metatextgrad import Context
from metatextgrad.runtime.evaluation import evaluate_program
from metatextgrad.runtime.models import models_for
from metatextgrad.runtime.resources import open_resources
from metatextgrad.runtime.workspace import open_workspace

EXAMPLES, LATENCY, RUNS = 200, 0.05, 9


@dataclass(frozen=True)
class Cost:
    """What one evaluation took."""

    wall: float
    """Seconds."""
    cpu: float
    """Milliseconds of this process a call."""


def main() -> None:
    """Print one line for each client and number of calls in flight."""
    print(f"{EXAMPLES} examples, {LATENCY * 1000:g} ms a call; median of {RUNS}")
    print(f"{'client':<10} {'in flight':>9} {'ideal s':>8} {'wall s':>8} {'times ideal':>12} {'CPU ms a call':>14}")
    with serving(LATENCY):
        for in_flight in [int(given) for given in sys.argv[1:]] or [32, 128]:
            for name, measured in (("bare SDK", bare), ("ours", ours)):
                costs = asyncio.run(measured(in_flight))
                ideal = math.ceil(EXAMPLES / in_flight) * LATENCY
                wall, cpu = median(cost.wall for cost in costs), median(cost.cpu for cost in costs)
                print(f"{name:<10} {in_flight:>9} {ideal:>8.3f} {wall:>8.3f} {wall / ideal:>12.2f} {cpu:>14.2f}")


async def bare(in_flight: int) -> list[Cost]:
    """Ask the same questions by OpenAI's client alone."""
    async with DefaultAioHttpClient() as http, AsyncOpenAI(http_client=http) as client:

        async def round_of_calls() -> None:
            gate = asyncio.Semaphore(in_flight)

            async def one(number: int) -> None:
                async with gate:
                    await client.chat.completions.create(
                        model="endless",
                        temperature=0.0,
                        messages=[
                            {"role": "system", "content": f"{FILLER} [0]"},
                            {"role": "user", "content": f"val question {number}"},
                        ],
                    )

            await asyncio.gather(*(one(number) for number in range(EXAMPLES)))

        return [await _cost(round_of_calls) for _ in range(RUNS)]


async def ours(in_flight: int) -> list[Cost]:
    """Evaluate a program, with a seed of its own each time, so that nothing is found in the ledger."""
    data = task(1, EXAMPLES, 1)
    found: list[Cost] = []
    with tempfile.TemporaryDirectory() as folder:
        async with open_workspace(folder) as workspace:
            models = await asyncio.to_thread(models_for, Context(program_model="openai:endless", concurrency=in_flight))
            for seed in range(RUNS):
                context = Context(seed=seed, concurrency=in_flight).given(task=data, models=models)
                resources = await open_resources(context, workspace.store, f"run-{seed}")
                found.append(await _cost(lambda given=resources: evaluate_program(given, data.program, "val")))
            await models.aclose()
    return found


async def _cost(work: Callable[[], Awaitable[object]]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return Cost(time.perf_counter() - wall, (time.process_time() - cpu) * 1000 / EXAMPLES)


if __name__ == "__main__":
    main()
