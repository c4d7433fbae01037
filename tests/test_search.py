"""Instruction and demonstration search take MIPROv2's steps: compared with the steps done by hand."""

import json
import random
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import optuna
import pytest
from langchain_core.messages import BaseMessage
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.optimizer import Optimizer, alternate
from metatextgrad.core.program import Llm, Program, chain_of_thought
from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example, Task
from metatextgrad.core.trial import Trial
from metatextgrad.graphs.inner_loop import build_inner_loop
from metatextgrad.runtime.artifacts import get, namespace, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import Level
from metatextgrad.stages import stage
from metatextgrad.stages.rounds import Round, Space, best_on_average
from metatextgrad.stages.tpe import Point, suggested
from tests.scripted import Script, tiny_task

BASE = chain_of_thought("start", "Answer with {care}. [n=0]")
SMALL: dict[str, Any] = {"candidates": 4, "trials": 3, "minibatch": 5, "runs": 6}


@dataclass
class World:
    """Decides by chance that follows from the texts which answers are right and which instructions are written."""

    seed: int = 0
    bad: str = ""
    """What a proposal is with some of the tips; empty for none."""

    def roll(self, *key: object) -> random.Random:
        return random.Random(repr((self.seed, key)))

    def is_right(self, instructions: str, shown: Sequence[str], question: str) -> bool:
        start = "[n=0]" in instructions and not shown
        good = 0.5 if start else self.roll("good", instructions, tuple(shown)).uniform(0.2, 0.8)
        return self.roll("right", instructions, tuple(shown), question).random() < good

    def reply(self, messages: Sequence[BaseMessage], level: Level) -> str:
        system, last = messages[0].text, messages[-1].text
        if level == "program":
            question = last.partition("\n")[0]
            right = self.is_right(system, [message.text for message in messages[1:-1]], question)
            return f"Thought.\nAnswer: {question.rpartition(' ')[2] if right else 'unknown'}"
        if '"summary"' in system:
            return json.dumps({"summary": f"numbers of {len(last)} characters"})
        if '"proposed_text"' in system:
            number = self.roll("text", system, last).randrange(1, 1000)
            if self.bad and any(word in system for word in ("inventive", "brief", "depends")):
                return self.bad
            return json.dumps({"proposed_text": f"Answer with {{care}}. [n={number}]"})
        if '"improved_text"' in system:
            return json.dumps({"improved_text": f"Answer with {{care}}. [n={self.roll(last).randrange(1000, 2000)}]"})
        return json.dumps({"instructions": "wrong", "reads": {}})

    def score(self, program: Program, examples: Sequence[Example]) -> float:
        (part,) = program.components
        assert isinstance(part, Llm)
        shown = [text for demo in part.demonstrations for text in (demo.input, demo.output)]
        return fmean(self.is_right(part.instructions, shown, example.input) for example in examples)


@dataclass
class Ran:
    """An inner loop that came to its end."""

    store: BaseStore
    trials: list[Trial]
    script: Script

    async def rounds(self) -> list[Round]:
        """Return what was kept after each round, in order."""
        kept = await self.store.asearch(namespace("round", "unnamed"), limit=1000)
        found = [Round.model_validate(item.value) for item in kept]
        return sorted(found, key=lambda item: len(item.points))

    async def space(self, item: Round) -> Space:
        return await get(self.store, Space, item.space)

    def proposed(self) -> list[str | None]:
        return [trial.candidates[0]["id"] for trial in self.trials[1:]]


async def ran(schedule: Any, world: World, task: Task | None = None, **settings: Any) -> Ran:
    """Run an inner loop in a world."""
    store, script = InMemoryStore(), Script(world.reply)
    optimizer = Optimizer(name="search", purpose="search", schedule=schedule)
    context = Context(**settings).given(task=task or tiny_task(BASE, sizes=(12, 14, 2)), models=script.models())
    graph = build_inner_loop()
    given = {"optimizer": await put(store, optimizer)}
    state = await graph.compile(store=store).ainvoke(given, context=context, output_keys=list(graph.channels))
    trials, newest = [], state["last_trial"]
    while newest:
        trials.insert(0, await get(store, Trial, newest))
        newest = trials[0].previous
    return Ran(store, trials, script)


def asked_of_optuna(sizes: dict[str, int], points: Sequence[Point], seed: int) -> dict[str, int]:
    """Ask a study of optuna's own, with all points told to it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental, says optuna 4
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    choices: dict[str, Any] = {
        name: optuna.distributions.CategoricalDistribution(range(size)) for name, size in sizes.items()
    }
    for point in points:
        trial = optuna.trial.create_trial(params=dict(point.combination), distributions=choices, value=point.score)
        study.add_trial(trial)
    return study.ask(choices).params


@pytest.mark.parametrize("kind", ["instruction_search", "demonstration_search"])
@pytest.mark.parametrize("seed", range(4))
async def test_rounds_are_those_of_a_search_done_by_hand(kind: str, seed: int) -> None:
    world, task = World(seed), tiny_task(BASE, sizes=(12, 14, 2))
    done = await ran(stage(kind, **SMALL | {"candidates": 8}), world, task, seed=seed, steps=4)
    rounds = await done.rounds()
    space, base = await done.space(rounds[-1]), BASE
    zero = dict.fromkeys(space.sizes(), 0)
    points = [Point(combination=zero, program=base.id, score=world.score(base, task.valset), full=True)]
    for step in range(1, len(done.trials)):  # a perfect score ends the loop early
        for number in range(SMALL["trials"]):
            chance = derive(seed, "tpe", step, number).getrandbits(32)
            combination = asked_of_optuna(space.sizes(), points, chance)
            batch = derive(seed, "minibatch", step, number).sample(task.valset, SMALL["minibatch"])
            program = space.combined(base, combination)
            score = world.score(program, batch)
            points.append(Point(combination=combination, program=program.id, score=score, full=False))
        done_fully = [point.combination for point in points if point.full]
        left = [point.combination for point in points if point.combination not in done_fully]
        means = [fmean(p.score or 0 for p in points if p.combination == one and not p.full) for one in left]
        if not left:
            assert done.proposed()[step - 1] is None
            continue
        best = space.combined(base, left[means.index(max(means))])
        assert done.proposed()[step - 1] == best.id
        full = world.score(best, task.valset)
        points.append(Point(combination=left[means.index(max(means))], program=best.id, score=full, full=True))
    assert list(rounds[-1].points) == points[: len(rounds[-1].points)]


async def test_the_default_program_is_the_first_point_and_the_first_choice() -> None:
    done = await ran(stage("demonstration_search", **SMALL), World(), steps=1)
    (first,) = await done.rounds()
    space = await done.space(first)
    point = first.points[0]
    assert set(point.combination.values()) == {0}
    assert (point.program, point.score, point.full) == (BASE.id, done.trials[0].best_score, True)
    assert space.combined(BASE, point.combination) == BASE
    assert space.instructions["answer"][0] == BASE.trainable()["answer"].instructions
    assert space.demonstrations["answer"][0] == ()


async def test_a_search_goes_on_where_the_incumbent_is_one_of_its_own() -> None:
    done = await ran(stage("instruction_search", **SMALL | {"candidates": 12}), World(3), steps=5)
    rounds = await done.rounds()
    assert len({item.base for item in rounds}) == 1 and len({item.space for item in rounds}) == 1
    assert any(trial.outcome == "accepted" for trial in done.trials[1:-1]), "else it is no test"
    assert [len(item.points) for item in rounds] == [4, 8, 12, 16, 20]


async def test_another_program_begins_another_search() -> None:
    schedule = alternate(stage("instruction_search", **SMALL), stage("textual_gradient"))
    for seed in range(20):
        done = await ran(schedule, World(seed), steps=3)
        if done.trials[2].outcome == "accepted":
            break
    assert done.trials[2].candidates[0]["stage"] == "textual_gradient"
    assert {item.base for item in await done.rounds()} == {BASE.id, done.trials[2].best}


async def test_a_search_that_has_scored_everything_begins_anew() -> None:
    done = await ran(stage("instruction_search", **SMALL | {"candidates": 2, "trials": 6}), World(1), steps=4)
    rounds = await done.rounds()
    assert len({item.space for item in rounds}) > 1
    assert all(done.proposed())


async def test_proposals_are_grounded_in_data_program_demonstrations_and_instructions() -> None:
    own = stage("instruction_search", instructions="OWN WORDS", **SMALL)
    done = await ran(own, World(), steps=1)
    prompts = [text for text in done.script.prompts("optimizer") if '"proposed_text"' in text]
    assert len(prompts) == SMALL["candidates"] - 1
    for prompt in prompts:
        assert prompt.startswith("OWN WORDS")
        for part in ("numbers of ", "arithmetic of ids", '"kind": "llm"', "<TEXT>\nAnswer with {care}. [n=0]\n</TEXT>"):
            assert part in prompt
    shown = set(re.findall(r"<INPUT>\n(.*)\n</INPUT>", "\n".join(prompts)))
    assert shown and all(World().is_right("Answer with {care}. [n=0]", [], question) for question in shown)
    assert all(question.startswith("train") for question in shown)


@pytest.mark.parametrize("bad", ["no JSON", '{"proposed_text": ""}', '{"proposed_text": "without the placeholder"}'])
async def test_a_proposal_that_cannot_be_used_is_left_out(bad: str) -> None:
    done = await ran(stage("instruction_search", **SMALL | {"candidates": 8}), World(bad=bad), steps=1)
    (kept,) = await done.rounds()
    texts = (await done.space(kept)).instructions["answer"]
    assert 1 < len(texts) < 8
    assert all("{care}" in text for text in texts)


async def test_no_usable_proposal_at_all_is_an_invalid_step_with_its_reason() -> None:
    class Mute(World):
        def reply(self, messages: Sequence[BaseMessage], level: Level) -> str:
            return "I would rather not." if '"proposed_text"' in messages[0].text else super().reply(messages, level)

    done = await ran(stage("instruction_search", **SMALL), Mute(), steps=1)
    assert done.trials[1].outcome == "invalid"
    assert done.trials[1].candidates[0]["reason"].startswith("the reply has no JSON object")


async def test_demonstrations_come_from_training_examples_that_came_out_right() -> None:
    done = await ran(stage("demonstration_search", **SMALL, labelled=0), World(2), steps=1)
    (kept,) = await done.rounds()
    sets = (await done.space(kept)).demonstrations["answer"]
    shown = [demo for demos in sets for demo in demos]
    assert len(sets) > 1 and shown
    for demo in shown:
        assert demo.input.startswith("train question")
        assert demo.output == f"Thought.\nAnswer: {demo.input.rpartition(' ')[2]}"
        assert World(2).is_right("Answer with {care}. [n=0]", [], demo.input)


async def test_sets_are_filled_up_with_labelled_examples_where_the_program_is_one_call() -> None:
    settings = SMALL | {"bootstrapped": 2, "labelled": 5, "sets": 3, "runs": 12}
    done = await ran(stage("demonstration_search", **settings), World(2), steps=1)
    (kept,) = await done.rounds()
    empty, labelled, full = (await done.space(kept)).demonstrations["answer"]
    assert empty == ()
    assert [demo.output for demo in labelled] == [f"Answer: {demo.input.rpartition(' ')[2]}" for demo in labelled]
    assert len(labelled) == len(full) == 5
    assert sum(demo.output.startswith("Thought") for demo in full) == 2
    assert len({demo.input for demo in full}) == 5, "no example is shown twice"


async def test_every_call_of_a_program_gets_its_demonstrations_from_the_same_runs() -> None:
    parts = (Llm(name="first", instructions="Plan. [n=1]"), Llm(name="second", instructions="Answer. [n=2]"))
    second = parts[1].model_copy(update={"template": "{question}\nPlan: {first}"})
    program = Program(name="two", components=(parts[0], second))
    done = await ran(stage("demonstration_search", **SMALL), World(4), tiny_task(program, sizes=(12, 14, 2)), steps=1)
    (kept,) = await done.rounds()
    space = await done.space(kept)
    pairs = list(zip(space.demonstrations["first"], space.demonstrations["second"], strict=True))
    assert len(pairs) > 1
    for firsts, seconds in pairs:
        assert [demo.input for demo in firsts] == [demo.input.partition("\n")[0] for demo in seconds]
        assert [f"Plan: {demo.output}" for demo in firsts] == [demo.input.partition("\n")[2] for demo in seconds]


async def test_a_combination_without_a_score_is_no_wrong_one() -> None:
    class Broken(World):
        def reply(self, messages: Sequence[BaseMessage], level: Level) -> str:
            empty = level == "program" and "[n=0]" not in messages[0].text
            return "" if empty else super().reply(messages, level)

    done = await ran(stage("instruction_search", **SMALL), Broken(), steps=1)
    (kept,) = await done.rounds()
    tried = kept.points[1:]
    assert {point.score for point in tried if point.program != BASE.id} == {None}
    assert done.trials[1].outcome == "skipped"


def point(choice: int, score: float | None, full: bool = False) -> Point:
    return Point(combination={"a": choice}, program=str(choice), score=score, full=full)


def test_the_best_on_average_was_never_scored_in_full_and_is_the_oldest_of_equals() -> None:
    points = [point(0, 0.9, full=True), point(0, 1.0), point(1, 0.2), point(2, 0.6), point(1, 1.0), point(3, None)]
    assert best_on_average(points) == {"a": 1}
    assert best_on_average([*points, point(1, 0.1, full=True)]) == {"a": 2}
    assert best_on_average([point(0, 1.0, full=True), point(3, None)]) is None


def test_choosing_depends_on_points_and_seed_alone_and_leaves_optuna_as_it_was() -> None:
    points = [point(n % 4, random.Random(n).random()) for n in range(15)]
    before = optuna.logging.get_verbosity()
    first = [suggested({"a": 4}, points, seed) for seed in range(8)]
    random.seed(7)
    assert [suggested({"a": 4}, points, seed) for seed in range(8)] == first
    assert first == [asked_of_optuna({"a": 4}, points, seed) for seed in range(8)]
    optuna.logging.set_verbosity(before)
    suggested({"a": 4}, points, 0)
    assert optuna.logging.get_verbosity() == before
