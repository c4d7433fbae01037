"""Scores of programs: failed is not wrong, memory costs nothing, and order and concurrency change nothing."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.errors import BudgetReachedError, InputError, ProviderError
from metatextgrad.core.program import Program, Vote, chain_of_thought
from metatextgrad.core.report import tally
from metatextgrad.core.statistics import wilson
from metatextgrad.core.task import Example, Score, Task
from metatextgrad.core.trial import Candidate, Evaluation, ExampleResult, candidate
from metatextgrad.nodes.evaluate import evaluate
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.evaluation import evaluate_program
from metatextgrad.runtime.resources import Resources
from tests.scripted import Handler, Script, cut_off, exact, examples, llm, opened, tiny_task


def number_in(messages: Sequence[BaseMessage]) -> int:
    return int(messages[-1].text.split()[-1])


def solves(*, failing: Sequence[int] = (), empty: Sequence[int] = (), wrong: Sequence[int] = ()) -> Handler:
    """Return a handler that answers rightly but for these questions."""

    def reply(messages: Sequence[BaseMessage], level: object) -> str:
        number = number_in(messages)
        if number in failing:
            raise ConnectionError(f"no route for {number}")
        return "" if number in empty else "Answer: ?" if number in wrong else f"Answer: {number}"

    return reply


async def score(handler: Handler | Script, split: Any = "val", **settings: Any) -> Evaluation:
    given = await opened(handler, **settings)
    return await evaluate_program(given, given.task.program, split)


async def test_score_is_the_mean_over_all_of_the_set_in_its_order() -> None:
    evaluation = await score(solves(wrong=range(5)))
    assert (evaluation.score, evaluation.total, evaluation.scored, len(evaluation.results)) == (0.75, 15.0, 20, 20)
    assert [result.example for result in evaluation.results] == [example.id for example in examples("val", 20)]
    assert evaluation.results[0] == ExampleResult(
        example="val/0", prediction="Answer: ?", score=0.0, feedback="val/0 should be 0"
    )


async def test_each_split_is_its_own() -> None:
    script = Script(solves())
    given = await opened(script)
    for split in ("train", "val", "test"):
        evaluation = await evaluate_program(given, given.task.program, split)
        assert {result.example.partition("/")[0] for result in evaluation.results} == {split}
    assert script.calls["program"] == 60


async def test_failed_call_leaves_its_example_unscored_and_never_wrong() -> None:
    evaluation = await score(solves(failing=[3], wrong=[4]))
    failed = evaluation.results[3]
    assert (failed.score, failed.failure, failed.prediction) == (None, "provider", "")
    assert "no route for 3" in failed.feedback
    assert (evaluation.scored, evaluation.score) == (19, 18 / 19)
    assert (tally(evaluation).unscored, tally(evaluation).score) == (1, 18 / 19)


@pytest.mark.parametrize(
    ("share", "failures", "pauses"),
    [(0.05, 1, False), (0.05, 2, True), (0.0, 1, True), (0.1, 2, False), (0.1, 3, True), (1.0, 20, False)],
)
async def test_provider_that_fails_on_more_than_the_tolerated_share_pauses_the_run(
    share: float, failures: int, pauses: bool
) -> None:
    handler = solves(failing=range(failures))
    if pauses:
        with pytest.raises(ProviderError, match="no route for 0"):
            await score(handler, unscored_share=share)
    else:
        evaluation = await score(handler, unscored_share=share)
        assert evaluation.unscored("provider") == failures


async def test_evaluation_of_failures_alone_has_no_score() -> None:
    assert (await score(solves(failing=range(20)), unscored_share=1.0)).score is None


async def test_paused_evaluation_goes_on_with_what_is_missing() -> None:
    failing = [3, 7, 11]
    script = Script(lambda messages, level: solves(failing=failing)(messages, level))
    given = await opened(script)
    with pytest.raises(ProviderError):
        await evaluate_program(given, given.task.program, "val")
    answered = given.ledger.meter.total.calls
    asked = script.calls["program"]
    failing.clear()
    evaluation = await evaluate_program(given, given.task.program, "val")
    assert (evaluation.score, given.ledger.meter.total.calls) == (1.0, 20)
    assert script.calls["program"] == asked + 20 - answered, "nothing that was answered is asked again"


async def scored(program: Program, handler: Handler | Script, **settings: Any) -> Candidate:
    """Score a proposed program as the node does, in a loop."""
    given = await opened(handler, **settings)
    return (await in_node(given, program))[0]


async def in_node(given: Resources, *programs: Program | None) -> list[Candidate]:
    proposed = [candidate(await put(given.store, item) if item else None, "s") for item in programs]
    runtime: Runtime[Context] = Runtime(context=given.context, store=given.store)
    return (await evaluate({"candidates": proposed, "step": 1, "path": "p"}, runtime))["candidates"]


COT = chain_of_thought("cot", "Think.")


@pytest.mark.parametrize(
    ("empty", "share", "status", "value"),
    [(0, 0.05, "scored", 1.0), (1, 0.05, "scored", 1.0), (2, 0.05, "invalid", None), (20, 1.0, "scored", None)],
)
async def test_replies_that_cannot_be_used_make_a_candidate_invalid_rather_than_pause_the_run(
    empty: int, share: float, status: str, value: float | None
) -> None:
    found = await scored(COT, solves(empty=range(empty)), unscored_share=share)
    assert (found["status"], found["score"]) == (status, value)
    if status == "invalid":
        assert found["evaluation"] is None
        assert found["reason"] == "2 of 20 examples stay unscored: component 'answer': the reply was empty"


async def test_cut_off_replies_make_a_candidate_invalid() -> None:
    found = await scored(COT, lambda messages, level: cut_off("Answer: 1"))
    assert found["status"] == "invalid"
    assert "cut off by length" in found["reason"]


async def test_metric_that_gives_no_score_makes_a_candidate_invalid() -> None:
    task = tiny_task(metric=lambda prediction, example: Score.unscored("the judge was silent"))
    found = await scored(COT, solves(), task=task)
    assert (found["status"], found["reason"]) == ("invalid", "20 of 20 examples stay unscored: the judge was silent")


async def test_node_scores_each_candidate_and_passes_on_what_is_none() -> None:
    given = await opened(solves(wrong=[0]))
    other = COT.with_instructions({"answer": "Think twice."})
    first, nothing, second = await in_node(given, COT, None, other)
    assert nothing == candidate(None, "s")
    for found, program in ((first, COT), (second, other)):
        evaluation = await get(given.store, Evaluation, str(found["evaluation"]))
        assert (found["id"], found["score"], found["status"]) == (program.id, 0.95, "scored")
        assert (evaluation.program, evaluation.score) == (program.id, 0.95)


async def test_program_scored_before_makes_no_call_and_no_run_of_the_metric() -> None:
    ran = []

    def metric(prediction: str, example: Example) -> Score:
        ran.append(example.id)
        return exact(prediction, example)

    script, store = Script(solves(wrong=[1])), InMemoryStore()
    task = tiny_task(metric=metric)
    first = await score(script, task=task, store=store)
    again = await score(script, task=task, store=store)
    assert first == again
    assert (script.calls["program"], len(ran)) == (20, 20)


@pytest.mark.parametrize(
    "changed",
    [{"seed": 1}, {"program_temperature": 0.5}, {"sample_temperature": 0.5}, {"max_tokens": 10}],
    ids=str,
)
async def test_memory_of_a_score_knows_the_settings_that_decide_it(changed: dict[str, Any]) -> None:
    """Read from the memory itself, since the ledger would answer equal calls anyway."""
    store = InMemoryStore()
    for settings in ({}, changed, {"steps": 9, "concurrency": 1}):
        await score(Script(solves()), store=store, **settings)
    assert len(await store.asearch(("metatextgrad", "evaluated"))) == 2


async def test_evaluation_with_failed_calls_is_not_remembered() -> None:
    failing, store = [3], InMemoryStore()
    script = Script(lambda messages, level: solves(failing=failing)(messages, level))
    assert (await score(script, store=store)).scored == 19
    failing.clear()
    assert (await score(script, store=store)).scored == 20


async def test_result_is_the_same_on_one_call_at_a_time_and_on_many_in_any_order() -> None:
    program = Program(name="sc", components=(llm("tries", samples=3), Vote(name="v", over="tries")))
    late = random.Random(0)
    found = []
    for concurrency in (1, 2, 64, 64):
        script = Script(solves(wrong=[2, 5], empty=[9]), delay=lambda *_: late.random() / 400)
        given = await opened(script, task=tiny_task(program), concurrency=concurrency)
        found.append(await evaluate_program(given, program, "val"))
        assert script.peak <= concurrency
    assert len({evaluation.id for evaluation in found}) == 1
    assert found[0].scored == 19


async def test_examples_in_flight_are_bounded_and_progress_is_told_for_each() -> None:
    told: list[tuple[int, int]] = []
    script = Script(solves(), delay=lambda *_: 0.001)
    given = await opened(script, concurrency=5)
    await evaluate_program(given, given.task.program, "val", lambda done, of: told.append((done, of)))
    assert script.peak == 5
    assert told == [(done, 20) for done in range(1, 21)]


async def test_cap_ends_an_evaluation_with_what_was_in_flight_kept() -> None:
    store: BaseStore = InMemoryStore()
    script = Script(solves(), delay=lambda *_: 0.001)
    with pytest.raises(BudgetReachedError):
        await score(script, store=store, max_calls=12, concurrency=4)
    assert script.calls["program"] == 12
    assert (await score(script, store=store, max_calls=20, concurrency=4)).score == 1.0
    assert script.calls["program"] == 20


def raises(prediction: str, example: Example) -> Any:
    raise KeyError("answer")


BROKEN: list[tuple[Any, str]] = [
    (raises, "Metric 'exact' raised KeyError on example 'val/"),
    (lambda prediction, example: 37, "expected a Score, a bool, a number from 0 to 1"),
    (lambda prediction, example: Score(value=1.5), "expected a Score, a bool, a number from 0 to 1"),
    (lambda prediction, example: None, "returned None; expected a Score"),
]


@pytest.mark.parametrize(("metric", "reason"), BROKEN, ids=["raises", "percent", "above one", "nothing"])
async def test_metric_that_cannot_be_right_ends_the_run_with_its_name_and_the_example(metric: Any, reason: str) -> None:
    with pytest.raises(InputError, match="Mend it and start anew") as ended:
        await score(solves(), task=tiny_task(metric=metric))
    assert reason in str(ended.value)


async def test_metric_may_return_a_plain_verdict() -> None:
    def metric(prediction: str, example: Example) -> Any:
        return prediction == f"Answer: {example.target}"

    assert (await score(solves(wrong=range(5)), task=tiny_task(metric=metric))).score == 0.75


def test_task_refuses_sets_that_are_empty_or_share_an_example() -> None:
    one, other = examples("train", 1), examples("val", 1)
    same = (Example(id="another", input=one[0].input, target="2"),)
    told = (Example(id="told", input=one[0].input, target="2", fields={"hint": "h"}),)

    def task(train: tuple[Example, ...], val: tuple[Example, ...], test: tuple[Example, ...]) -> Task:
        return Task("t", "q", COT, train, val, test, exact)

    assert task(one, told, other).split("val") == told, "other fields make another example"
    with pytest.raises(InputError, match="the test set is empty"):
        task(one, other, ())
    with pytest.raises(InputError, match="example 'another' stands in the train set and in the test set"):
        task(one, other, same)


def test_identity_of_a_task_is_its_data_metric_and_program() -> None:
    same = [tiny_task(), tiny_task()]
    others = [tiny_task(COT), tiny_task(sizes=(19, 20, 20)), tiny_task(name="other")]
    assert len({task.id for task in same}) == 1
    assert len({task.id for task in (*same, *others)}) == 4


@pytest.mark.parametrize(
    ("total", "scored", "low", "high"), [(0, 0, 0.0, 1.0), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0)]
)
def test_interval_of_a_score_is_wilsons(total: int, scored: int, low: float, high: float) -> None:
    assert wilson(total, scored) == pytest.approx((low, high), abs=5e-5)


async def test_evaluations_of_one_program_at_once_share_their_calls() -> None:
    script = Script(solves(), delay=lambda *_: 0.001)
    given = await opened(script)
    await asyncio.gather(*(evaluate_program(given, given.task.program, "val") for _ in range(2)))
    assert script.calls["program"] == 20
