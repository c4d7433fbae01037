"""Lesson 9: improve an agent that you already run, here a ReAct agent with two tools, and get it back.

What may change has a name: its prompt, and the description of a tool. `build` makes the agent from these texts.
"""

from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool

import metatextgrad as mtg
from metatextgrad.runtime.simulated.lessons import lesson_models

PRICES = dict(lamp=20, desk=90, chair=45, shelf=60, rug=35, clock=15, sofa=300, stool=25, bed=400)
FEE = {item: 9 if price < 80 else 30 for item, price in PRICES.items()}


def build(texts: dict[str, str], model: Any) -> Any:
    price = StructuredTool.from_function(lambda item: str(PRICES[item]), name="price", description="Finds a price.")
    ship = StructuredTool.from_function(lambda item: str(FEE[item]), name="ship", description=texts["ship"])
    return create_agent(model, [price, ship], system_prompt=texts["system"])


def think(messages: Any, tools: dict[str, str]) -> str | AIMessage:
    """Stand in for a model that calls a tool when a text says what for. SIMULATED: no real model is so plain."""
    item = messages[1].text.split()[-1]
    found = {message.name: int(message.text) for message in messages if message.type == "tool"}
    wanted = ["price", "ship"] if "delivery" in tools["ship"] + messages[0].text else ["price"]
    for name in wanted:
        if name not in found:
            return AIMessage("", tool_calls=[{"name": name, "args": {"item": item}, "id": name}])
    total = sum(found.values())
    return f"Answer: {total} euros" if "euros" in messages[0].text else f"It is {total}."


def metric(prediction: str, example: mtg.Example) -> tuple[float, str]:
    if example.target not in prediction:
        return 0.0, "Call the tool ship for the costs of delivery and add them."
    return (1.0, "") if "euros" in prediction else (0.5, "In system, say that totals are given in euros.")


goods = [
    mtg.Example(id=item, input=f"What do I pay for a {item}", target=str(PRICES[item] + FEE[item])) for item in PRICES
]
agent = mtg.Program.from_factory("__main__:build", {"system": "You work in a shop.", "ship": "Ships."})
task = mtg.Task("shop", "totals", agent, tuple(goods[:3]), tuple(goods[3:6]), tuple(goods[6:]), metric)

result = mtg.optimize(task, models=lesson_models(think), settings=mtg.Context(steps=3))
for row in result.findings.rows:
    print(f"{row.name:10} validation {row.val.score:.2f}  (SIMULATED)")
for address, text in mtg.texts_of(result.program).items():
    print(f"\n{address}:\n{text}")
better = mtg.as_runnable(result.program, lesson_models(think).chat["program"])  # your agent again, on any chat model
mtg.write_json(result.program, "shop_agent.json")
