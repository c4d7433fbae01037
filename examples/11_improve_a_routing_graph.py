"""Lesson 11: improve a LangGraph graph with three prompts: one chooses the way, and each way has its own.

`texts="most_criticized"` changes one text a step, the one with the most feedback; "in_turn" takes them one by one.
"""

from typing import Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

import metatextgrad as mtg
from metatextgrad.runtime.simulated.lessons import lesson_models

BILL, TECH = "billing: we send it again", "technical: install it anew"
BILLS = ["Invoice 7 is missing", "The invoice is wrong", "An invoice for two", "No invoice yet"]
OTHERS = ["The app stops", "The screen is black", "I cannot log in", "It hangs"]
QUESTIONS = [asked for both in zip(BILLS, OTHERS, strict=True) for asked in zip(both, (BILL, TECH), strict=True)]


class State(TypedDict, total=False):
    question: str
    way: str
    answer: str


def build(texts: dict[str, str], model: Any) -> Any:
    async def route(state: State) -> State:
        reply = await model.ainvoke([("system", texts["route"]), ("human", state["question"])])
        return {"way": "billing" if "billing" in reply.text else "technical"}

    async def reply(state: State) -> State:
        said = await model.ainvoke([("system", texts[state["way"]]), ("human", state["question"])])
        return {"answer": f"{state['way']}: {said.text}"}

    return StateGraph(State).add_sequence([route, reply]).add_edge(START, "route").compile()


def think(messages: Any, tools: Any) -> str:
    """Stand in for a model that does what its prompt says. SIMULATED."""
    told, asked = messages[0].text, messages[1].text.lower()
    if told.startswith("Choose"):
        return "billing" if "invoice" in asked and "invoice" in told else "technical"
    return next((said for said in ("we send it again", "install it anew") if said in told), "we look into it")


def metric(prediction: str, example: mtg.Example) -> tuple[float, str]:
    way, _, wanted = example.target.partition(": ")
    if not prediction.startswith(way):
        return 0.0, "Choose the way of money for an invoice."
    return (1.0, "") if wanted in prediction else (0.5, f"In {way}, write: {wanted}.")


asked = [mtg.Example(id=text, input=text, target=said) for text, said in QUESTIONS]
texts = {"route": "Choose a way.", "billing": "You write replies.", "technical": "You write replies too."}
graph = mtg.Program.from_runnable(build, texts, gives="answer", calls=2)
task = mtg.Task("desk", "tickets", graph, tuple(asked[:4]), tuple(asked[4:6]), tuple(asked[6:]), metric)
turns = mtg.stage("textual_gradient", texts="most_criticized")
one = mtg.Optimizer(name="one-by-one", purpose="Changes one text a step.", schedule=turns)
result = mtg.optimize(task, optimizer=one, models=lesson_models(think), settings=mtg.Context(steps=6))
print(f"{result.findings.rows[0].val.score:.2f} -> {result.score:.2f}  (SIMULATED)\n{mtg.texts_of(result.program)}")
