"""Lesson 13: give an agent a tool that improves prompts. Its run is the tool's own; the agent sees the result."""

import asyncio
import json
import re
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage

import metatextgrad as mtg
from metatextgrad.runtime.simulated.lessons import SimulatedThinker, lesson_models

EXAMPLES = [{"input": f"{a} and {b}", "target": str(a + b)} for a, b in ((1, 2), (3, 5), (4, 4), (7, 9), (6, 5))]
PROMPT = "You calculate."


def calculate(messages: Any, tools: Any) -> str:
    """Stand in for the model that the prompt is for: it adds when told to. SIMULATED."""
    numbers = [int(number) for number in re.findall(r"\d+", messages[-1].text)]
    return f"Answer: {sum(numbers) if 'add' in messages[0].text else numbers[0]}"


def assist(messages: Any, tools: dict[str, str]) -> str | AIMessage:
    """Stand in for the agent's own model: it calls the tool once and reports. SIMULATED."""
    last = messages[-1]
    if last.type == "tool":
        found = json.loads(last.text)
        return f"The prompt went from {found['validation']['before']:.0%} to {found['validation']['after']:.0%}."
    asked = {"prompt": PROMPT, "examples": EXAMPLES, "instruction": "The sum of the numbers."}
    return AIMessage("", tool_calls=[{"name": "optimize_prompt", "args": asked, "id": "first"}])


def metric(prediction: str, example: mtg.Example) -> tuple[float, str]:
    right = prediction.endswith(f" {example.target}")
    return float(right), "" if right else "The numbers have to be added: add them all."


async def main() -> None:
    tool = mtg.create_optimizer_tool(metric=metric, models=lesson_models(calculate), settings=mtg.Context(steps=2))
    agent = create_agent(SimulatedThinker(think=assist), [tool])
    asked: Any = {"messages": [("human", "Please improve my prompt.")]}
    async for kind, part in agent.astream(asked, stream_mode=["custom", "values"]):
        if kind == "custom" and part["optimize_prompt"]["type"] == "step":
            print("step", part["optimize_prompt"].get("step", 0), "scored", part["optimize_prompt"]["score"])
        elif kind == "values":
            last = part["messages"][-1]
    print(last.text, "(SIMULATED)")


asyncio.run(main())
