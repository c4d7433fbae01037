"""Every named optimizer on both built-in tasks: small runs that resume exactly and cost what was planned."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from metatextgrad.api import Result, aoptimize, aresume
from metatextgrad.core.errors import BudgetReachedError
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.task import Task
from metatextgrad.planning import plan_optimize
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import LEVELS
from metatextgrad.runtime.models import Models, models_for
from metatextgrad.stages import KINDS, OPTIMIZERS, kind_of, stage
from tests.loopback import exported, small_task

SMALL: dict[str, dict[str, Any]] = {
    "tgd": {},
    "adas-tg": {},
    "mipro": {"candidates": 4, "trials": 3, "minibatch": 4, "runs": 4},
    "mipro-8": {"candidates": 3, "trials": 3, "minibatch": 4, "runs": 6, "sets": 3},
    "reflection": {},
    "gepa": {"metric_calls": 40, "validation": 6},
    "dspy-mipro": {"candidates": 3, "trials": 3, "minibatch": 4, "validation": 6},
    "dspy-gepa": {"metric_calls": 40, "validation": 6},
}
"""Settings under which a step takes little time."""
TASKS = ("bbh/dyck_languages", "bbh/word_sorting")
CUTS = (0.3, 0.6, 0.95)
"""Where a run is stopped, as shares of its calls."""


def small(name: str) -> Optimizer:
    """Return a named optimizer that does little in a step."""
    made = OPTIMIZERS[name]()
    (only,) = made.stages()
    if not kind_of(only).installed:
        pytest.skip(f"the extra {kind_of(only).extra} is not installed")
    return made.model_copy(update={"schedule": stage(only.kind, **SMALL[name])})


def settings(**changes: Any) -> Context:
    return Context.model_validate({"steps": 3, "concurrency": 8, **changes})


async def run(name: str, task: Task, folder: Path, **changes: Any) -> Result:
    return await aoptimize(task, optimizer=small(name), settings=settings(**changes), workspace=folder, run="run")


class Asked(Counter[str]):
    """Counts what the models are asked."""

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ask = Models.ask

        async def counted(models: Models, level: Any, messages: Any, *rest: Any) -> Any:
            self[repr((level, messages, rest))] += 1
            return await ask(models, level, messages, *rest)

        monkeypatch.setattr(Models, "ask", counted)


def test_every_named_optimizer_is_tried_here() -> None:
    assert set(SMALL) == set(OPTIMIZERS)
    assert {kind for name in SMALL for kind in (OPTIMIZERS[name]().stages()[0].kind,)} == set(KINDS)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("task", TASKS)
async def test_a_run_asks_nothing_twice_counts_every_call_and_costs_what_was_planned(
    name: str, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked()
    asked.watch(monkeypatch)
    data = small_task(12, task)
    result = await run(name, data, tmp_path)
    used = {level: usage.calls for level, usage in result.usage.items()}
    assert set(asked.values()) == {1}
    assert sum(used.values()) == len(asked)
    plan = plan_optimize(data, data.program, small(name), settings(), models_for(settings()).names)
    for level in LEVELS:
        calls = plan.levels[level].calls if level in plan.levels else None
        assert (calls.low if calls else 0) <= used[level] <= (calls.high if calls else 0)
    assert result.score >= result.findings.rows[0].val.score


@pytest.mark.parametrize("name", ["mipro", "mipro-8", "reflection", "gepa", "dspy-mipro", "dspy-gepa"])
async def test_a_run_stopped_at_caps_and_resumed_repeats_no_call_and_ends_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, asked = small_task(12, TASKS[1]), Asked()
    whole = await run(name, task, tmp_path / "whole")
    calls = sum(usage.calls for usage in whole.usage.values())
    asked.watch(monkeypatch)
    caps = [max(1, round(calls * share)) for share in CUTS]
    with pytest.raises(BudgetReachedError):
        await run(name, task, tmp_path / "cut", max_calls=caps[0])
    for cap in caps[1:]:
        with pytest.raises(BudgetReachedError):
            await aresume("run", task=task, caps={"max_calls": cap}, workspace=tmp_path / "cut")
    ended = await aresume("run", task=task, caps={"max_calls": None}, workspace=tmp_path / "cut")
    assert exported(ended) == exported(whole)
    assert ended.usage == whole.usage
    assert set(asked.values()) == {1} and len(asked) == calls


@pytest.mark.parametrize("name", ["mipro", "mipro-8", "reflection", "gepa", "dspy-mipro", "dspy-gepa"])
async def test_the_result_is_the_same_however_many_calls_are_in_flight(name: str, tmp_path: Path) -> None:
    task = small_task(12, TASKS[0])
    alone = await run(name, task, tmp_path / "1", concurrency=1, steps=2)
    together = await run(name, task, tmp_path / "64", concurrency=64, steps=2)
    assert exported(alone) == exported(together)
    assert alone.usage == together.usage
