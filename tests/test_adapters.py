"""Back to LangChain: a program as a Runnable, and the loop inside a user's graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import BaseMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

import metatextgrad as mtg
from metatextgrad.core.errors import AgentError, InputError, ProviderError
from metatextgrad.core.program import Extract, Program
from metatextgrad.graphs.inner_loop import build_inner_loop
from metatextgrad.graphs.program import build_program
from tests.agents import AGENT, ToolModel, chain, mending, reacting, tool_models
from tests.scripted import Script, echo, llm, tiny_task


def model(handler: Any) -> ToolModel:
    return ToolModel(level="program", script=Script(handler), offered=[])


def test_optimized_agent_is_the_agent_again_with_other_texts(tmp_path: Path) -> None:
    task = tiny_task(AGENT, sizes=(3, 4, 2))

    def handler(messages: Sequence[BaseMessage], level: object) -> Any:
        if "Only repeat" in messages[0].text:
            return f"Answer: {messages[1].text.rpartition(' ')[2]}"
        return reacting(messages, level)

    script = Script(mending(handler, "Only repeat.", "agent.system"))
    result = mtg.optimize(task, models=tool_models(script), settings=mtg.Context(steps=1), workspace=tmp_path)
    assert (result.score, mtg.texts_of(result.program)) == (1.0, {"agent.system": "Only repeat."})
    agent = mtg.as_runnable(result.program, model(handler))
    assert type(agent) is type(create_agent(model(handler), []))
    assert agent.nodes.keys() == {"__start__", "model", "tools"}


async def test_agent_on_another_model_takes_and_gives_what_it_always_did() -> None:
    agent = mtg.as_runnable(AGENT, model(reacting))
    ended = await agent.ainvoke({"messages": [("human", "number 4")]})
    assert [message.type for message in ended["messages"]] == ["human", "ai", "tool", "ai"]


PIPELINE = Program(
    name="two",
    components=(llm("first"), llm("last", "{first}"), Extract(name="cut", text="last", after=":", which="first")),
)


async def test_program_is_a_runnable_of_the_question_or_of_its_inputs() -> None:
    program = mtg.as_runnable(PIPELINE, model(echo))
    assert await program.ainvoke("q") == await program.ainvoke({"question": "q"}) == "<first: q>>"
    assert await (program | (lambda text: text.upper())).ainvoke("q") == "<FIRST: Q>>"
    assert await program.abatch(["a", "b"]) == ["<first: a>>", "<first: b>>"]


def test_program_is_a_runnable_without_a_loop_too() -> None:
    assert mtg.as_runnable(PIPELINE, model(echo)).invoke("q") == "<first: q>>"


async def test_program_of_several_inputs_wants_them_by_name() -> None:
    program = mtg.as_runnable(Program(name="p", inputs=("a", "b"), components=(llm("x", "{a}{b}"),)), model(echo))
    assert await program.ainvoke({"a": "1", "b": 2}) == "<x: 12>"
    with pytest.raises(InputError, match="has the inputs a, b; give them by name"):
        await program.ainvoke("1")


async def test_failures_of_a_runnable_are_raised() -> None:
    broken = Program.from_runnable(chain(lambda model: lambda question: 1 // 0), {"t": "T"}, takes="text")
    program = Program(name="p", components=(*broken.components, llm("last", "{agent}"))).knowing(broken.builds)
    with pytest.raises(AgentError, match="ZeroDivisionError"):
        await mtg.as_runnable(program, model(echo)).ainvoke("q")

    def down(messages: Sequence[BaseMessage], level: object) -> str:
        raise ConnectionError("away")

    with pytest.raises(ProviderError, match="away"):
        await mtg.as_runnable(PIPELINE, model(down)).ainvoke("q")


async def test_a_model_by_name_may_be_simulated_and_a_wrong_name_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = mtg.load_task("bbh/word_sorting")
    answer = mtg.as_runnable(task.program, "simulated").invoke(task.testset[0].input)
    assert "Answer:" in answer
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for wrong in ("nonsense", "openai:gpt-4o-mini", "simulated:nobody"):
        with pytest.raises(InputError, match=wrong.rpartition(":")[2]):
            mtg.as_runnable(task.program, wrong)


async def test_wrapped_agent_is_a_node_of_the_graph_of_its_program() -> None:
    part = AGENT.components[0]
    program = Program(name="p", components=(part, llm("last", "{agent}"))).knowing(AGENT.builds)
    graph = build_program(program).compile(store=InMemoryStore())
    context = mtg.Context().given(
        task=tiny_task(program),
        models=tool_models(Script(lambda *a: echo(*a) if a[0][0].text == "last" else reacting(*a))),
    )
    assert await graph.ainvoke({"question": "number 4"}, context=context) == {"answer": "<last: Answer: 8>"}


class Mine(TypedDict, total=False):
    optimizer: str
    candidates: list[Any]
    verdict: str


async def test_loop_is_a_node_of_a_users_graph_with_streams_and_a_person_before_it() -> None:
    """An interrupt before the loop, one after it, and the loop's events in between; the loop runs once."""

    def before(state: Mine) -> Mine:
        return {"optimizer": interrupt("which optimizer?")}

    def after(state: Mine) -> Mine:
        return {"verdict": interrupt({"score": state["candidates"][0]["score"]})}

    graph = StateGraph(Mine, context_schema=mtg.Context)
    graph.add_node("before", before).add_node("improve", build_inner_loop().compile()).add_node("after", after)
    graph.add_edge(START, "before").add_edge("before", "improve").add_edge("improve", "after").add_edge("after", END)
    mine = graph.compile(checkpointer=InMemorySaver(), store=InMemoryStore())
    script = Script(mending(reacting, "better", "agent.system"))
    context = mtg.Context(steps=1).given(task=tiny_task(AGENT, sizes=(2, 3, 1)), models=tool_models(script))
    config: Any = {"configurable": {"thread_id": "mine"}}

    asked = await mine.ainvoke({}, config, context=context)
    assert asked["__interrupt__"][0].value == "which optimizer?"
    assert script.asked == []
    stream = mine.astream(Command(resume="tgd"), config, context=context, stream_mode="custom", subgraphs=True)
    events = [(space[0].partition(":")[0], event["type"]) async for space, event in stream]
    assert {space for space, _ in events} == {"improve"}
    assert [kind for _, kind in events].count("step") == 2
    made = len(script.asked)
    ended = await mine.ainvoke(Command(resume="good"), config, context=context)
    assert (ended["verdict"], len(script.asked)) == ("good", made)
