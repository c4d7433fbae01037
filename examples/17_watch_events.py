"""Lesson 17: see what happens while it happens, as typed events, as a stream, and as a trace."""

import asyncio
from collections import Counter
from typing import Any

from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.base import BaseTracer
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore

import metatextgrad as mtg
from metatextgrad.graphs.inner_loop import build_inner_loop

told: Counter[str] = Counter()


def listen(event: mtg.Event) -> None:
    told[event.type] += 1
    if event.type == "evaluation":
        print(f"{event.path} step {event.step}: {event.stage} scored {event.score or 0:.2f}")
    if event.type in ("run", "budget"):
        print(event.model_dump(exclude_defaults=True))


settings = mtg.Context(task="bbh/word_sorting", seed=1, steps=2, max_calls=900)


class Tracer(BaseTracer):
    """Print a trace: the run, its loop, the nodes; of model calls their number. LangSmith's needs no code at all."""

    def _persist_run(self, run: Any, depth: int = 0) -> None:
        calls = Counter(child.name for child in run.child_runs if child.run_type == "llm")
        print("  " * depth + run.name, *(f"[{number} x {name}]" for name, number in calls.items()))
        for child in run.child_runs:
            if child.run_type != "llm" and depth < 3:
                self._persist_run(child, depth + 1)


work = RunnableLambda(lambda task: mtg.optimize(task, settings=settings, on_event=listen)).with_config(run_name="mine")
work.invoke("bbh/word_sorting", {"callbacks": [Tracer()]})
print(dict(told))


async def main() -> None:
    """Stream the same events from a graph of your own, as Studio does."""
    graph = build_inner_loop().compile(checkpointer=InMemorySaver(), store=InMemoryStore())
    config: Any = {"configurable": {"thread_id": "mine"}}
    async for event in graph.astream({"optimizer": "tgd"}, config, context=settings, stream_mode="custom"):
        if event["type"] == "step":
            print("streamed:", event)


asyncio.run(main())
