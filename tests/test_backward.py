"""Textual gradients are real backpropagation: what reaches whom, whole, apart, and in an order that never changes."""

import json
import random
import re
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from metatextgrad.core.program import Extract, Join, Llm, Map, Program, Select, Split, Vote
from metatextgrad.core.task import Example, Score
from metatextgrad.core.trial import Gradients
from metatextgrad.runtime.backward import Backward, criticism, gradients_of
from metatextgrad.runtime.evaluation import Attempt, attempt_all
from metatextgrad.runtime.interpreter import Execution
from metatextgrad.runtime.resources import Resources
from tests.scripted import Script, examples, in_turn, llm, opened, tiny_task

PIPELINE = Program(
    name="pipeline",
    components=(
        llm("plan"),
        Split(name="steps", text="plan", by="commas"),
        Map(name="solved", over="steps", body=(llm("solve", "{question} {item}"),)),
        llm("first", "{solved}"),
        llm("second", "{question} {plan}"),
        llm("third", "{question}"),
        Join(name="joined", template="{first} {second} {third}"),
        llm("tries", "{joined}", samples=2),
        Vote(name="winner", over="tries"),
        Select(name="best", over="solved", instructions="best"),
        Extract(name="short", text="winner"),
        llm("final", "{short} {best}"),
    ),
)
"""Seven calls to models, and between them every way in which a text can go on."""
CALLS = ("plan", "solve", "first", "second", "third", "tries", "best", "final")


def forward(messages: Sequence[BaseMessage]) -> str:
    """Answer at the program level: what was read is in the output, so that all outputs differ."""
    name = messages[0].text.split()[0]
    said = {"plan": "one, two, three", "best": "Best: 2"}.get(name, f"{name} of [{messages[-1].text}]")
    return said


def between(tag: str, text: str) -> list[str]:
    return re.findall(rf"<{tag}(?: [^>]*)?>\n(.*?)\n</{tag}>", text, re.DOTALL)


def blame_all(messages: Sequence[BaseMessage], level: object) -> str:
    """Answer at both levels: blame the instructions, and every text that was read by the name of the reader."""
    if level == "program":
        return forward(messages)
    asked = messages[-1].text
    (name,) = between("INSTRUCTIONS", asked)
    sources = re.findall(r'<READ name="([^"]+)">', asked)
    word = name.split()[0]
    return json.dumps(
        {"instructions": f"mend {word}", "reads": {source: f"{word} says of {source}" for source in sources}}
    )


async def flowed(
    handler: Any = blame_all, *, program: Program = PIPELINE, count: int = 2, **settings: Any
) -> tuple[Gradients, Script, list[Attempt], Resources]:
    """Run a program on examples that are all wrong unless the handler answers them, and criticism back through it."""
    script = handler if isinstance(handler, Script) else Script(handler)
    given = await opened(script, task=tiny_task(program), **settings)
    attempts = await attempt_all(given, program, examples("train", count))
    return await gradients_of(given, program.id, attempts, sample=1), script, attempts, given


def executions(attempts: list[Attempt]) -> list[Execution]:
    return [attempt.execution for attempt in attempts if attempt.execution]


async def test_feedback_reaches_every_call_of_every_example() -> None:
    gradients, script, attempts, _ = await flowed()
    assert tuple(gradients.components) == CALLS
    calls = [call for execution in executions(attempts) for call in execution.invocations]
    for name, notes in gradients.components.items():
        assert [note.feedback for note in notes] == [f"mend {name}"] * len(notes)
        assert len(notes) == sum(call.component.name == name for call in calls)
    assert script.calls["optimizer"] == len(calls) == 2 * 11


async def test_call_hears_from_everyone_who_read_its_output_and_from_nobody_else() -> None:
    """The expectation is the chain rule, written forwards: for each call, what its readers say of it."""
    _, script, attempts, _ = await flowed(count=1)
    (execution,) = executions(attempts)
    expected = []
    for call in execution.invocations:
        readers = [reader for reader in reversed(execution.invocations) if call.id in reader.sources]
        said = [f"{reader.component.name} says of {call.id}" for reader in readers]
        expected.append((call.component.instructions, call.output, said or ["train/0 should be 0"]))
    heard = [
        (
            between("INSTRUCTIONS", prompt)[0],
            between("OUTPUT", prompt)[0],
            re.findall(r"^\[\d+\] (.*)$", between("FEEDBACK", prompt)[0], re.MULTILINE),
        )
        for prompt in script.prompts("optimizer")
    ]
    assert sorted(heard) == sorted(expected)
    by_output = {output: said for _, output, said in heard}
    assert len(by_output["one, two, three"]) == 4, "the plan was read by three solvers and by second"


@pytest.mark.parametrize("inputs", [1, 2, 3, 5])
async def test_join_of_any_width_loses_no_branch(inputs: int) -> None:
    names = [f"branch_{number}" for number in range(inputs)]
    joined = Join(name="joined", template=" ".join(f"{{{name}}}" for name in names))
    branches = tuple(llm(name, f"{name} {{question}}") for name in names)
    gradients, *_ = await flowed(program=Program(name="p", components=(*branches, joined)), count=1)
    assert {name: len(notes) for name, notes in gradients.components.items()} == dict.fromkeys(names, 1)


WORDS = {
    what: " ".join(f"{what}{number}" for number in range(500))
    for what in ("instructions", "question", "output", "said", "criticism", "other", "advice")
}


async def test_nothing_is_clipped_on_the_way_back() -> None:
    program = Program(
        name="long",
        components=(
            Llm(name="first", instructions=WORDS["other"]),
            Llm(name="last", instructions=WORDS["instructions"], template="{question}\n{first}"),
        ),
    )
    example = Example(id="long", input=WORDS["question"], target="1")
    reply = json.dumps({"instructions": WORDS["advice"], "reads": {"first.0": WORDS["said"]}})
    outputs = iter((WORDS["output"], f"{WORDS['output']} again"))
    script = Script(lambda messages, level: next(outputs) if level == "program" else reply)
    task = tiny_task(program, metric=lambda prediction, example: Score(value=0.0, feedback=WORDS["criticism"]))
    given = await opened(script, task=task)
    gradients = await gradients_of(given, program.id, await attempt_all(given, program, (example,)), sample=1)

    last, first = script.prompts("optimizer")
    for whole in (
        WORDS["instructions"],
        WORDS["question"],
        WORDS["output"],
        f"{WORDS['output']} again",
        WORDS["criticism"],
    ):
        assert whole in last
    for whole in (WORDS["other"], WORDS["question"], WORDS["output"], WORDS["said"]):
        assert whole in first
    (note,) = gradients.components["first"]
    assert (note.input, note.output, note.feedback) == (WORDS["question"], WORDS["output"], WORDS["advice"])
    assert gradients.answer[0].feedback == WORDS["criticism"]


async def test_order_is_the_same_whoever_answers_first() -> None:
    """Compared as JSON, where order shows, on one call at a time and on many that finish in any order."""
    expected, alone, *_ = await flowed(count=3, concurrency=1)
    assert alone.peak == 1
    late = random.Random(0)
    for concurrency in (2, 64, 64):
        script = Script(blame_all, delay=lambda *_: late.random() / 500)
        gradients, *_ = await flowed(script, count=3, concurrency=concurrency)
        assert gradients.model_dump_json() == expected.model_dump_json()
        assert sorted(script.prompts("optimizer")) == sorted(alone.prompts("optimizer"))


def right_when(*numbers: int) -> Any:
    def reply(messages: Sequence[BaseMessage], level: object) -> str:
        if level == "program" and messages[0].text == "final":
            number = re.search(r"question (\d+)", messages[-1].text)
            assert number
            return f"Answer: {number.group(1)}" if int(number.group(1)) in numbers else "Answer: ?"
        return blame_all(messages, level)

    return reply


async def test_right_answer_gives_no_feedback_and_costs_no_call() -> None:
    gradients, script, *_ = await flowed(right_when(0, 2), count=4)
    assert gradients.batch == ("train/0", "train/1", "train/2", "train/3")
    assert gradients.failed == ("train/1", "train/3")
    assert {note.example for notes in gradients.components.values() for note in notes} == {"train/1", "train/3"}
    assert script.calls["optimizer"] == 2 * 11


async def test_batch_without_a_wrong_answer_asks_nobody() -> None:
    gradients, script, *_ = await flowed(right_when(0, 1))
    assert (gradients.failed, gradients.components, gradients.answer) == ((), {}, ())
    assert script.calls["optimizer"] == 0


@pytest.mark.parametrize(("value", "is_wrong"), [(0.0, True), (0.99, True), (1.0, False), (None, False)])
async def test_answer_that_is_scored_and_not_fully_right_gives_feedback(value: float | None, is_wrong: bool) -> None:
    def metric(prediction: str, example: Example) -> Score:
        return Score(value=value, feedback="hm")

    given = await opened(blame_all, task=tiny_task(PIPELINE, metric=metric))
    attempts = await attempt_all(given, PIPELINE, examples("train", 1))
    gradients = await gradients_of(given, PIPELINE.id, attempts, sample=1)
    assert bool(gradients.failed) == is_wrong


async def test_feedback_of_several_examples_on_one_text_stays_apart() -> None:
    """Each note has the input and output that it is about, in the order of the batch."""
    gradients, _, attempts, _ = await flowed(count=3)
    for name, notes in gradients.components.items():
        calls = [
            (attempt.example.id, call.messages[-1][1], call.output)
            for attempt in attempts
            for call in (attempt.execution.invocations if attempt.execution else ())
            if call.component.name == name
        ]
        assert [(note.example, note.input, note.output) for note in notes] == calls


async def test_fixed_component_gets_no_feedback_and_passes_it_on() -> None:
    program = Program(
        name="p", components=(llm("first"), llm("middle", "{first}", trainable=False), llm("last", "{middle}"))
    )
    gradients, script, *_ = await flowed(program=program, count=1)
    assert {name: len(notes) for name, notes in gradients.components.items()} == {"first": 1, "middle": 0, "last": 1}
    assert script.calls["optimizer"] == 3


async def test_fixed_component_that_read_no_call_is_not_asked_about() -> None:
    program = Program(name="p", components=(llm("first", trainable=False), llm("last", "{first}")))
    gradients, script, *_ = await flowed(program=program, count=1)
    assert {name: len(notes) for name, notes in gradients.components.items()} == {"first": 0, "last": 1}
    assert script.calls["optimizer"] == 1


CHAIN = Program(name="chain", components=(llm("first"), llm("second", "{first}"), llm("third", "{second}")))


@pytest.mark.parametrize(
    ("reply", "reached"),
    [
        ({"instructions": "a", "reads": {"second.0": "b"}}, ["second", "third"]),
        ({"instructions": "a", "reads": {}}, ["third"]),
        ({"instructions": "a", "reads": {"second.0": "  "}}, ["third"]),
        ({"instructions": "", "reads": {"second.0": "b"}}, ["second"]),
        ({"instructions": " \n", "reads": {"second.0": "b"}}, ["second"]),
        ({"instructions": "a", "reads": {"first.0": "not read by third", "question": "nor a call"}}, ["third"]),
        ({}, []),
    ],
    ids=json.dumps,
)
async def test_text_that_is_not_to_blame_gets_no_feedback(reply: dict[str, Any], reached: list[str]) -> None:
    def handler(messages: Sequence[BaseMessage], level: object) -> str:
        if level == "program":
            return forward(messages)
        asked_last = "<INSTRUCTIONS>\nthird\n" in messages[-1].text
        return json.dumps(reply if asked_last else {"instructions": "from the middle"})

    gradients, *_ = await flowed(handler, program=CHAIN, count=1)
    assert [name for name, notes in gradients.components.items() if notes] == reached


async def test_reply_that_cannot_be_used_loses_its_branch_and_is_on_record() -> None:
    def handler(messages: Sequence[BaseMessage], level: object) -> str:
        if level == "optimizer" and "<INSTRUCTIONS>\nsecond\n" in messages[1].text:
            return "I would rather not."
        return blame_all(messages, level)

    gradients, script, *_ = await flowed(handler, count=1)
    reached = {name for name, notes in gradients.components.items() if notes}
    assert reached == set(CALLS) - {"second"}
    reason = "the reply has no JSON object; it begins 'I would rather not.'"
    assert gradients.lost == (f"feedback on second.0 for example train/0: {reason}",)
    assert script.calls["optimizer"] == 11 + 1, "it was asked for once more"


async def test_metric_without_words_gets_words_of_the_project() -> None:
    def metric(prediction: str, example: Example) -> Score:
        return Score(value=0.25)

    given = await opened(in_turn("no idea"), task=tiny_task(metric=metric))
    (attempt,) = await attempt_all(given, given.task.program, examples("train", 1))
    assert criticism(attempt) == "The answer is wrong (score 0.25). The right answer is: 0"


async def test_sample_is_part_of_the_call_so_that_each_step_is_a_new_draw() -> None:
    _, script, attempts, given = await flowed(count=1)
    before = script.calls["optimizer"]
    await gradients_of(given, PIPELINE.id, attempts, sample=1)
    assert script.calls["optimizer"] == before
    await gradients_of(given, PIPELINE.id, attempts, sample=2)
    assert script.calls["optimizer"] == 2 * before


async def test_criticism_flows_back_while_other_examples_are_under_way_and_is_the_same() -> None:
    def delay(messages: Sequence[BaseMessage], level: object) -> float:
        return 0.2 if level == "program" and "train question 0" in messages[-1].text else 0.0

    script = Script(blame_all, delay)
    given = await opened(script, task=tiny_task(PIPELINE))
    backward = Backward(given, sample=1)
    attempts = await attempt_all(given, PIPELINE, examples("train", 3), then=backward.through)
    levels = [level for level, _ in script.asked]
    assert levels.index("optimizer") < len(levels) - 1 - levels[::-1].index("program"), "it did not wait for the first"
    assert [attempt.example.id for attempt in attempts] == ["train/0", "train/1", "train/2"]
    apart, _, _, _ = await flowed(count=3)
    assert backward.gradients(PIPELINE.id, attempts) == apart
