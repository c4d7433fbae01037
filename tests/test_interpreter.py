"""One example through a program: what each kind of component does, and the trace that feedback flows back through."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from metatextgrad.core.errors import ProviderError, ReplyError
from metatextgrad.core.program import (
    Component,
    Demonstration,
    Extract,
    Join,
    Map,
    Program,
    Select,
    Split,
    Vote,
)
from metatextgrad.runtime.interpreter import Interpreter
from metatextgrad.runtime.ledger import Call
from metatextgrad.runtime.resources import Resources
from tests.scripted import Script, answer, cut_off, echo, in_turn, llm, opened, run


async def made_by(parts: Sequence[Component], monkeypatch: pytest.MonkeyPatch, **settings: Any) -> list[Call]:
    """Return the calls that a program makes, as the ledger is asked for them."""
    calls: list[Call] = []
    given: Resources = await opened(echo, **settings)
    complete = given.ledger.complete

    async def noted(call: Call) -> Any:
        calls.append(call)
        return await complete(call)

    monkeypatch.setattr(given.ledger, "complete", noted)
    await Interpreter(given.ledger, given.context).run(Program(name="p", components=tuple(parts)), {"question": "q"})
    return calls


async def test_call_is_instructions_then_demonstrations_then_the_filled_template(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = (Demonstration(input="1", output="one"), Demonstration(input="{question}", output="two"))
    (call,) = await made_by((llm("count", "Say {question}!", demonstrations=shown),), monkeypatch)
    assert call.level == "program"
    assert call.messages == (
        ("system", "count"),
        ("human", "1"),
        ("ai", "one"),
        ("human", "{question}"),
        ("ai", "two"),
        ("human", "Say q!"),
    )


async def test_single_call_takes_the_program_temperature_and_samples_take_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = (
        llm("one"),
        llm("many", samples=3),
        Vote(name="v", over="many"),
    )
    calls = await made_by(parts, monkeypatch, program_temperature=0.1, sample_temperature=0.9)
    assert [(call.temperature, call.sample) for call in calls] == [(0.1, 0), (0.9, 0), (0.9, 1), (0.9, 2)]


async def test_temperature_of_a_component_wins_over_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = (
        llm("one", temperature=1.5),
        llm("many", samples=2, temperature=0.0),
        Select(name="best", over="many", instructions="", temperature=0.3),
    )
    calls = await made_by(parts, monkeypatch, program_temperature=0.1, sample_temperature=0.9)
    assert [call.temperature for call in calls] == [1.5, 0.0, 0.0, 0.3]


async def test_values_are_read_from_the_fields_of_the_example_and_absent_ones_are_empty() -> None:
    assert await answer((llm("a", "{question}|{hint}"),), hint="h") == "<a: q|h>"
    program = Program(name="p", inputs=("question", "hint"), components=(llm("a", "{question}|{hint}"),))
    assert (await run(program)).answer == "<a: q|>"


async def test_output_can_be_any_value_that_is_one_text() -> None:
    program = Program(name="p", components=(llm("a"), llm("b")), output="a")
    assert (await run(program)).answer == "<a: q>"


async def test_map_runs_its_body_for_each_item_and_writes_the_last_value_of_each() -> None:
    body = (llm("draft", "{item}"), llm("polish", "{draft}+{question}"))
    parts = (
        Split(name="items", text="question", by="commas"),
        Map(name="m", over="items", body=body),
    )
    said = await answer((*parts, Join(name="j", template="{m}")), hint="", question="x, y")
    assert said == "<polish: <draft: x>+x, y>\n<polish: <draft: y>+x, y>"


async def test_equal_items_of_a_map_are_asked_once() -> None:
    script = Script(echo)
    parts = (
        Split(name="items", text="question", by="commas"),
        Map(name="m", over="items", body=(llm("a", "{item}"),)),
    )
    said = await answer((*parts, Join(name="j", template="{m}")), script, question="x,y,x")
    assert said == "<a: x>\n<a: y>\n<a: x>"
    assert script.calls["program"] == 2


DIAMOND = Program(
    name="diamond",
    components=(
        llm("plan"),
        Split(name="steps", text="plan", by="commas"),
        Map(name="solved", over="steps", body=(llm("draft", "{item}"), llm("solve", "{draft} {question}"))),
        llm("tries", "{plan}", samples=3),
        Vote(name="winner", over="tries"),
        Select(name="best", over="solved", instructions="Choose."),
        Join(name="all", template="{best} {winner} {solved}"),
        Extract(name="short", text="all"),
        llm("aside", "{question}?"),
        llm("final", "{short}"),
    ),
)


def branching(messages: Sequence[BaseMessage], level: object) -> str:
    return (
        "one, two, three"
        if messages[0].text == "plan"
        else "Best: 2"
        if messages[0].text == "Choose."
        else echo(messages, 0)
    )


async def test_trace_names_for_each_call_whose_outputs_it_read() -> None:
    execution = await run(DIAMOND, branching)
    solved = ("solve.0.0", "solve.1.0", "solve.2.0")
    tries = ("tries.0", "tries.1", "tries.2")
    assert {call.id: call.sources for call in execution.invocations} == {
        "plan.0": (),
        "draft.0.0": ("plan.0",),
        "draft.1.0": ("plan.0",),
        "draft.2.0": ("plan.0",),
        "solve.0.0": ("draft.0.0",),
        "solve.1.0": ("draft.1.0",),
        "solve.2.0": ("draft.2.0",),
        **dict.fromkeys(tries, ("plan.0",)),
        "best.0": solved,
        "aside.0": (),
        "final.0": ("solve.1.0", "best.0", *tries, "solve.0.0", "solve.2.0"),
    }
    assert execution.sources == ("final.0",)


async def test_trace_is_in_the_order_of_the_program_whichever_call_finishes_first() -> None:
    expected = await run(DIAMOND, branching)
    names = [call.id for call in expected.invocations]
    assert names == sorted(names, key=lambda name: [part.name for part in DIAMOND.callers()].index(name.split(".")[0]))
    late = random.Random(0)
    for _ in range(5):
        assert await run(DIAMOND, Script(branching, delay=lambda *_: late.random() / 200)) == expected


async def test_vote_traces_every_voter_and_join_every_source() -> None:
    parts = (llm("tries", samples=2), Vote(name="v", over="tries"), llm("other"), Join(name="j", template="{other}{v}"))
    execution = await run(Program(name="p", components=parts))
    assert execution.sources == ("other.0", "tries.0", "tries.1")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [("", "component 'b': the reply was empty"), (cut_off("half"), "component 'b': the reply was cut off by length")],
    ids=["empty", "cut off"],
)
async def test_unusable_reply_names_its_component(reply: Any, reason: str) -> None:
    with pytest.raises(ReplyError, match=reason):
        await answer(
            (
                llm("a"),
                llm("b", "{a}"),
            ),
            in_turn("fine", reply),
        )


async def test_reasoning_is_left_out_of_what_a_component_writes() -> None:
    assert await answer((llm("a"),), in_turn("<think>Answer: 1?</think>\nAnswer: 2")) == "Answer: 2"


async def test_failure_of_one_sample_keeps_what_the_others_were_paid_for() -> None:
    failures = [ConnectionError("gone")]

    def reply(messages: Sequence[BaseMessage], level: object) -> str:
        if failures:
            raise failures.pop()
        return "fine"

    script = Script(reply, delay=lambda *_: 0.002 * len(script.asked))
    given = await opened(script)
    program = Program(name="p", components=(llm("tries", samples=3), Vote(name="v", over="tries")))
    with pytest.raises(ProviderError, match="gone"):
        await Interpreter(given.ledger, given.context).run(program, {"question": "q"})
    assert given.ledger.meter.total.calls == 2
    execution = await Interpreter(given.ledger, given.context).run(program, {"question": "q"})
    assert (execution.answer, script.calls["program"]) == ("fine", 4)
