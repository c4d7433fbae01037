"""A program as a graph gives what the interpreter gives, by the same model calls."""

from collections.abc import Sequence

import pytest
from langchain_core.messages import BaseMessage
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.identity import content_id
from metatextgrad.core.program import Extract, Join, Llm, Map, Program, Select, Split, Vote, chain_of_thought
from metatextgrad.graphs.program import build_program
from metatextgrad.runtime.artifacts import namespace
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.interpreter import Interpreter
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.resources import open_resources
from metatextgrad.runtime.simulated import SimulatedModel
from metatextgrad.tasks import load_task


class Oracle(SimulatedModel):
    """Replies in several lines that depend on all it is told, so that a value that goes astray changes the answer."""

    def reply(self, messages: Sequence[BaseMessage], draw: str, temperature: float) -> str:
        """Return three lines, an answer that few values can have, and a choice."""
        mark = content_id([[message.text for message in messages], draw])
        return f"{mark[:8]}\n{mark[8:16]}, {mark[16:24]}\nAnswer: {int(mark, 16) % 3}\nBest: {int(mark, 16) % 3 + 1}"


def _program(*components: object, **others: object) -> Program:
    return Program.model_validate({"name": "shape", "components": components, **others})


PLANNER = _program(
    Llm(name="plan", instructions="Plan."),
    Split(name="steps", text="plan", most=3),
    Map(name="solved", over="steps", body=(Llm(name="solve", instructions="Solve.", template="{question}\n{item}"),)),
    Join(name="answer", template="{solved}"),
)
SELF_CONSISTENCY = _program(Llm(name="tries", instructions="Try.", samples=5), Vote(name="answer", over="tries"))
BEST_OF_N = _program(
    Llm(name="tries", instructions="Try.", samples=4),
    Select(name="best", over="tries", instructions="Choose."),
    Extract(name="short", text="best"),
)
SELF_REFINE = _program(
    Llm(name="answer", instructions="Answer."),
    Llm(name="critique", instructions="Criticize.", template="{question}\n{answer}"),
    Llm(name="revised", instructions="Revise.", template="{question}\n{answer}\n{critique}"),
)
DEBATE = _program(
    Llm(name="pro", instructions="Speak for it."),
    Llm(name="con", instructions="Speak against it.", template="{question} {hint}"),
    Llm(name="rebuttal", instructions="Reply.", template="{con}"),
    Llm(name="verdict", instructions="Judge.", template="{pro}\n{con}\n{rebuttal}"),
    inputs=("question", "hint"),
)
UNREAD = _program(
    Llm(name="constant", instructions="Say anything.", template="Go."),
    Llm(name="aside", instructions="Say what nobody reads."),
    Llm(name="late", instructions="Echo.", template="{answer} {constant}"),
    inputs=("question", "answer"),
    output="constant",
)
SHAPES = {
    "chain of thought": chain_of_thought("cot", "Think."),
    "planner": PLANNER,
    "self-consistency": SELF_CONSISTENCY,
    "best of N": BEST_OF_N,
    "self-refine": SELF_REFINE,
    "debate": DEBATE,
    "unread values": UNREAD,
    "no component is the answer": _program(Llm(name="idle", instructions="Idle."), output="question"),
}


def _context() -> Context:
    levels = ("program", "optimizer", "meta", "judge")
    models = Models(chat=dict.fromkeys(levels, Oracle()), names=dict.fromkeys(levels, "simulated:oracle"))
    return Context().given(task=load_task("bbh/dyck_languages"), models=models)


async def _calls(store: InMemoryStore) -> set[str]:
    return {item.key for item in await store.asearch(namespace("call"), limit=100)}


@pytest.mark.parametrize("program", SHAPES.values(), ids=SHAPES)
async def test_graph_gives_the_answer_of_the_interpreter_by_the_same_calls(program: Program) -> None:
    values = {"question": "Close ( [ {", "hint": "count", "answer": "] )"}
    alone, compiled = InMemoryStore(), InMemoryStore()
    opened = await open_resources(_context(), alone, "alone")
    execution = await Interpreter(opened.ledger, opened.context).run(program, values)
    await opened.ledger.drain()

    graph = build_program(program).compile(store=compiled)
    given = {name: values[name] for name in program.inputs}
    output = await graph.ainvoke(given, context=_context())

    assert output == {"answer": execution.answer}
    assert await _calls(compiled) == await _calls(alone)


async def test_input_that_is_not_given_is_an_empty_text_as_in_the_interpreter() -> None:
    opened = await open_resources(_context(), InMemoryStore(), "alone")
    execution = await Interpreter(opened.ledger, opened.context).run(DEBATE, {"question": "Why?"})
    graph = build_program(DEBATE).compile(store=InMemoryStore())
    assert await graph.ainvoke({"question": "Why?"}, context=_context()) == {"answer": execution.answer}


async def test_independent_components_run_in_one_superstep_and_a_join_runs_once() -> None:
    graph = build_program(DEBATE).compile(store=InMemoryStore())
    stream = graph.astream({"question": "Why?", "hint": ""}, context=_context(), stream_mode="debug")
    tasks = [(event["step"], event["payload"]["name"]) async for event in stream if event["type"] == "task"]
    steps = [{name for step, name in tasks if step == number} for number in range(1, 5)]
    assert steps == [{"pro", "con"}, {"rebuttal"}, {"verdict"}, {"output-answer"}]
    assert len(tasks) == 5


def test_drawing_shows_who_reads_whom() -> None:
    edges = build_program(PLANNER).compile().get_graph().edges
    assert [(edge.source, edge.target) for edge in edges] == [
        ("__start__", "plan"),
        ("plan", "steps"),
        ("solved", "answer"),
        ("steps", "solved"),
        ("answer", "__end__"),
    ]


def test_schemas_name_the_inputs_and_the_answer() -> None:
    graph = build_program(DEBATE).compile()
    assert set(graph.get_input_jsonschema()["properties"]) == {"question", "hint"}
    assert set(graph.get_output_jsonschema()["properties"]) == {"answer"}
