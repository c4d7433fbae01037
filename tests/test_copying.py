"""A program that copies training answers is flagged, and goes on: the validation set decides."""

import json
from collections.abc import Sequence
from pathlib import Path

from langchain_core.messages import BaseMessage

from metatextgrad.api import aoptimize
from metatextgrad.core.copying import copied_answers
from metatextgrad.core.program import Demonstration, chain_of_thought
from metatextgrad.core.task import Example, Score, Task
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import Event
from tests.scripted import Script

SORTED = Example(id="a", input="Sort: pear apple quince", target="apple pear quince")
CLOSED = Example(id="b", input="Close: [", target="]")
BEFORE = chain_of_thought("p", "Sort the words. An example: lemon lime orange.")


def test_an_answer_that_a_new_text_holds_is_found_whatever_its_case_and_spaces() -> None:
    after = BEFORE.with_instructions({"answer": "The answer is often Apple  pear\nquince."})
    assert copied_answers(BEFORE, after, [SORTED, CLOSED]) == ("a",)


def test_an_answer_that_stood_there_before_is_not_copied() -> None:
    known = Example(id="c", input="?", target="lemon lime orange")
    after = BEFORE.with_instructions({"answer": "Sort. An example: lemon lime orange. Mind the case."})
    assert copied_answers(BEFORE, after, [known]) == ()


def test_a_short_answer_stands_anywhere_by_chance_and_is_not_looked_at() -> None:
    after = BEFORE.with_instructions({"answer": "Close every [ with a ]."})
    assert copied_answers(BEFORE, after, [CLOSED]) == ()


def test_demonstrations_show_answers_on_purpose() -> None:
    shown = (Demonstration(input=SORTED.input, output=SORTED.target),)
    assert copied_answers(BEFORE, BEFORE.with_demonstrations({"answer": shown}), [SORTED]) == ()


async def test_a_step_that_copied_says_so_and_is_scored(tmp_path: Path) -> None:
    def handler(messages: Sequence[BaseMessage], level: object) -> str:
        if level != "optimizer":
            return "wrong"
        if '"improved_text"' in messages[0].text:
            return json.dumps({"improved_text": "Say apple pear quince."})
        return json.dumps({"instructions": "Name the fruit.", "reads": {}})

    def metric(prediction: str, example: Example) -> Score:
        return Score(value=0.0, feedback="wrong")

    sets = [
        tuple(Example(id=f"{name}{n}", input=f"{name} {n}", target="apple pear quince") for n in range(4))
        for name in "abc"
    ]
    task = Task("fruit", "fruit", BEFORE, *sets, metric=metric)
    events: list[Event] = []
    await aoptimize(
        task,
        settings=Context(steps=1),
        models=Script(handler).models(),
        workspace=tmp_path,
        on_event=events.append,
    )
    (step,) = [event for event in events if event.type == "step" and event.step == 1]
    assert step.outcome == "rejected"
    assert step.reason.startswith("copies the answers of 4 training examples")
