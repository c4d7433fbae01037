"""The tool by which an agent improves a prompt: what it finds and tells, keeps, asks a person, and refuses."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command

import metatextgrad as mtg
from metatextgrad.core.errors import InputError, ProviderError
from metatextgrad.runtime.artifacts import namespace
from tests.agents import ToolModel, calls, tool_models
from tests.scripted import Script, in_turn
from tests.tracers import calls as found
from tests.tracers import said_of, tracing


def model(handler: Any) -> ToolModel:
    return ToolModel(level="program", script=Script(handler), offered=[])


EXAMPLES = [{"input": f"question {n}", "target": str(n)} for n in range(7)]


def numbers(messages: Sequence[BaseMessage], level: object) -> Any:
    """Answer with the number of the question when told to; improve any prompt so that it tells so."""
    if level != "program":
        known = "improved_text" in messages[0].text
        return json.dumps({"improved_text": "Give the number."} if known else {"instructions": "say what is wanted"})
    number = messages[-1].text.rpartition(" ")[2]
    return f"Answer: {number if 'number' in messages[0].text else '?'}"


def asking(**arguments: Any) -> Any:
    given = {"prompt": "Answer.", "examples": EXAMPLES, "instruction": "A number."} | arguments
    return in_turn(
        calls("optimize_prompt", "call/1", **given), "done", calls("optimize_prompt", "call/2", **given), "done"
    )


def helped(handler: Any = numbers, asked: Any = None, **options: Any) -> tuple[Any, Script]:
    script = Script(handler)
    settings = options.pop("settings", mtg.Context(steps=1))
    tool = mtg.create_optimizer_tool(metric="exact", models=tool_models(script), settings=settings)
    return create_agent(model(asked or asking()), [tool], **options), script


ASK: Any = {"messages": [("human", "Improve it.")]}


async def test_agent_improves_a_prompt_by_the_tool_and_is_told_the_scores() -> None:
    agent, script = helped()
    ended = await agent.ainvoke(ASK)
    assert json.loads(ended["messages"][-2].text) == {
        "prompt": "Give the number.",
        "validation": {"before": 0.0, "after": 1.0, "examples": 2},
        "test": {"before": 0.0, "after": 1.0},
    }
    assert ended.keys() == {"messages"}
    assert any("What a good answer is: A number." in prompt for prompt in script.prompts("optimizer"))


async def test_progress_of_the_tool_is_in_the_agents_stream_and_nothing_else_of_it() -> None:
    agent, _ = helped()
    parts = [part async for part in agent.astream(ASK, stream_mode=["custom", "updates", "messages"], subgraphs=True)]
    told = [part["optimize_prompt"]["type"] for _, kind, part in parts if kind == "custom"]
    assert told[0] == told[-1] == "run" and told.count("step") == 2
    assert {name for _, kind, part in parts if kind == "updates" for name in part} == {"model", "tools"}
    assert not [part for _, kind, part in parts if kind == "messages" and "Answer:" in part[0].text]


async def test_run_of_the_tool_stands_in_traces_under_the_agents_call_of_it() -> None:
    agent, script = helped()
    with tracing() as tracer:
        await agent.ainvoke(ASK)
    (root,) = tracer.roots
    places = [above for above, run in found(root) if said_of(run)["level"]]
    assert len(places) == len(script.asked)
    assert {above[:4] for above in places} == {("LangGraph", "tools", "optimize_prompt", "metatextgrad optimize")}


async def test_tool_uses_the_agents_saver_and_store_in_a_thread_of_its_own() -> None:
    saver, store = InMemorySaver(), InMemoryStore()
    agent, script = helped(checkpointer=saver, store=store)
    config: Any = {"configurable": {"thread_id": "mine"}}
    await agent.ainvoke(ASK, config)
    (run,) = [item.key for item in store.search(namespace("run"))]
    assert run.startswith("opt-call-1-")
    assert {entry.config["configurable"]["thread_id"] for entry in saver.list(None)} == {"mine", run}
    paid = len(script.asked)
    ended = await agent.ainvoke(ASK, config)
    assert len(script.asked) == paid, "the second call of the tool found all its calls in the store"
    assert ended["messages"][-2].text == ended["messages"][2].text


async def test_call_of_the_tool_that_was_cut_short_goes_on_when_the_agent_is_resumed() -> None:
    away = True

    def handler(messages: Sequence[BaseMessage], level: object) -> Any:
        if away and level == "optimizer":
            raise ConnectionError("away")
        return numbers(messages, level)

    agent, script = helped(handler, checkpointer=InMemorySaver(), store=InMemoryStore())
    config: Any = {"configurable": {"thread_id": "mine"}}
    with pytest.raises(ProviderError, match="away"):
        await agent.ainvoke(ASK, config)
    away, paid = False, script.calls["program"]
    ended = await agent.ainvoke(None, config)
    assert json.loads(ended["messages"][-2].text)["validation"]["after"] == 1.0
    assert script.calls["program"] == paid + 2 + 2 * 3 and paid == 2 + 2


def by_degrees(messages: Sequence[BaseMessage], level: object) -> Any:
    """Improve any prompt by a mark of exclamation; with one it serves for even questions, with two for all."""
    if level != "program":
        known = "improved_text" in messages[0].text
        marks = max(re.findall("number(!*)", "\n".join(message.text for message in messages)) or [""])
        said = {"improved_text": f"number{marks}!"} if known else {"instructions": "say what is wanted"}
        return json.dumps(said)
    number = messages[-1].text.rpartition(" ")[2]
    return f"Answer: {number if int(number) % 2 < messages[0].text.count('!') else '?'}"


APPROVED = mtg.Context(steps=2, approve="all")


async def answering(agent: Any, *answers: Any) -> tuple[list[Any], dict[str, Any]]:
    """Let an agent call the tool, answer what it asks; return the questions and what the tool found."""
    config: Any = {"configurable": {"thread_id": "mine"}}
    asked, ended = [], await agent.ainvoke(ASK, config)
    for answer in answers:
        asked.append(ended["__interrupt__"][0].value)
        ended = await agent.ainvoke(Command(resume=answer), config)
    assert "__interrupt__" not in ended
    return asked, json.loads(ended["messages"][-2].text)


def approved(**options: Any) -> tuple[Any, Script]:
    return helped(
        by_degrees, asking(prompt="Give the number"), settings=APPROVED, checkpointer=InMemorySaver(), **options
    )


async def test_person_approves_what_the_tool_finds_by_interrupts_of_the_agent() -> None:
    alone, free = helped(by_degrees, asking(prompt="Give the number"), settings=mtg.Context(steps=2))
    expected = json.loads((await alone.ainvoke(ASK))["messages"][-2].text)
    agent, script = approved(store=InMemoryStore())
    asked, found = await answering(agent, "approve", {"decision": "perhaps"}, {"decision": "approve"})
    assert [(question["step"], question["score"]) for question in asked] == [(1, 0.5), (2, 1.0), (2, 1.0)]
    assert "is no decision" in asked[2]["problem"]
    assert found == expected and found["prompt"] == "number!!"
    assert len(script.asked) == len(free.asked), "nothing is paid for again when the tool is carried out again"


async def test_person_rejects_or_edits_what_the_tool_finds() -> None:
    agent, _ = approved(store=InMemoryStore())
    _, found = await answering(agent, "reject", "reject")
    assert found["validation"] == {"before": 0.0, "after": 0.0, "examples": 2}
    config: Any = {"configurable": {"thread_id": "mine"}}
    agent, _ = approved(store=InMemoryStore())
    value = (await agent.ainvoke(ASK, config))["__interrupt__"][0].value["value"]
    value["components"][0]["instructions"] = "my own number!!"
    ended = await agent.ainvoke(Command(resume={"decision": "edit", "value": value}), config)
    assert json.loads(ended["messages"][-2].text)["prompt"] == "my own number!!"


async def test_agent_without_a_store_cannot_ask_a_person_and_is_told_so() -> None:
    agent, script = approved()
    ended = await agent.ainvoke(ASK, {"configurable": {"thread_id": "mine"}})
    assert ended["messages"][-2].text.endswith("for that the agent needs a checkpointer and a store.")
    assert script.asked == []


async def test_agent_with_a_checkpointer_alone_improves_a_prompt() -> None:
    agent, _ = helped(checkpointer=InMemorySaver())
    ended = await agent.ainvoke(ASK, {"configurable": {"thread_id": "mine"}})
    assert json.loads(ended["messages"][-2].text)["validation"]["after"] == 1.0


async def test_calls_of_one_id_in_two_conversations_are_two_runs() -> None:
    agent, _ = helped(asked=in_turn(*_one_id("Answer."), *_one_id("Give the number")), checkpointer=InMemorySaver())
    agent.store = InMemoryStore()
    found = []
    for thread in ("one", "two"):
        ended = await agent.ainvoke(ASK, {"configurable": {"thread_id": thread}})
        found.append(json.loads(ended["messages"][-2].text)["validation"]["before"])
    assert found == [0.0, 1.0]


def _one_id(prompt: str) -> tuple[Any, str]:
    return calls("optimize_prompt", "call_0", prompt=prompt, examples=EXAMPLES), "done"


def test_tool_works_where_an_agent_is_called_without_a_loop() -> None:
    script = Script(numbers)
    tool = mtg.create_optimizer_tool(metric="exact", models=tool_models(script), settings=mtg.Context(steps=1))
    node = StateGraph(MessagesState).add_node("tools", ToolNode([tool])).add_edge(START, "tools").compile()
    call = {
        "name": "optimize_prompt",
        "args": {"prompt": "Answer.", "examples": EXAMPLES},
        "id": "c",
        "type": "tool_call",
    }
    said = list(node.stream({"messages": [AIMessage("", tool_calls=[call])]}, stream_mode=["custom", "values"]))
    assert json.loads(said[-1][1]["messages"][-1].text)["validation"]["after"] == 1.0
    assert [part["optimize_prompt"]["type"] for kind, part in said if kind == "custom"].count("step") == 2


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        ({"examples": EXAMPLES[:2]}, mtg.Context(steps=1), "There are 2 different examples; give at least three."),
        ({"examples": EXAMPLES[:1] * 5}, mtg.Context(steps=1), "There are 1 different examples"),
        ({}, mtg.Context(steps=1, max_calls=3), "The cap of 3 calls is reached"),
    ],
)
async def test_agent_is_told_why_a_prompt_was_not_improved(arguments: Any, settings: Any, said: str) -> None:
    agent, _ = helped(asked=asking(**arguments), settings=settings)
    ended = await agent.ainvoke(ASK)
    assert said in ended["messages"][-2].text


async def test_arguments_of_a_wrong_form_are_told_by_langchain_and_the_agent_can_mend_them() -> None:
    asked = in_turn(calls("optimize_prompt", examples="none"), "done")
    agent, script = helped(asked=asked)
    ended = await agent.ainvoke(ASK)
    assert ended["messages"][-2].status == "error"
    assert isinstance(ended["messages"][-1], AIMessage)
    assert script.asked == []


def test_tool_shows_agents_three_arguments_and_no_runtime() -> None:
    tool = mtg.create_optimizer_tool(metric="exact", models=tool_models(Script(numbers)))
    assert list(tool.tool_call_schema.model_json_schema()["properties"]) == ["prompt", "examples", "instruction"]  # type: ignore[union-attr]  # a model, as given


def test_unknown_metric_of_a_tool_is_told_at_once() -> None:
    with pytest.raises(InputError, match="Unknown metric 'nice'"):
        mtg.create_optimizer_tool(metric="nice")
