"""Racing decides as whole evaluations do, with fewer calls, and stops at the same example whatever happens."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from langgraph.runtime import Runtime
from langgraph.store.memory import InMemoryStore

from metatextgrad.api import Result, ameta_optimize, aresume
from metatextgrad.core.errors import BudgetReachedError, ProviderError
from metatextgrad.core.optimizer import Optimizer, best_of
from metatextgrad.core.trial import Candidate, Evaluation, ExampleResult, Trial, candidate
from metatextgrad.nodes.evaluate import evaluate
from metatextgrad.runtime.artifacts import put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.evaluation import evaluate_program
from metatextgrad.runtime.racing import Stopped, best_possible, block, race_program
from metatextgrad.stages import stage
from metatextgrad.stored import Turn, read_run
from tests.command_line import described, printed, settle
from tests.scripted import Script, opened, tiny_task
from tests.test_algorithms import PROMPTS, STRUCTURE
from tests.test_evaluation import solves
from tests.worlds import World

SEEDS = range(12)


def result(score: float | None) -> ExampleResult:
    return ExampleResult(example="e", prediction="", score=score, feedback="")


def incumbent(score: float, of: int = 40) -> Evaluation:
    """Return an evaluation that has the first examples wrong."""
    wrong = round((1 - score) * of)
    return Evaluation(program="i", split="val", results=tuple([result(0.0)] * wrong + [result(1.0)] * (of - wrong)))


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_is_stopped_could_not_have_won(seed: int) -> None:
    roll = random.Random(seed)
    wrong, empty = roll.sample(range(40), roll.randrange(41)), roll.sample(range(40), 2)
    handler, task = solves(wrong=wrong, empty=empty), tiny_task(sizes=(1, 40, 1))
    given = await opened(handler, task=task)
    whole = await evaluate_program(given, task.program, "val")
    assert whole.score is not None
    for other in (*map(incumbent, (0.0, 0.3, 0.5, 0.9, 1.0)), whole):
        raced = await race_program(await opened(handler, task=task), task.program, other)
        against = other.score or 0.0
        if isinstance(raced, Stopped):
            assert whole.score <= raced.bound <= against and raced.done < raced.of == 40
            assert raced == await race_program(given, task.program, other), "one that was scored stops there too"
        else:
            assert raced == whole


@pytest.mark.parametrize("seed", SEEDS)
def test_bound_is_the_highest_score_that_is_still_possible(seed: int) -> None:
    roll = random.Random(seed)
    scores = [roll.choice([None, 0.0, 1.0, roll.random()]) for _ in range(30)]
    final = Evaluation(program="p", split="val", results=tuple(result(score) for score in scores)).score
    for done in range(31):
        assert best_possible([result(score) for score in scores[:done]], 30 - done) >= (final or 0.0)


def test_next_look_is_when_the_race_can_be_over() -> None:
    right, wrong = result(1.0), result(0.0)
    assert block([], 100, 0.45) == 55, "55 wrong ones leave 45 at most"
    assert block([wrong] * 40 + [right] * 15, 45, 0.45) == 15
    assert block([wrong] * 54, 46, 0.45) == 8, "fewer calls at once would wait for one another"
    assert block([right] * 60, 40, 0.45) == 40, "it cannot be beaten any more"


async def test_examples_that_the_incumbent_has_wrong_come_first() -> None:
    script = Script(solves(wrong=range(30, 40)))
    given = await opened(script, task=tiny_task(sizes=(1, 40, 1)), concurrency=1)
    others = Evaluation(program="i", split="val", results=tuple([result(1.0)] * 30 + [result(0.0)] * 10))
    raced = await race_program(given, given.task.program, others)
    assert isinstance(raced, Stopped) and raced.done == len(script.asked) == 10
    assert [texts[-1].split()[-1] for _, texts in script.asked] == [str(number) for number in range(30, 40)]


@pytest.mark.parametrize("concurrency", [1, 3, 64])
async def test_calls_saved_are_the_same_at_any_concurrency(concurrency: int) -> None:
    script = Script(solves(wrong=range(0, 40, 2)), delay=lambda *_: random.random() / 500)
    given = await opened(script, task=tiny_task(sizes=(1, 40, 1)), concurrency=concurrency)
    raced = await race_program(given, given.task.program, incumbent(0.8))
    assert isinstance(raced, Stopped)
    assert (raced.done, raced.calls, script.calls["program"]) == (16, 24, 16)
    assert raced.sentence() == "stopped after 16 of 40: at most 0.800 against 0.800"


async def test_provider_may_fail_on_the_tolerated_share_of_the_whole_set() -> None:
    task = tiny_task(sizes=(1, 40, 1))
    given = await opened(solves(failing=[0, 9]), task=task)
    assert isinstance(await race_program(given, task.program, incumbent(0.8)), Evaluation)
    with pytest.raises(ProviderError, match="failed on 3 of 40"):
        await race_program(await opened(solves(failing=[0, 9, 18]), task=task), task.program, incumbent(0.8))


async def raced_in_node(optimizer: Optimizer, **settings: Any) -> Candidate:
    given = await opened(solves(wrong=range(15)), store=InMemoryStore(), race=True, **settings)
    known = await put(given.store, optimizer)
    before = await put(given.store, incumbent(0.5, of=20))
    best: Candidate = {**candidate("old", "s", "scored"), "score": 0.5, "evaluation": before}
    proposed = [candidate(await put(given.store, given.task.program), "s")]
    runtime: Runtime[Context] = Runtime(context=given.context, store=given.store)
    state: Any = {"candidates": proposed, "best": best, "optimizer": known, "step": 1, "path": "p"}
    return (await evaluate(state, runtime))["candidates"][0]


async def test_stopped_candidate_has_no_score_and_no_evaluation() -> None:
    found = await raced_in_node(Optimizer(name="o", purpose="p", schedule=PROMPTS))
    assert (found["status"], found["score"], found["evaluation"]) == ("stopped", None, None)
    assert found["left_out"] == found["saved"] == 10


@pytest.mark.parametrize("schedule", [stage("reflection"), stage("instruction_search"), stage("structure", history=1)])
async def test_candidates_are_scored_to_the_end_where_their_scores_are_read_later(schedule: Any) -> None:
    found = await raced_in_node(Optimizer(name="o", purpose="p", schedule=schedule))
    assert (found["status"], found["score"]) == ("scored", 0.25)
    last = await raced_in_node(Optimizer(name="o", purpose="p", schedule=PROMPTS), start_from="last")
    assert last["status"] == "scored"


OPTIMIZERS = [
    Optimizer(name="prompts", purpose="p", schedule=PROMPTS),
    Optimizer(name="both", purpose="p", schedule=best_of(STRUCTURE, PROMPTS)),
]
SIZES = (7, 24, 4)


async def learned(script: Script, seed: int, place: Path, *, race: bool, cap: int | None = None) -> Result:
    settings = Context(seed=seed, steps=3, meta_prompt_steps=1, meta_structure_steps=1, race=race, max_calls=cap)
    models, task = script.models(), World(seed, sizes=SIZES).task()
    return await ameta_optimize(task, optimizers=OPTIMIZERS, settings=settings, models=models, workspace=place, run="r")


async def trials(place: Path) -> list[Trial]:
    def flat(turns: tuple[Turn, ...]) -> list[Trial]:
        return [trial for turn in turns for trial in [turn.trial, *flat(turn.inner)]]

    return [trial for branch in (await read_run(str(place), "r", turns=True)).branches for trial in flat(branch.turns)]


def decisions(tried: list[Trial]) -> list[Any]:
    return [
        (t.path, t.step, t.outcome == "accepted", t.best, t.best_score, [c["id"] for c in t.candidates]) for t in tried
    ]


def test_every_decision_is_the_one_without_racing(tmp_path: Path) -> None:
    saved = 0
    for seed in range(6):
        calls, found, made = [], [], []
        for race in (False, True):
            script = Script(World(seed, sizes=SIZES).reply)
            place = tmp_path / f"{seed}-{race}"
            result = asyncio.run(learned(script, seed, place, race=race))
            tried = asyncio.run(trials(place))
            calls.append(len(script.asked))
            found.append((result.program, result.optimizer, [(row.val, row.test) for row in result.findings.rows]))
            made.append(decisions(tried))
        assert found[0] == found[1] and made[0] == made[1]
        assert calls[1] <= calls[0]
        saved += calls[0] - calls[1]
    assert saved > 0


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6, 0.8])
async def test_raced_run_goes_on_where_it_was_stopped(share: float, tmp_path: Path) -> None:
    script = Script(World(3, sizes=SIZES).reply)
    whole = await learned(script, 3, tmp_path / "whole", race=True)
    calls = len(script.asked)
    again = Script(World(3, sizes=SIZES).reply)
    with pytest.raises(BudgetReachedError):
        await learned(again, 3, tmp_path / "cut", race=True, cap=round(share * calls))
    task, models = World(3, sizes=SIZES).task(), again.models()
    resumed = await aresume("r", task=task, models=models, caps={"max_calls": None}, workspace=tmp_path / "cut")
    assert (resumed.findings, resumed.usage, len(again.asked)) == (whole.findings, whole.usage, calls)
    assert await trials(tmp_path / "cut") == await trials(tmp_path / "whole")


def test_calls_saved_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(tmp_path, monkeypatch)
    options = ("bbh/word_sorting", "--steps", "6", "--race", "yes", "--run", "raced")
    racing = described(capsys, "optimize", *options)["racing"]
    assert racing["candidates"] > 0 and racing["calls"] == racing["examples"] > 0
    shown = described(capsys, "show", "raced")
    assert shown["racing"] == racing
    stopped = [
        item for turn in shown["loops"][0]["turns"] for item in turn["candidates"] if item["status"] == "stopped"
    ]
    assert stopped[0]["reason"].startswith("stopped after ")
    assert f"at most {racing['calls']} calls saved" in printed(capsys, "show", "raced")
