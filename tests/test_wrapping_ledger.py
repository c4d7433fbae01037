"""Calls of agents go through the ledger: paid for once, under the caps, replies whole, the same after a restart."""

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel

import metatextgrad as mtg
from metatextgrad.core.errors import BudgetReachedError, InputError
from metatextgrad.core.program import Program
from metatextgrad.runtime.chat import Chat, kept, revived
from metatextgrad.runtime.evaluation import attempt_all
from metatextgrad.runtime.ledger_model import LedgerModel, ledger_model
from metatextgrad.runtime.models import Models
from tests.agents import AGENT, ToolModel, calls, chain, double, half, mending, opened, reacting, tool_models
from tests.scripted import Script, echo, examples, tiny_task


async def test_equal_calls_of_several_examples_are_made_once() -> None:
    script = Script(reacting)
    given = await opened(script)
    same = tuple(example.model_copy(update={"input": "number 4"}) for example in examples("train", 3))
    attempts = await attempt_all(given, AGENT, same)
    assert [attempt.result.prediction for attempt in attempts] == ["Answer: 8"] * 3
    assert script.calls["program"] == given.ledger.meter.levels["program"].calls == 2


async def test_agent_that_runs_again_in_another_run_pays_for_nothing() -> None:
    script, store = Script(reacting), InMemoryStore()
    for run in ("one", "two"):
        given = await opened(script, store=store, run=run)
        attempts = await attempt_all(given, AGENT, examples("train", 4))
        assert [attempt.result.prediction for attempt in attempts] == [f"Answer: {2 * n}" for n in range(4)]
    assert script.calls["program"] == 4 * 2
    assert given.ledger.meter.total.calls == 0


def conversation(tie: str, identifier: str, content: Any = "8", **options: Any) -> Any:
    messages = (
        SystemMessage("S", id=f"s{identifier}"),
        HumanMessage("number 4", id=f"h{identifier}"),
        AIMessage("", id=f"a{identifier}", tool_calls=[{"name": "double", "args": {"number": 4}, "id": tie}]),
        ToolMessage(content, tool_call_id=tie, id=f"t{identifier}"),
    )
    return Chat(messages, options).form()


def test_ids_that_are_made_anew_on_each_run_decide_nothing_and_all_else_does() -> None:
    assert conversation("a", "1") == conversation("b", "2")
    assert conversation("a", "1") != conversation("a", "1", content="9")
    assert conversation("a", "1") != conversation("a", "1", tools=[{"name": "x"}])
    assert conversation("a", "1", stop=["x"]) != conversation("a", "1", stop=["y"])


async def test_same_call_twice_in_one_run_is_two_draws_and_each_is_kept() -> None:
    def build(texts: dict[str, str], model: Any) -> Any:
        async def node(state: MessagesState) -> Any:
            replies = await asyncio.gather(*(model.ainvoke([("human", "draw")]) for _ in range(3)))
            return {"messages": [("ai", " ".join(sorted(reply.text for reply in replies)))]}

        return StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").compile()

    drawn = count()
    script, store = Script(lambda messages, level: str(next(drawn))), InMemoryStore()
    for run in ("one", "two"):
        program = Program.from_runnable(build, {"text": "T"})
        given = await opened(script, program, store=store, run=run)
        (attempt,) = await attempt_all(given, program, examples("train", 1))
        assert attempt.result.prediction == "0 1 2"
    assert script.calls["program"] == 3


def test_whole_message_survives_the_store() -> None:
    class Parsed(BaseModel):
        n: int

    message = AIMessage(
        [{"type": "text", "text": "a\x00b\ud800"}],
        tool_calls=[{"name": "double", "args": {"number": 4}, "id": "x"}],
        additional_kwargs={"parsed": Parsed(n=1)},
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    )
    again = revived(kept(message))
    assert again.text == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"
    assert (again.tool_calls, again.usage_metadata) == (message.tool_calls, message.usage_metadata)
    assert again.additional_kwargs["parsed"] == {"n": 1}
    assert revived(kept(again)) == again


def test_tools_are_bound_as_the_provider_binds_them() -> None:
    inner = ChatOpenAI(model="gpt-4o-mini", api_key="none")  # type: ignore[arg-type]  # a plain text will do
    ours, theirs = (
        model.bind_tools([double], tool_choice="any", strict=True) for model in (ledger_model(inner, "agent"), inner)
    )
    assert ours.kwargs == theirs.kwargs  # type: ignore[attr-defined]  # both are bindings
    assert isinstance(ours.bound, LedgerModel)  # type: ignore[attr-defined]
    assert ledger_model(inner, "agent").profile == inner.profile
    assert ledger_model(inner, "agent")._get_ls_params()["ls_model_name"] == "gpt-4o-mini"


class Verdict(BaseModel):
    """A verdict."""

    right: bool


@pytest.mark.parametrize("raw", [False, True])
async def test_structured_output_is_asked_for_as_the_provider_does_it(raw: bool) -> None:
    def build(texts: dict[str, str], model: Any) -> Any:
        formed = model.with_structured_output(Verdict, include_raw=raw)
        return formed | (lambda found: str((found["parsed"] if raw else found).right))

    script = Script(lambda messages, level: calls("Verdict", right=True))
    program = Program.from_runnable(build, {"text": "T"}, takes="text")
    given = await opened(script, program)
    (attempt,) = await attempt_all(given, program, examples("train", 1))
    assert attempt.result.prediction == "True"
    assert given.ledger.meter.total.calls == 1


def test_structured_output_of_openai_keeps_its_own_parser() -> None:
    inner = ChatOpenAI(model="gpt-4o-mini", api_key="none")  # type: ignore[arg-type]  # a plain text will do
    for options in ({}, {"include_raw": True}, {"method": "function_calling"}):
        text = repr(ledger_model(inner, "agent").with_structured_output(Verdict, **options))
        assert "LedgerModel" in text
        assert "bound=ChatOpenAI" not in text


async def test_options_of_the_agent_win_over_the_settings() -> None:
    models = tool_models(Script(echo))
    program = Program.from_runnable(chain(lambda model: model.bind(temperature=0.9, stop=["."])), {"t": "T"})
    given = await opened(echo, program, models=models, max_tokens=7)
    await attempt_all(given, program, examples("train", 1))
    model = models.chat["program"]
    assert isinstance(model, ToolModel)
    assert model.offered == [{"temperature": 0.9, "max_tokens": 7, "stop": ["."]}]


async def test_cap_on_calls_is_never_passed_even_by_an_agent_that_catches_errors() -> None:
    @tool
    async def ask(question: str) -> str:
        """Ask somebody."""
        return "never"

    def build(texts: dict[str, str], model: Any) -> Any:
        async def node(state: MessagesState) -> Any:
            replies = []
            for number in range(5):
                try:
                    replies.append((await model.ainvoke([("human", f"{state['messages'][0].text} {number}")])).text)
                except Exception:
                    replies.append("caught")
            return {"messages": [("ai", " ".join(replies))]}

        return StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").compile()

    program, script = Program.from_runnable(build, {"text": "T"}), Script(echo)
    given = await opened(script, program, max_calls=12)
    with pytest.raises(BudgetReachedError):
        await attempt_all(given, program, examples("train", 4))
    assert script.calls["program"] == 12


async def test_run_that_reached_its_cap_goes_on_to_the_same_result_and_repeats_no_call_and_no_tool(
    tmp_path: Path,
) -> None:
    used: list[int] = []

    def build(texts: dict[str, str], model: Any) -> Any:
        @tool
        def double(number: int) -> int:
            """Double a number."""
            used.append(number)
            return number if "half" in texts["system"] else 2 * number

        return create_agent(model, [double], system_prompt=texts["system"])

    handler = mending(reacting, "Be exact, by half.", "agent.system")
    program = Program.from_runnable(build, {"system": "Be exact."})
    task = tiny_task(program, sizes=(4, 5, 3))
    settings = mtg.Context(steps=2)
    whole = await mtg.aoptimize(task, models=tool_models(Script(handler)), settings=settings, workspace=tmp_path / "a")
    assert (whole.findings.rows[0].val.score, whole.score) == (0.2, 1.0)
    tools, used[:] = len(used), []

    script = Script(handler)
    capped = settings.model_copy(update={"max_calls": 7})
    with pytest.raises(BudgetReachedError):
        await mtg.aoptimize(task, models=tool_models(script), settings=capped, workspace=tmp_path / "b", run="b")
    for cap in (20, None):
        try:
            again = await mtg.aresume(
                "b", task=task, models=tool_models(script), caps={"max_calls": cap}, workspace=tmp_path / "b"
            )
        except BudgetReachedError:
            continue
    assert again.findings == whole.findings
    assert again.usage["program"].calls == whole.usage["program"].calls == script.calls["program"]
    assert tools <= len(used) <= tools + 2 * 5, "only what was cut short is carried out again"


async def test_program_in_memory_is_needed_to_resume(tmp_path: Path) -> None:
    task = tiny_task(sizes=(2, 2, 2))
    given = {"models": tool_models(Script(reacting)), "workspace": tmp_path}
    with pytest.raises(BudgetReachedError):
        await mtg.aoptimize(task, program=AGENT, settings=mtg.Context(steps=1, max_calls=1), run="r", **given)
    with pytest.raises(InputError, match=r"give the program of `Program.from_runnable` again"):
        await mtg.aresume("r", task=task, caps={"max_calls": 2}, **given)
    with pytest.raises(BudgetReachedError):
        await mtg.aresume("r", task=task, program=AGENT, caps={"max_calls": 2}, **given)


class Blocking(BaseChatModel):
    """A provider without asynchronous calls."""

    def _generate(self, messages: list[BaseMessage], *rest: Any, **options: Any) -> ChatResult:
        time.sleep(0.02)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"<{messages[-1].text}>"))])

    @property
    def _llm_type(self) -> str:
        return "blocking"


@pytest.mark.parametrize("blocking", [False, True])
async def test_plain_functions_that_wait_for_the_model_do_not_lock_each_other_out(blocking: bool) -> None:
    def build(texts: dict[str, str], model: Any) -> Any:
        def node(state: MessagesState) -> Any:
            return {"messages": [model.invoke(state["messages"]), model.invoke([("human", "again")])]}

        return StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").compile()

    program = Program.from_runnable(build, {"text": "T"})
    models = tool_models(Script(lambda messages, level: f"<{messages[-1].text}>"))
    if blocking:
        models = Models(chat=dict.fromkeys(models.chat, Blocking()), names=models.names)
    given = await opened(echo, program, models=models)
    attempts = await asyncio.wait_for(attempt_all(given, program, examples("train", 20)), 20)
    assert {attempt.result.prediction for attempt in attempts} == {"<again>"}
    assert given.ledger.meter.total.calls == 20 + 1


async def test_waiting_for_the_model_inside_the_loop_is_an_error_with_the_way_out() -> None:
    def build(texts: dict[str, str], model: Any) -> Any:
        async def node(state: MessagesState) -> Any:
            return {"messages": [model.invoke(state["messages"])]}

        return StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").compile()

    program = Program.from_runnable(build, {"text": "T"})
    given = await opened(echo, program)
    with pytest.raises(InputError, match=r"await model.ainvoke"):
        await attempt_all(given, program, examples("train", 1))


def own(script: Script) -> Any:
    """Return a factory with a model of its own."""
    model = ToolModel(level="program", script=script, offered=[])

    def build(texts: dict[str, str]) -> Any:
        return create_agent(model, [double, half], system_prompt=texts["system"])

    return build


def counted(messages: Sequence[BaseMessage], level: object) -> AIMessage:
    reply = reacting(messages, level)
    usage: Any = {"input_tokens": 10, "output_tokens": 1, "total_tokens": 11}
    return (reply if isinstance(reply, AIMessage) else AIMessage(reply)).model_copy(update={"usage_metadata": usage})


async def test_calls_of_an_agents_own_model_are_counted_and_capped_between_examples() -> None:
    script, store = Script(counted), InMemoryStore()
    program = Program.from_runnable(own(script), {"system": "S"})
    given = await opened(echo, program, store=store, max_tokens_total=60, concurrency=1)
    with pytest.raises(BudgetReachedError):
        await attempt_all(given, program, examples("train", 20))
    used = given.ledger.meter.levels["program"]
    assert (used.calls, used.input_tokens, used.output_tokens, used.unpriced) == (6, 60, 6, 6)

    again = await opened(echo, program, store=store, concurrency=1)
    assert again.ledger.meter.levels["program"] == used, "counted again after a restart"
    attempts = await attempt_all(again, program, examples("train", 5))
    assert script.calls["program"] == 5 * 2, "the three examples that had ended were not run again"
    assert again.ledger.meter.levels["program"].calls == 10
    assert [attempt.result.prediction for attempt in attempts] == [f"Answer: {2 * n}" for n in range(5)]


async def test_ledgers_calls_are_not_counted_a_second_time() -> None:
    given = await opened(counted)
    await attempt_all(given, AGENT, examples("train", 3))
    used = given.ledger.meter.levels["program"]
    assert (used.calls, used.input_tokens) == (6, 60)


async def test_stop_passes_through_an_agent() -> None:
    from metatextgrad.core.errors import InterruptError

    given = await opened(reacting)
    given.ledger.stopped = InterruptError("stop")
    with pytest.raises(InterruptError):
        await attempt_all(given, AGENT, examples("train", 2))


async def test_streaming_inside_an_agent_gives_the_whole_reply() -> None:
    def build(texts: dict[str, str], model: Any) -> Any:
        async def node(state: MessagesState) -> Any:
            pieces = [piece.text async for piece in model.astream(state["messages"])]
            return {"messages": [("ai", "".join(pieces))]}

        return StateGraph(MessagesState).add_node("node", node).add_edge(START, "node").compile()

    program = Program.from_runnable(build, {"text": "T"})
    given = await opened(lambda messages, level: "in pieces", program)
    (attempt,) = await attempt_all(given, program, examples("train", 1))
    assert attempt.result.prediction == "in pieces"
