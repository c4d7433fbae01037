"""Measure what wrapping an agent costs, per model call and per example, and how many lines its user writes.

    python benchmarks/wrapping.py

A `create_agent` agent with one tool, three model calls an example, on a model that answers at once: first as it is,
then wrapped with the ledger in memory and in a real SQLite workspace, then again with every reply known.
"""

import asyncio
import re
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

import metatextgrad as mtg
from metatextgrad.runtime.evaluation import attempt_all
from metatextgrad.runtime.resources import open_resources
from metatextgrad.runtime.simulated.lessons import SimulatedThinker, lesson_models
from metatextgrad.runtime.workspace import open_workspace

EXAMPLES, CALLS, RUNS = 100, 3, 7
DOCUMENT = Path(__file__).parents[1] / "docs" / "agents.md"


@tool
def add(number: int) -> int:
    """Add one."""
    return number + 1


def build(texts: dict[str, str], model: Any) -> Any:
    """Build the agent."""
    return create_agent(model, [add], system_prompt=texts["system"])


def think(messages: Any, tools: Any) -> str | AIMessage:
    """Call the tool twice, then answer."""
    used = sum(message.type == "tool" for message in messages)
    if used == CALLS - 1:
        return "Answer: done"
    return AIMessage("", tool_calls=[{"name": "add", "args": {"number": used}, "id": str(used)}])


PROGRAM = mtg.Program.from_runnable(build, {"system": "Be quick."}, calls=CALLS)
QUESTIONS = tuple(mtg.Example(id=str(n), input=f"question {n}", target="done") for n in range(EXAMPLES))


def main() -> None:
    """Print CPU times, the difference to the bare agent, and the lines of the shortest use in the documentation.

    CPU and not the clock: other work on the machine disturbs it least.
    """
    times = asyncio.run(measured())
    bare = times["bare"]
    print(f"{EXAMPLES} examples, {CALLS} model calls each, one example after the other; CPU, median of {RUNS}")
    for name, seconds in times.items():
        call = seconds / EXAMPLES / CALLS * 1000
        more = (seconds - bare) / EXAMPLES / CALLS * 1000
        print(f"{name:34} {seconds:7.3f} s  {call:6.2f} ms a call  {more:+6.2f} ms")
    lines = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)[0].splitlines()
    print(f"lines to optimize an agent: {sum(bool(line.strip()) for line in lines)}")


async def measured() -> dict[str, float]:
    """Return the seconds for all examples, by the way in which they were run."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_workspace(folder) as workspace:
            return {
                "bare": await _median(_bare),
                "wrapped, ledger in memory": await _median(_wrapped(InMemoryStore)),
                "wrapped, ledger in SQLite": await _median(_wrapped(lambda: workspace.store)),
                "wrapped, every reply known": await _median(_known(InMemoryStore())),
            }


async def _median(work: Callable[[int], Awaitable[None]]) -> float:
    times = []
    for number in range(RUNS):
        begin = time.process_time()
        await work(number)
        times.append(time.process_time() - begin)
    return median(times)


async def _bare(number: int) -> None:
    agent = build({"system": "Be quick."}, SimulatedThinker(think=think, latency_seconds=0.0))
    for question in QUESTIONS:
        await agent.ainvoke({"messages": [("human", f"{number} {question.input}")]})


def _wrapped(store: Callable[[], BaseStore]) -> Callable[[int], Awaitable[None]]:
    async def work(number: int) -> None:
        # Texts of its own for each turn, so that no reply is known.
        await _evaluated(store(), PROGRAM.with_instructions({"agent.system": f"Be quick, {number}."}), f"run-{number}")

    return work


def _known(store: BaseStore) -> Callable[[int], Awaitable[None]]:
    async def work(number: int) -> None:
        await _evaluated(store, PROGRAM, f"run-{number}")  # as another run, which carries the tools out again

    return work


async def _evaluated(store: BaseStore, program: mtg.Program, run: str) -> None:
    task = mtg.Task("benchmark", "", program, QUESTIONS[:1], QUESTIONS[1:2], QUESTIONS[2:3], lambda said, example: 1.0)
    context = mtg.Context(concurrency=1).given(task=task, models=lesson_models(think))
    await attempt_all(await open_resources(context, store, run), program, QUESTIONS)


if __name__ == "__main__":
    main()
