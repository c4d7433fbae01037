"""Reflection takes GEPA's step: compared with the front found by brute force, and with the step done by hand."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.optimizer import Stage
from metatextgrad.core.program import Llm, Program, chain_of_thought
from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example
from metatextgrad.core.trial import Evaluation, ExampleResult, Trial, candidate
from metatextgrad.nodes.textual_gradient import batches as gradient_batches
from metatextgrad.runtime.artifacts import put
from metatextgrad.runtime.meter import Level
from metatextgrad.runtime.resources import Resources
from metatextgrad.stages import stage
from metatextgrad.stages.kind import NothingToProposeError, Proposing
from metatextgrad.stages.pareto import drawn_parent, shares
from metatextgrad.stages.reflection import batches, propose
from tests.scripted import Script, opened, tiny_task

Table = dict[str, list[float | None]]


def tables(count: int = 60) -> list[Table]:
    """Return score tables of all shapes: with ties, with losers, and with examples left unscored."""
    made = []
    for seed in range(count):
        roll = random.Random(seed)
        examples, values = roll.randint(1, 7), roll.choice([[0.0, 1.0], [0.0, 0.5, 1.0], [0.0, 1.0, None]])
        made.append({f"p{n}": roll.choices(values, k=examples) for n in range(roll.randint(1, 6))})
    return made


def best_of_each(table: Table) -> list[set[str]]:
    columns = range(len(next(iter(table.values()))))
    known = [{name: row[n] for name, row in table.items() if row[n] is not None} for n in columns]
    return [{name for name, got in column.items() if got == max(column.values())} for column in known if column]


@pytest.mark.parametrize("table", tables())
def test_the_front_covers_every_example_and_none_of_it_can_be_spared(table: Table) -> None:
    fronts, found = best_of_each(table), shares(table)
    assert all(front & set(found) for front in fronts)
    for name in found:
        rest = set(found) - {name}
        assert not all(front & rest for front in fronts)
    assert found == {name: sum(name in front for front in fronts) for name in found}


@pytest.mark.parametrize("table", tables())
def test_the_front_is_what_is_left_when_the_dominated_are_taken_out_one_by_one(table: Table) -> None:
    """GEPA's own rule: start with the lowest mean, begin again after each that was taken out."""
    fronts = best_of_each(table)
    left = [name for name in table if any(name in front for front in fronts)]
    means = {name: fmean(got for got in table[name] if got is not None) for name in left}
    again = True
    while again:
        again = False
        for name in sorted(left, key=lambda name: (means[name], -list(table).index(name))):
            own = [front for front in fronts if name in front]
            if all(front & (set(left) - {name}) for front in own):
                left.remove(name)
                again = True
                break
    assert set(shares(table)) == set(left)


def mean(row: list[float | None]) -> float:
    return fmean([got for got in row if got is not None] or [0])


@pytest.mark.parametrize("table", [table for table in tables() if len(set(map(mean, table.values()))) == len(table)])
def test_the_front_agrees_with_the_gepa_library(table: Table) -> None:
    """Where no two programs have one mean: the library leaves open which of them goes first."""
    library = pytest.importorskip("gepa.gepa_utils", reason="the extra gepa is not installed")
    means = {name: mean(row) for name, row in table.items()}
    kept = library.remove_dominated_programs(dict(enumerate(best_of_each(table))), scores=means)
    assert set().union(*kept.values()) == set(shares(table))


def test_parents_are_drawn_by_how_many_examples_they_are_best_on() -> None:
    table: Table = {"a": [1, 1, 1, 0, 0], "b": [0, 0, 0, 1, 0], "c": [0, 0, 0, 0, 1], "loser": [0, 0, 1, 0, 0]}
    drawn = Counter(drawn_parent(table, derive(0, "draw", n)) for n in range(2000))
    assert set(drawn) == {"a", "b", "c"}
    assert abs(drawn["a"] / 2000 - 0.6) < 0.04 and abs(drawn["b"] / 2000 - 0.2) < 0.04


# A program has a number in its instructions; it answers a question when its number and the question's have a common
# factor. What the optimizer's model writes is in `rewrites`, by the number of the text it sees.


def number_in(text: str) -> int:
    return int(text.partition("[n=")[2].partition("]")[0])


def is_right(number: int, question: str) -> bool:
    return (number + int(question.rpartition(" ")[2])) % 3 == 0


def replies(rewrites: dict[int, int]) -> Any:
    def reply(messages: Sequence[BaseMessage], level: Level) -> str:
        if level == "program":
            question = messages[-1].text.partition("\n")[0]
            right = is_right(number_in(messages[0].text), question)
            return f"Answer: {question.rpartition(' ')[2] if right else '?'}"
        return json.dumps({"improved_text": f"Improved. [n={rewrites[number_in(messages[-1].text)]}]"})

    return reply


def program(number: int) -> Program:
    return chain_of_thought("one", f"Answer. [n={number}]")


def evaluated(item: Program, examples: Sequence[Example]) -> Evaluation:
    number = number_in(item.callers()[0].instructions)
    rows = [
        ExampleResult(example=one.id, prediction="", score=float(is_right(number, one.input)), feedback="")
        for one in examples
    ]
    return Evaluation(program=item.id, split="val", results=tuple(rows))


async def history_of(resources: Resources, numbers: Sequence[int], label: str = "reflection") -> tuple[Trial, ...]:
    """Store programs and their evaluations as a loop that has scored them leaves them."""
    trials: list[Trial] = []
    for step, number in enumerate(numbers):
        made = program(number)
        found = evaluated(made, resources.task.valset)
        item = candidate(await put(resources.store, made), label if step else "initial", "scored")
        item |= {"score": found.score, "evaluation": await put(resources.store, found)}
        previous = trials[-1].id if trials else None
        trials.append(
            Trial(
                level="program",
                path="",
                step=step,
                previous=previous,
                candidates=(item,),
                outcome="accepted",
                best=made.id,
                best_score=found.score,
            )
        )
    return tuple(trials)


def proposing(resources: Resources, history: tuple[Trial, ...], step: int, given: Stage | None = None) -> Proposing:
    return Proposing(
        resources=resources,
        stage=given or stage("reflection"),
        program=program(0),
        gradients=None,
        history=history,
        step=step,
    )


@pytest.mark.parametrize("step", range(1, 9))
async def test_a_step_is_the_one_done_by_hand(step: int) -> None:
    rewrites = {0: 1, 1: 2, 2: 0}
    script = Script(replies(rewrites))
    resources = await opened(script, task=tiny_task(program(0), sizes=(9, 6, 2)), seed=3)
    history = await history_of(resources, [0, 1, 2])
    table = {program(n).id: [float(is_right(n, one.input)) for one in resources.task.valset] for n in range(3)}
    numbers = {program(n).id: n for n in range(3)}

    expected, reason = None, ""
    for number, batch in enumerate(batches(resources, step, 3)):
        parent = numbers[drawn_parent(table, derive(3, "parent", step, number))]
        before = sum(is_right(parent, one.input) for one in batch)
        after = sum(is_right(rewrites[parent], one.input) for one in batch)
        if before == 3:
            reason = "no example of its minibatch was answered wrongly"
        elif after <= before:
            reason = f"no gain on its minibatch: {after} vs {before} of 3"
        else:
            expected = rewrites[parent]
            break

    if expected is None:
        with pytest.raises(NothingToProposeError, match=reason):
            await propose(proposing(resources, history, step))
    else:
        proposed = await propose(proposing(resources, history, step))
        assert proposed == program(0).with_instructions({"answer": f"Improved. [n={expected}]"})


async def test_reflection_sees_the_batches_that_a_textual_gradient_sees() -> None:
    resources = await opened(Script(replies({})), batch_size=4, seed=5)
    for step in range(4):
        assert batches(resources, step, 4) == gradient_batches(resources, step)


async def test_the_model_sees_what_happened_and_the_stage_its_own_words() -> None:
    script = Script(replies({0: 1, 1: 0, 2: 0}))
    resources = await opened(script, task=tiny_task(program(0), sizes=(9, 6, 2)), batch_draws=1)
    own = stage("reflection", instructions="OWN WORDS", minibatch=9)
    with pytest.raises(NothingToProposeError, match="no gain on its minibatch: 3 vs 3 of 9"):
        await propose(proposing(resources, (), 1, own))
    (prompt,) = script.prompts("optimizer")
    assert prompt.startswith("OWN WORDS")
    assert "<TEXT>\nAnswer. [n=0]\n</TEXT>" in prompt
    for example in resources.task.trainset:
        right = is_right(0, example.input)
        output = f"Answer: {example.target if right else '?'}"
        said = "The answer is right." if right else f"{example.id} should be {example.target}"
        record = f"<INPUT>\n{example.input}\n</INPUT>\n<OUTPUT>\n{output}\n</OUTPUT>\n<CRITICISM>\n{said}"
        assert record in prompt


async def test_components_take_turns_over_the_steps_of_the_stage() -> None:
    first = Llm(name="first", instructions="Think. [n=0]")
    second = Llm(name="second", instructions="Answer. [n=1]", template="{question}\n{first}")
    two = Program(name="two", components=(first, second))

    def reply(messages: Sequence[BaseMessage], level: Level) -> str:
        if level == "program":
            number, question = number_in(messages[0].text), messages[-1].text.partition("\n")[0]
            return f"Answer: {question.rpartition(' ')[2] if number > 5 else '?'}"
        return json.dumps({"improved_text": "New. [n=9]"})

    script = Script(reply)
    resources = await opened(script, task=tiny_task(two, sizes=(9, 6, 2)), batch_draws=1)
    changed = []
    for turns in range(4):
        history = await history_of(resources, [0] * (turns + 1))
        given = proposing(
            resources, tuple(trial.model_copy(update={"candidates": _unscored(trial)}) for trial in history), 1
        )
        given = Proposing(**{**given.__dict__, "program": two})
        try:
            proposed = await propose(given)
        except NothingToProposeError:
            changed.append("first")  # the answer is the second call's, so a better first one alone gains nothing
        else:
            changed.extend(name for name, part in proposed.trainable().items() if part != two.trainable()[name])
    assert changed == ["first", "second", "first", "second"]


def _unscored(trial: Trial) -> tuple[Any, ...]:
    return tuple({**item, "evaluation": None} for item in trial.candidates)


async def test_a_text_that_cannot_be_used_is_asked_for_once_more_and_then_refused() -> None:
    def reply(messages: Sequence[BaseMessage], level: Level) -> str:
        return "Answer: ?" if level == "program" else '{"improved_text": " "}'

    script = Script(reply)
    resources = await opened(script, task=tiny_task(program(0), sizes=(9, 6, 2)), store=InMemoryStore())
    with pytest.raises(ReplyError, match="the improved text is empty"):
        await propose(proposing(resources, (), 1))
    assert script.calls["optimizer"] == 2
