"""Lesson 8: every loop is a LangGraph graph. Stream one, or make it a node of a graph of your own."""

import asyncio
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.store.memory import InMemoryStore
from typing_extensions import TypedDict

import metatextgrad as mtg
from metatextgrad.graphs.inner_loop import build_inner_loop


class Mine(TypedDict, total=False):
    optimizer: str
    candidates: list[Any]
    """What the inner loop gives back: the optimizer, scored by the program that it found."""
    verdict: str


def judge(state: Mine) -> Mine:
    return {"verdict": f"{state['optimizer']} reached {state['candidates'][0]['score']:.2f}"}


async def main() -> None:
    graph = StateGraph(Mine, context_schema=mtg.Context)
    graph.add_node("improve", build_inner_loop().compile())
    graph.add_node("judge", judge)
    graph.add_edge(START, "improve")
    graph.add_edge("improve", "judge")
    graph.add_edge("judge", END)
    mine = graph.compile(checkpointer=InMemorySaver(), store=InMemoryStore())  # the loop inherits both

    context = mtg.Context(task="bbh/word_sorting", steps=2)
    config: Any = {"configurable": {"thread_id": "mine"}}
    async for _, event in mine.astream(
        {"optimizer": "tgd"}, config, context=context, stream_mode="custom", subgraphs=True
    ):
        if event["type"] == "step":
            print(f"step {event.get('step', 0)}: {event['stage']} scored {event['score']:.2f}, {event['outcome']}")
    print((await mine.aget_state(config)).values["verdict"])


asyncio.run(main())
