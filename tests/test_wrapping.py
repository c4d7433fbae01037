"""A user's own chain, graph or agent is a program: what goes in, what comes out, what is traced, what is refused."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.store.memory import InMemoryStore
from langgraph.types import interrupt
from pydantic import BaseModel, ValidationError
from typing_extensions import TypedDict

import metatextgrad as mtg
from metatextgrad.core.errors import InputError, ReplyError
from metatextgrad.core.program import Llm, Map, Program, Split, Variable, Wrapped
from metatextgrad.runtime.evaluation import attempt_all
from metatextgrad.runtime.events import EventType
from metatextgrad.runtime.interpreter import Execution, Interpreter
from metatextgrad.stages.limits import checked_program
from metatextgrad.tasks.files import read_program, write_json
from tests.agents import AGENT, chain, mending, opened, react, reacting
from tests.scripted import Script, echo, examples, llm, tiny_task


async def ran(program: Program, handler: Any = echo, **values: str) -> Execution:
    given = await opened(handler, program)
    return await Interpreter(given.ledger, given.context).run(program, values or {"question": "q"})


async def answer(build: Any, handler: Any = echo, **how: Any) -> str:
    return (await ran(Program.from_runnable(build, {"text": "T"}, **how), handler)).answer


async def test_agent_with_tools_is_run_and_traced_whole() -> None:
    long = "Be exact. " * 2000
    execution = await ran(AGENT.with_instructions({"agent.system": long}), reacting, question="number 4")
    assert execution.answer == "Answer: 8"
    (made,) = execution.invocations
    assert (made.id, made.messages, execution.sources) == ("agent.0", (("human", "number 4"),), ("agent.0",))
    assert (
        made.trace
        == f"""<MODEL_CALL number="1" node="model">
[system] {long.strip()}
[human] number 4
[ai]
calls double({{"number": 4}})
</MODEL_CALL>
<TOOL number="2" name="double" node="tools">
{{'number': 4}}
-> 8
</TOOL>
<MODEL_CALL number="3" node="model">
[ai] Answer: 8
</MODEL_CALL>"""
    )


async def test_runnable_takes_its_place_among_other_components() -> None:
    inside = AGENT.components[0].model_copy(update={"template": "number {item}"})
    program = Program(
        name="p",
        components=(
            Split(name="numbers", text="question", by="commas"),
            Map(name="each", over="numbers", body=(inside,)),
            llm("last", "{each}"),
        ),
    ).knowing(AGENT.builds)
    execution = await ran(
        program, lambda *asked: (echo if asked[0][0].text == "last" else reacting)(*asked), question="4, 5"
    )
    assert execution.answer == "<last: Answer: 8\nAnswer: 10>"
    assert [call.id for call in execution.invocations] == ["agent.0.0", "agent.1.0", "last.0"]
    assert execution.invocations[2].sources == ("agent.0.0", "agent.1.0")
    assert program.calls_per_example() == 8 * 2 + 1


async def test_addresses_name_the_texts_of_all_components() -> None:
    part = AGENT.components[0]
    program = Program(name="p", components=(llm("first"), part, llm("last", "{agent}", trainable=False)))
    assert list(program.texts()) == ["first", "agent.system", "last"]
    assert list(program.trainable()) == ["first", "agent.system"]
    changed = program.with_instructions({"agent.system": "new", "first": "other", "agent": "nobody"})
    assert mtg.texts_of(changed) == {"first": "other", "agent.system": "new", "last": "last"}


def test_text_that_is_fixed_is_not_trainable_and_roles_are_told() -> None:
    variables = {"system": mtg.Variable(text="S", role="the prompt"), "shots": mtg.Variable(text="X", trainable=False)}
    program = Program.from_factory("mine:build", variables, purpose="a helper")
    assert list(program.trainable()) == ["agent.system"]
    assert [text.role for text in program.texts().values()] == ["the prompt", "the text 'shots' of a helper"]


def test_program_in_a_file_names_the_factory_and_holds_the_texts(tmp_path: Path) -> None:
    program = Program.from_factory("mine:build", {"system": "S"})
    write_json(program, tmp_path / "p.json")
    assert read_program(tmp_path / "p.json") == program
    assert "mine" not in sys.modules
    write_json(AGENT, tmp_path / "memory.json")
    read = read_program(tmp_path / "memory.json")
    assert (read.id, read.builds) == (AGENT.id, {})


@pytest.mark.parametrize("factory", ["no_colon", "a:b:c", "a:b.c", "../a:b", "os:system('x')", "memory:", ":f"])
def test_factory_is_a_module_and_a_function_or_in_memory(factory: str) -> None:
    with pytest.raises(ValidationError):
        Wrapped(name="agent", factory=factory, variables=(Variable(text="t"),))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Program.from_factory("mine", {"system": "S"}), "'mine' is not of the form 'module:function'"),
        (lambda: Program.from_factory("mine:build", {}), "No variables were given; name at least one text"),
        (
            lambda: Program.from_factory("mine:build", {"system": 3}),
            "The variable 'system' is a int; expected its text",
        ),
        (lambda: Program.from_runnable(PROMPT, {"system": "S"}), "expected the function that builds it"),
        (lambda: Program.from_runnable("mine", {"system": "S"}), "A str was given; expected the function"),
    ],
)
def test_what_cannot_be_wrapped_is_told_with_the_way_out(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        make()


def test_variables_need_names_of_their_own() -> None:
    with pytest.raises(ValidationError, match="text occur twice"):
        Wrapped(name="agent", factory="a:b", variables=(Variable(text="t"), Variable(text="u")))


PROMPT = ChatPromptTemplate.from_messages([("system", "S"), ("human", "{question}")])


class Own(TypedDict, total=False):
    question: str
    other: str
    answer: str


def graph_of(node: Any, state: Any = Own) -> Any:
    return StateGraph(state).add_node("node", node).add_edge(START, "node")


@pytest.mark.parametrize(
    ("build", "how"),
    [
        (chain(lambda model: PROMPT | model | StrOutputParser()), {}),
        (chain(lambda model: PROMPT | model), {}),
        (chain(lambda model: ChatPromptTemplate.from_messages([("system", "S"), ("human", "{input}")]) | model), {}),
        (chain(lambda model: {"question": RunnablePassthrough()} | PROMPT | model), {}),
        (chain(lambda model: RunnableParallel(said=PROMPT | model)), {}),
        (chain(lambda model: RunnableParallel(said=PROMPT | model, other=RunnableLambda(str))), {"gives": "said"}),
        (chain(lambda model: RunnableLambda(lambda given: given["question"]) | PROMPT | model), {"takes": "values"}),
        (chain(lambda model: lambda question: model.invoke([("system", "S"), ("human", question)])), {"takes": "text"}),
    ],
    ids=["text", "message", "other-key", "passthrough", "only-value", "key", "values", "function"],
)
async def test_chain_of_any_shape_is_asked_and_answers(build: Any, how: Any) -> None:
    assert await answer(build, **how) == "<S: q>"


async def test_graph_with_a_state_of_its_own_is_asked_by_its_values() -> None:
    async def node(state: Own) -> Own:
        return {"answer": f"{state['question']}+{state['other']}"}

    build = chain(lambda model: graph_of(node).compile())
    program = Program.from_runnable(build, {"text": "T"}, gives="answer", template="{question} {other}")
    assert (await ran(program, question="a", other="b")).answer == "a+b"


async def test_template_says_what_is_asked() -> None:
    program = Program.from_runnable(react, {"system": "S"}, template="Of {shop}: {question}")
    assert program.inputs == ("shop", "question")
    execution = await ran(program, lambda messages, level: messages[-1].text, shop="one", question="two")
    assert execution.answer == "Of one: two"


async def test_value_that_is_no_text_is_given_as_json() -> None:
    class Form(BaseModel):
        n: int

    assert await answer(chain(lambda model: RunnableLambda(lambda _: {"form": Form(n=1)}))) == '{"n": 1}'


@pytest.mark.parametrize(
    ("given", "how", "said"),
    [
        ({"a": 1, "b": 2}, {}, "gave the keys a, b; say by `gives`"),
        ({"a": 1}, {"gives": "b"}, "gave no 'b'; it gave the keys a"),
        ("text", {"gives": "b"}, "gave no 'b'; it gave a str"),
    ],
)
async def test_output_without_an_answer_is_an_error_with_the_way_out(given: Any, how: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        await answer(chain(lambda model: RunnableLambda(lambda _: given)), **how)


async def test_agent_that_waits_for_a_person_is_refused() -> None:
    def node(state: MessagesState) -> None:
        interrupt("May I?")

    build = chain(lambda model: graph_of(node, MessagesState).compile(checkpointer=InMemorySaver()))
    with pytest.raises(InputError, match="here nobody answers"):
        await answer(build)


async def test_trace_has_one_order_however_long_branches_take() -> None:
    """Two branches of two calls each, of which sometimes one and sometimes the other is late."""

    def build(texts: dict[str, str], model: Any) -> Any:
        def twice(name: str) -> Any:
            async def node(state: Own) -> None:
                reply = await model.ainvoke([("system", name), ("human", "1")])
                await model.ainvoke([("system", name), ("human", reply.text)])

            return node

        graph = StateGraph(Own)
        for name in ("left", "right"):
            graph.add_node(name, twice(name)).add_edge(START, name)
        return graph.add_node("end", lambda state: {"answer": "done"}).add_edge(["left", "right"], "end").compile()

    traces = set()
    for late in ("left", "right"):
        script = Script(echo, delay=lambda messages, level, late=late: 0.02 * (messages[0].text == late))
        execution = await ran(Program.from_runnable(build, {"text": "T"}, gives="answer"), script)
        traces.add(execution.invocations[0].trace)
    (trace,) = traces
    assert trace.index("<left: <left: 1>>") < trace.index("<right: 1>")


async def test_trace_shows_what_was_retrieved() -> None:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

    class Pages(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return [Document(f"page on {query}"), Document("another")]

    def build(texts: dict[str, str], model: Any) -> Any:
        pages = Pages() | (lambda found: found[0].page_content)
        return {"page": pages, "question": RunnablePassthrough()} | ChatPromptTemplate.from_template("{page}") | model

    execution = await ran(Program.from_runnable(build, {"text": "T"}))
    assert (
        '<RETRIEVAL number="1" name="Pages">\nq\n-> page on q\n\nanother\n</RETRIEVAL>'
        in execution.invocations[0].trace
    )


async def test_runnable_is_built_once_for_many_examples_and_anew_for_other_texts() -> None:
    built = []

    def build(texts: dict[str, str], model: Any) -> Any:
        built.append(texts["system"])
        return react(texts, model)

    program = Program.from_runnable(build, {"system": "one"})
    given = await opened(reacting, program)
    await attempt_all(given, program, examples("train", 5))
    await attempt_all(given, program.with_instructions({"agent.system": "two"}), examples("train", 5))
    assert built == ["one", "two"]


async def test_agent_that_remembers_does_not_know_the_other_examples() -> None:
    def build(texts: dict[str, str], model: Any) -> Any:
        async def node(state: MessagesState) -> Any:
            return {"messages": [("ai", str(len(state["messages"])))]}

        return graph_of(node, MessagesState).compile(checkpointer=InMemorySaver())

    program = Program.from_runnable(build, {"text": "T"})
    given = await opened(echo, program)
    attempts = await attempt_all(given, program, examples("train", 3))
    assert [attempt.result.prediction for attempt in attempts] == ["1", "1", "1"]


async def test_agent_sees_neither_saver_nor_store_nor_stream_of_the_run(tmp_path: Path) -> None:
    seen: list[Any] = []

    def build(texts: dict[str, str], model: Any) -> Any:
        async def node(state: MessagesState, runtime: Any = None) -> Any:
            from langgraph.config import get_config

            seen.append(sorted(key for key in get_config()["configurable"] if get_config()["configurable"][key]))
            return {"messages": [("ai", "Answer: 0")]}

        return graph_of(node, MessagesState).compile()

    task = tiny_task(Program.from_runnable(build, {"text": "T"}), sizes=(2, 2, 2))
    events: list[Any] = []
    settings = mtg.Context(steps=1)
    script = Script(mending(echo, "better", "agent.text"))
    result = await mtg.aoptimize(
        task, models=script.models(), settings=settings, workspace=tmp_path, on_event=events.append
    )
    assert mtg.texts_of(result.program) == {"agent.text": "T"}
    assert {event.type for event in events} <= set(get_args(EventType))
    assert seen and all("__pregel_checkpointer" not in keys for keys in seen)


def module(folder: Path, text: str) -> None:
    (folder / "my_agent.py").write_text(text, encoding="utf-8")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_agent", raising=False)
    return tmp_path


async def test_factory_is_imported_from_the_folder_one_is_in_when_the_program_runs(here: Path) -> None:
    module(here, "def build(texts):\n    return lambda question: texts['text'] + question\n")
    program = Program.from_factory("my_agent:build", {"text": "T"}, takes="text")
    assert "my_agent" not in sys.modules
    assert (await ran(program)).answer == "Tq"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "cannot be imported .AttributeError"),
        ("1/0", "ZeroDivisionError"),
        ("build = 3", "expected a function"),
        ("def build(): pass", "takes 0 arguments"),
        ("def build(a, b, c): pass", "takes 3 arguments"),
        ("def build(texts): return 3", "returned a int; expected a Runnable"),
        ("async def build(texts): return 3", "returned a coroutine; expected a Runnable"),
        ("def build(texts): return texts['sytem']", "fails on its own texts: KeyError"),
    ],
)
async def test_factory_that_cannot_be_used_is_told_before_anything_is_paid_for(
    here: Path, source: str, said: str
) -> None:
    module(here, source)
    script = Script(echo)
    task = tiny_task(Program.from_factory("my_agent:build", {"text": "T"}))
    with pytest.raises(InputError, match=said):
        await mtg.aoptimize(task, models=script.models(), workspace=here / "w")
    assert script.asked == []


async def test_module_that_there_is_not_is_told_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"'no_such:build' cannot be imported .ModuleNotFoundError.*'module:function'"):
        await ran(Program.from_factory("no_such:build", {"text": "T"}))


async def test_program_in_memory_has_to_be_given_again(tmp_path: Path) -> None:
    task = tiny_task(llm_program(), sizes=(2, 2, 2))
    write_json(AGENT, tmp_path / "agent.json")
    with pytest.raises(InputError, match=r"built in memory, as 'memory:agent'.*Program.from_runnable"):
        await mtg.aevaluate(task, program=tmp_path / "agent.json", models=Script(echo).models(), workspace=tmp_path)


def llm_program() -> Program:
    return Program(name="p", components=(Llm(name="answer", instructions="x"),))


async def test_scores_of_another_factory_of_the_same_name_are_not_taken_for_known(tmp_path: Path) -> None:
    scores = []
    for said in ("0", "1"):
        program = Program.from_runnable(
            lambda texts, said=said: lambda question: f"Answer: {said}", {"text": "T"}, takes="text"
        )
        task = tiny_task(program, sizes=(2, 2, 2))
        found = await mtg.aevaluate(task, models=Script(echo).models(), workspace=tmp_path)
        scores.append([result.prediction for result in found.results])
    assert scores == [["Answer: 0", "Answer: 0"], ["Answer: 1", "Answer: 1"]]


def test_model_may_not_propose_code_to_run_not_even_inside_a_map() -> None:
    evil = Wrapped(name="evil", factory="os:abort", variables=(Variable(text="t"),), template="{item}")
    inside = Map(name="each", over="tries", body=(evil,))
    for parts in (
        (evil.model_copy(update={"template": "{question}"}),),
        (llm("tries", samples=2), inside, llm("end", "{each}")),
    ):
        with pytest.raises(ReplyError, match="only people may name code to run"):
            checked_program(llm_program(), parts)


@pytest.mark.parametrize("optimizer", ["adas-tg"])
async def test_optimizer_of_structures_is_refused_for_a_runnable(tmp_path: Path, optimizer: str) -> None:
    script = Script(echo)
    with pytest.raises(InputError, match="the structure of programs, and that of 'agent' is in its own code"):
        await mtg.aoptimize(tiny_task(AGENT), optimizer=optimizer, models=script.models(), workspace=tmp_path)
    assert script.asked == []


async def test_two_examples_of_one_agent_run_side_by_side() -> None:
    script = Script(reacting, delay=lambda messages, level: 0.02)
    given = await opened(script)
    await asyncio.wait_for(attempt_all(given, AGENT, examples("train", 8)), 5)
    assert script.peak > 4
    assert isinstance(given.store, InMemoryStore)
