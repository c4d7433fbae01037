"""The judge as a metric: what it is asked, that it is paid for once, and what a bad verdict becomes."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage
from langgraph.store.memory import InMemoryStore

from metatextgrad.api import aevaluate, aoptimize
from metatextgrad.core.errors import BudgetReachedError, InputError, ProviderError
from metatextgrad.core.report import rescored
from metatextgrad.core.task import Ask, Example, Score, Task, is_judged
from metatextgrad.core.trial import Evaluation, ExampleResult
from metatextgrad.planning import plan_optimize
from metatextgrad.runtime.artifacts import namespace
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.evaluation import evaluate_program
from metatextgrad.runtime.meter import LEVELS, Level
from metatextgrad.runtime.resources import Resources
from metatextgrad.stages import optimizer_named
from metatextgrad.tasks import load_task, scored_by
from metatextgrad.tasks.metrics import METRICS, as_metric, metric_name
from metatextgrad.tasks.word_sorting import word_sorting
from tests.scripted import Script, cut_off, exact, opened, tiny_task


def judged_task() -> Task:
    return replace(tiny_task(sizes=(3, 8, 3)), metric=METRICS["judge"], metric_name="judge")


def even(messages: Sequence[BaseMessage], level: Level) -> str:
    """Answer with the number of the question; as a judge, call even ones correct."""
    if level == "program":
        return f"I think so.\nAnswer: {messages[-1].text[-1]}"
    (answer,) = [line for line in messages[1].text.splitlines() if line.startswith("Answer: ")]
    return json.dumps({"correct": int(answer[-1]) % 2 == 0})


async def scored(
    script: Script, store: InMemoryStore | None = None, **settings: object
) -> tuple[Evaluation, Resources]:
    resources = await opened(script, task=judged_task(), store=store, **settings)
    try:
        return await evaluate_program(resources, resources.task.program, "val"), resources
    finally:
        await resources.ledger.drain()


async def test_the_judge_decides_what_each_reply_scores() -> None:
    evaluation, _ = await scored(Script(even))
    assert [result.score for result in evaluation.results] == [1, 0] * 4
    assert {result.feedback for result in evaluation.results} == {""}
    assert all(result.prediction.startswith("I think so.") for result in evaluation.results)


async def test_the_judge_sees_the_question_the_target_and_the_whole_reply() -> None:
    script = Script(even)
    await scored(script, concurrency=1)
    prompt = script.prompts("judge")[5]
    assert "<QUESTION>\nval question 5\n</QUESTION>\n<TARGET>\n5\n</TARGET>" in prompt
    assert "<PREDICTION>\nI think so.\nAnswer: 5\n</PREDICTION>" in prompt


async def test_verdicts_are_metered_at_the_judges_level_and_kept_with_what_was_asked() -> None:
    store = InMemoryStore()
    _, resources = await scored(Script(even), store)
    usage = resources.ledger.meter.levels
    assert {level: usage[level].calls for level in usage} == {"program": 8, "optimizer": 0, "meta": 0, "judge": 8}
    kept = [item.value for item in await store.asearch(namespace("call"), limit=100)]
    verdicts = [call for call in kept if call["level"] == "judge"]
    assert len(verdicts) == 8
    assert all(call["messages"][1][1].startswith("<QUESTION>") for call in verdicts)


async def test_an_evaluation_that_was_stopped_pays_for_no_verdict_again() -> None:
    store, script = InMemoryStore(), Script(even)
    with pytest.raises(BudgetReachedError):
        await scored(script, store, max_calls=11)
    assert sum(script.calls.values()) == 11
    evaluation, resources = await scored(script, store)
    assert script.calls == {"program": 8, "judge": 8}
    assert resources.ledger.meter.total.calls == 16
    assert evaluation == (await scored(Script(even)))[0]


async def test_a_verdict_that_cannot_be_used_is_asked_for_once_more_with_the_reason() -> None:
    replies = iter(["It is correct.", '{"correct": true}'])
    script = Script(lambda messages, level: even(messages, level) if level == "program" else next(replies, "{}"))
    evaluation, _ = await scored(script, concurrency=1)
    assert evaluation.results[0].score == 1
    assert "the reply has no JSON object" in script.prompts("judge")[1]


@pytest.mark.parametrize("said", ["yes", '{"correct": "true"}', '{"correct": 1}', '{"correct": null}', "{}"])
async def test_a_judge_that_gives_no_verdict_twice_leaves_the_example_unscored(said: str) -> None:
    script = Script(lambda messages, level: even(messages, level) if level == "program" else said)
    evaluation, _ = await scored(script)
    assert evaluation.unscored("metric") == 8
    assert evaluation.score is None
    assert script.calls["judge"] == 16
    assert evaluation.results[0].feedback.startswith("the judge gave no verdict: ")
    assert evaluation.results[0].prediction.endswith("Answer: 0")


async def test_a_verdict_that_is_cut_off_is_none() -> None:
    def cut(messages: Sequence[BaseMessage], level: Level) -> object:
        return even(messages, level) if level == "program" else cut_off('{"correct": true}')

    evaluation, _ = await scored(Script(cut))  # type: ignore[arg-type]
    assert "cut off by length" in evaluation.results[0].feedback


async def test_a_judge_whose_provider_fails_pauses_the_evaluation() -> None:
    def failing(messages: Sequence[BaseMessage], level: Level) -> str:
        if level == "judge":
            raise ProviderError("no judge today")
        return even(messages, level)

    store = InMemoryStore()
    with pytest.raises(ProviderError, match=r"failed on 8 of 8 examples.*no judge today"):
        await scored(Script(failing), store)
    script = Script(even)
    await scored(script, store)
    assert script.calls == {"judge": 8}


async def test_another_judge_scores_anew_and_the_replies_are_not_asked_for_again() -> None:
    store, script = InMemoryStore(), Script(even)
    await scored(script, store)
    strict = Script(lambda messages, level: '{"correct": false}')
    models = strict.models()
    models = replace(models, names={**models.names, "judge": "simulated:strict"})
    resources = await opened(strict, task=judged_task(), store=store)
    resources.ledger.models = models
    evaluation = await evaluate_program(resources, resources.task.program, "val")
    assert evaluation.score == 0
    assert strict.calls == {"judge": 8}


async def thrifty(prediction: str, example: Example, ask: Ask) -> bool | tuple[float, str]:
    """Ask the judge only about what is not right to the letter."""
    if exact(prediction, example).value == 1:
        return True
    return (float(await ask(prediction, example)), "asked")


async def test_an_async_function_of_ones_own_may_ask_the_judge() -> None:
    def mistaken(messages: Sequence[BaseMessage], level: Level) -> str:
        if level == "program":
            return even(messages, level).replace("5", "five")
        return '{"correct": true}'

    script, metric = Script(mistaken), as_metric(thrifty)
    task = replace(judged_task(), metric=metric, metric_name=metric_name(metric))
    resources = await opened(script, task=task)
    evaluation = await evaluate_program(resources, task.program, "val")
    assert evaluation.score == 1
    assert script.calls["judge"] == 1
    assert [result.feedback for result in evaluation.results][4:6] == ["", "asked"]


async def test_what_a_judging_function_raises_is_its_fault_and_names_the_example() -> None:
    async def broken(prediction: str, example: Example, ask: Ask) -> float:
        return 1 / 0

    task = replace(judged_task(), metric=as_metric(broken), metric_name="broken")
    resources = await opened(Script(even), task=task)
    with pytest.raises(InputError, match="Metric 'broken' raised ZeroDivisionError on example 'val/0'"):
        await evaluate_program(resources, task.program, "val")


@pytest.mark.parametrize("returned", [37, "yes", None])
async def test_what_a_judging_function_returns_must_be_a_score(returned: object) -> None:
    async def odd(prediction: str, example: Example, ask: Ask) -> object:
        return returned

    task = replace(judged_task(), metric=as_metric(odd), metric_name="odd")
    resources = await opened(Script(even), task=task)
    with pytest.raises(InputError, match="metric 'odd' returned"):
        await evaluate_program(resources, task.program, "val")


def test_without_a_model_only_the_target_itself_is_right() -> None:
    judge, example = METRICS["judge"], Example(id="x", input="?", target="7")
    assert is_judged(judge)
    assert not is_judged(METRICS["exact"])
    assert judge("Answer: 7", example).value == 1
    assert judge("Answer: seven", example).value is None


def test_a_task_file_may_name_the_judge(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        (tmp_path / f"{split}.csv").write_text(f"question,answer\n{split}?,yes\n", encoding="utf-8")
    (tmp_path / "task.toml").write_text(
        'name = "own"\nquestion_type = "q"\nmetric = "judge"\n'
        '[data]\ntrain = "train.csv"\nval = "val.csv"\ntest = "test.csv"\n',
        encoding="utf-8",
    )
    task = load_task(str(tmp_path / "task.toml"))
    assert (task.metric, task.metric_name) == (METRICS["judge"], "judge")


async def test_a_setting_puts_the_judge_in_the_place_of_a_tasks_own_metric(tmp_path: Path) -> None:
    settings = Context(metric="judge")
    judged = await aevaluate("bbh/word_sorting", split="val", settings=settings, workspace=tmp_path)
    own = await aevaluate("bbh/word_sorting", split="val", workspace=tmp_path)
    assert [one.prediction for one in judged.results] == [one.prediction for one in own.results]
    assert judged.scored == own.scored == 100
    same = rescored(judged, word_sorting, load_task("bbh/word_sorting").valset)
    assert same == own


@pytest.mark.parametrize("optimizer", ["tgd", "adas-tg"])
async def test_a_whole_run_is_scored_by_the_judge_within_what_its_plan_says(tmp_path: Path, optimizer: str) -> None:
    settings, task = Context(metric="judge", steps=2), load_task("bbh/word_sorting")
    result = await aoptimize(task, optimizer=optimizer, settings=settings, workspace=tmp_path)
    assert result.findings.rows[0].val.scored == 100
    names: dict[Level, str] = dict.fromkeys(LEVELS, "simulated:any")
    planned = plan_optimize(scored_by(task, "judge"), task.program, optimizer_named(optimizer), settings, names)
    asked = planned.levels["judge"].calls
    assert 200 == asked.low <= result.usage["judge"].calls <= asked.high
    assert "judge" not in plan_optimize(task, task.program, optimizer_named(optimizer), settings, names).levels


def test_a_metric_that_does_not_fit_the_task_is_refused_before_anything_is_paid_for() -> None:
    task = load_task("bbh/dyck_languages")
    assert scored_by(task, "") is task
    assert scored_by(task, "judge").id != task.id
    with pytest.raises(InputError, match="metric 'number' fails on example"):
        scored_by(task, "number")


def test_replies_that_never_came_stay_unscored_under_another_metric() -> None:
    results = (
        ExampleResult(example="val/0", prediction="Answer: 0", score=None, feedback="no verdict", failure="metric"),
        ExampleResult(example="val/1", prediction="", score=None, feedback="cut off", failure="reply"),
        ExampleResult(example="val/2", prediction="Answer: 7", score=1.0, feedback=""),
    )
    evaluation = Evaluation(program="p", split="val", results=results)
    found = rescored(evaluation, exact, tiny_task().valset)
    assert [(one.score, one.failure) for one in found.results] == [(1, ""), (None, "reply"), (0, "")]
    unsure = rescored(evaluation, lambda prediction, example: Score.unscored("no idea"), tiny_task().valset)
    assert [one.failure for one in unsure.results] == ["metric", "reply", "metric"]
