"""The graphs take the decisions of the paper's algorithms, step for step, in many scripted worlds."""

import random
from typing import Any

import pytest
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.optimizer import Optimizer, Schedule, Stage, alternate, best_of, chain, on_plateau, repeat
from metatextgrad.core.report import Findings
from metatextgrad.core.trial import Candidate, Trial
from metatextgrad.graphs.inner_loop import build_inner_loop
from metatextgrad.graphs.loop import Loop
from metatextgrad.graphs.meta_prompt import build_meta_prompt
from metatextgrad.graphs.meta_structure import build_meta_structure
from metatextgrad.graphs.outer_loop import build_outer_loop
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from tests.reference import Learned, Reference, Tried, Turn
from tests.scripted import Script
from tests.worlds import World, advice, program

SEEDS = range(24)


def stage(kind: str, number: int) -> Stage:
    return Stage(kind=kind, instructions=advice(number))


PROMPTS, STRUCTURE = stage("textual_gradient", 1), stage("structure", 2)
OTHER = stage("textual_gradient", 3)
SCHEDULES: dict[str, Schedule] = {
    "tgd": PROMPTS,
    "adas-tg": STRUCTURE,
    "structure then prompts": chain(repeat(STRUCTURE, 2), PROMPTS),
    "turns": alternate(STRUCTURE, PROMPTS),
    "plateau": on_plateau(PROMPTS, STRUCTURE, 1),
    "best of three": best_of(PROMPTS, STRUCTURE, OTHER),
    "best of, then prompts": chain(best_of(PROMPTS, STRUCTURE), OTHER),
}


def optimizer(name: str) -> Optimizer:
    return Optimizer(name=name, purpose=f"the {name} way", schedule=SCHEDULES[name])


def settings(seed: int, **fixed: Any) -> Context:
    """Return settings that depend on the seed, so that the worlds try many together."""
    roll = random.Random(f"settings {seed}")
    drawn = {
        "seed": seed,
        "steps": roll.randint(1, 4),
        "start_from": roll.choice(["best", "last"]),
        "batch_size": roll.randint(1, 3),
        "batch_draws": roll.randint(1, 3),
        "meta_prompt_steps": roll.randint(0, 2),
        "meta_structure_steps": roll.randint(0, 2),
        "meta_examples": roll.randint(1, 2),
    }
    return Context.model_validate(drawn | fixed)


async def ran(
    graph: Loop, world: World, context: Context, given: dict[str, Any], optimizers: dict[str, Optimizer]
) -> tuple[dict[str, Any], BaseStore]:
    """Run a graph in a world and return all of its channels."""
    store = InMemoryStore()
    for item in optimizers.values():
        await put(store, item)
    known = context.given(task=world.task(), models=Script(world.reply).models())
    compiled = graph.compile(store=store)
    state: dict[str, Any] = await compiled.ainvoke(given, context=known, output_keys=list(graph.channels))
    return state, store


async def turns(store: BaseStore, newest: str | None) -> tuple[Turn, ...]:
    """Read the trials of a loop back from the newest, with those of the inner loops that they tried."""
    if newest is None:
        return ()
    trial = await get(store, Trial, newest)
    inner = [await turns(store, item["trial"]) for item in trial.candidates]
    tried = [
        Tried(item["id"], item["score"], item["status"], seen)
        for item, seen in zip(trial.candidates, inner, strict=True)
    ]
    assert trial.best is not None and trial.best_score is not None
    last = Turn(trial.step, tuple(tried), trial.outcome, trial.best, trial.best_score)
    return (*await turns(store, trial.previous), last)


def same(found: Candidate, expected: Learned) -> bool:
    """Tell whether a scored optimizer is the one that the reference found, with its program and score."""
    return (found["id"], found["program"], found["score"]) == (
        expected.optimizer.id,
        program(expected.found).id,
        expected.score,
    )


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("seed", SEEDS[:8])
async def test_inner_loop_is_algorithm_1(seed: int, name: str) -> None:
    world, context = World(seed), settings(seed)
    expected = Reference(world, context).inner_loop(optimizer(name))
    given = {"optimizer": optimizer(name).id}
    state, store = await ran(build_inner_loop(), world, context, given, {name: optimizer(name)})
    assert await turns(store, state["last_trial"]) == expected.turns
    assert same(state["candidates"][0], expected)


@pytest.mark.parametrize("seed", SEEDS)
async def test_meta_prompt_is_algorithm_3(seed: int) -> None:
    world, context = World(seed), settings(seed, meta_prompt_steps=3)
    name = list(SCHEDULES)[seed % len(SCHEDULES)]
    expected = Reference(world, context).meta_prompt(optimizer(name), "line")
    given = {"optimizer": optimizer(name).id, "lineage": "line", "order": 0, "path": "line/0"}
    state, store = await ran(build_meta_prompt(), world, context, given, {name: optimizer(name)})
    assert await turns(store, state["last_trial"]) == expected.turns
    assert same(state["best"], expected)


@pytest.mark.parametrize("seed", SEEDS)
async def test_meta_structure_is_algorithm_4(seed: int) -> None:
    world, context = World(seed), settings(seed, meta_structure_steps=3)
    roll = random.Random(f"references {seed}")
    chosen = {name: optimizer(name) for name in roll.sample(list(SCHEDULES), roll.randint(1, 3))}
    reference = Reference(world, context)
    scored = {name: reference.inner_loop(item) for name, item in chosen.items()}
    expected = reference.meta_structure(scored)
    lineages = [
        {"name": name, "order": order, "first": candidate_of(item), "best": candidate_of(item), "trial": "0"}
        for order, (name, item) in enumerate(scored.items())
    ]
    state, store = await ran(build_meta_structure(), world, context, {"lineages": lineages}, chosen)
    assert await turns(store, state.get("last_trial")) == expected.turns
    assert same(state["best"], expected)


def candidate_of(learned: Learned) -> Candidate:
    return Candidate(
        id=learned.optimizer.id,
        stage=learned.optimizer.name,
        score=learned.score,
        evaluation="0",
        program=program(learned.found).id,
        trial="0",
        status="scored",
        reason="",
    )


@pytest.mark.parametrize("seed", SEEDS)
async def test_outer_loop_is_both_phases_of_meta_text_grad(seed: int) -> None:
    world, context = World(seed), settings(seed)
    roll = random.Random(f"inputs {seed}")
    chosen = {name: optimizer(name) for name in roll.sample(list(SCHEDULES), roll.randint(1, 3))}
    lineages, learned = Reference(world, context).meta_text_grad(chosen)
    given = {"optimizers": [item.id for item in chosen.values()], "names": list(chosen)}
    state, store = await ran(build_outer_loop(), world, context, given, chosen)

    assert {item["name"] for item in state["lineages"]} == set(chosen)
    for item in state["lineages"]:
        assert await turns(store, item["trial"]) == lineages[item["name"]].turns
        assert same(item["best"], lineages[item["name"]])
    assert await turns(store, state.get("last_trial")) == learned.turns
    assert same(state["best"], learned)

    findings = await get(store, Findings, state["findings"])
    assert (findings.optimizer, findings.program) == (learned.optimizer.id, program(learned.found).id)
    assert findings.rows[-1].val.score == learned.score
    inputs = [lineage.turns[0].score for lineage in lineages.values()]
    assert learned.score >= max(inputs) >= findings.rows[0].val.score, "the invariant of the paper's text"


@pytest.mark.parametrize("seed", SEEDS)
def test_ending_early_at_a_perfect_score_changes_no_result(seed: int) -> None:
    chosen = {name: optimizer(name) for name in ("tgd", "turns", "best of three")}
    context = settings(seed, steps=6, meta_prompt_steps=2, meta_structure_steps=2)
    _, early = Reference(World(seed), context).meta_text_grad(chosen)
    _, late = Reference(World(seed), context, to_the_end=True).meta_text_grad(chosen)
    assert (early.optimizer.id, early.found, early.score) == (late.optimizer.id, late.found, late.score)


def test_worlds_hold_every_case_that_the_algorithms_can_meet() -> None:
    """A comparison is worth what it compares: all outcomes and both ends occur, and so do ties."""
    seen: set[str] = set()
    for seed in SEEDS:
        context = settings(seed)
        chosen = {name: optimizer(name) for name in SCHEDULES}
        lineages, learned = Reference(World(seed), context).meta_text_grad(chosen)
        loops = [*lineages.values(), learned]
        for turn in (turn for loop in loops for turn in loop.turns):
            seen.add(f"optimizer {turn.outcome}")
            seen.update(
                "optimizer tie" for item in turn.tried if turn.outcome == "rejected" and item.score == turn.score
            )
            for inner in (inner for item in turn.tried for inner in item.inner):
                seen.add(f"program {inner.outcome}")
                seen.update(
                    "program tie" for item in inner.tried if inner.outcome == "rejected" and item.score == inner.score
                )
                seen.update("unusable program" for item in inner.tried if item.id and item.status == "invalid")
                seen.update("perfect" for item in inner.tried if item.score == 1)
    outcomes = {
        f"{level} {word}" for level in ("program", "optimizer") for word in ("accepted", "rejected", "invalid", "tie")
    }
    assert seen == outcomes | {"program skipped", "unusable program", "perfect"}
