"""A run stopped at any call and resumed makes no call twice and ends with the same results to the byte."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from metatextgrad.api import Result, ameta_optimize, aresume
from metatextgrad.core.errors import BudgetReachedError, InputError, InterruptError, ProviderError
from metatextgrad.core.optimizer import Optimizer, best_of
from metatextgrad.execution import Stop
from metatextgrad.runtime.context import Context
from tests.scripted import Script
from tests.test_algorithms import PROMPTS, STRUCTURE
from tests.worlds import World

OPTIMIZERS = [
    Optimizer(name="prompts", purpose="p", schedule=PROMPTS),
    Optimizer(name="both", purpose="p", schedule=best_of(STRUCTURE, PROMPTS)),
]
SETTINGS = Context(seed=3, steps=2, meta_prompt_steps=1, meta_structure_steps=1, batch_size=2)


async def started(script: Script, workspace: Path, stop: Stop | None = None, **caps: Any) -> Result:
    return await ameta_optimize(
        World(3).task(),
        optimizers=OPTIMIZERS,
        settings=SETTINGS.model_copy(update=caps),
        models=script.models(),
        workspace=workspace,
        run="run.1",
        stop=stop,
    )


async def resumed(script: Script, workspace: Path, **caps: Any) -> Result:
    return await aresume("run.1", task=World(3).task(), models=script.models(), workspace=workspace, caps=caps)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, int]:
    """Return the result of a run that nobody stopped, and how many calls it made."""
    script = Script(World(3).reply)
    result = asyncio.run(started(script, tmp_path_factory.mktemp("whole")))
    assert len(script.asked) == sum(usage.calls for usage in result.usage.values())
    return result, len(script.asked)


def same(result: Result, whole: Result) -> bool:
    return (result.findings.model_dump_json(), result.program, result.optimizer, result.usage) == (
        whole.findings.model_dump_json(),
        whole.program,
        whole.optimizer,
        whole.usage,
    )


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 1.0])
async def test_run_stopped_by_a_cap_goes_on_where_it_stopped(
    whole: tuple[Result, int], share: float, tmp_path: Path
) -> None:
    expected, calls = whole
    cap = max(1, min(calls - 1, round(share * calls)))
    script = Script(World(3).reply)
    with pytest.raises(BudgetReachedError):
        await started(script, tmp_path, max_calls=cap)
    assert len(script.asked) == cap
    assert same(await resumed(script, tmp_path, max_calls=None), expected)
    assert len(script.asked) == calls


async def test_run_stopped_again_and_again_makes_no_call_twice(whole: tuple[Result, int], tmp_path: Path) -> None:
    expected, calls = whole
    script = Script(World(3).reply)
    with pytest.raises(BudgetReachedError):
        await started(script, tmp_path, max_calls=1)
    for cap in range(20, calls, 20):
        with pytest.raises(BudgetReachedError):
            await resumed(script, tmp_path, max_calls=cap)
        assert len(script.asked) == cap
    assert same(await resumed(script, tmp_path, max_calls=None), expected)
    assert len(script.asked) == calls


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7, 0.95])
async def test_run_paused_by_the_provider_goes_on(whole: tuple[Result, int], share: float, tmp_path: Path) -> None:
    expected, calls = whole
    world, fails_at = World(3), round(share * calls)

    def reply(messages: Any, level: Any) -> str:
        if len(script.asked) == fails_at:
            raise ConnectionError("no route")
        return world.reply(messages, level)

    script = Script(reply)
    with pytest.raises(ProviderError, match="no route"):
        await started(script, tmp_path, concurrency=1)
    assert same(await resumed(script, tmp_path), expected)
    assert len(script.asked) == calls + 1


@pytest.mark.parametrize("share", [0.1, 0.6])
async def test_run_interrupted_from_outside_keeps_what_is_in_flight_and_goes_on(
    whole: tuple[Result, int], share: float, tmp_path: Path
) -> None:
    expected, calls = whole
    world, stop = World(3), Stop()

    def reply(messages: Any, level: Any) -> str:
        if len(script.asked) >= share * calls:
            stop.request()
        return world.reply(messages, level)

    script = Script(reply, delay=lambda *_: 0.001)
    with pytest.raises(InterruptError):
        await started(script, tmp_path, stop=stop)
    share = 2
    assert same(await resumed(script, tmp_path), expected)
    assert len(script.asked) == calls


async def test_run_that_has_ended_gives_its_result_again_without_a_call(
    whole: tuple[Result, int], tmp_path: Path
) -> None:
    script = Script(World(3).reply)
    await started(script, tmp_path)
    assert same(await resumed(script, tmp_path), whole[0])
    assert len(script.asked) == whole[1]


async def test_settings_that_would_change_the_result_are_refused(tmp_path: Path) -> None:
    await started(Script(World(3).reply), tmp_path)
    with pytest.raises(InputError, match="Setting 'steps' cannot change when a run is resumed"):
        await resumed(Script(World(3).reply), tmp_path, steps=9)


async def test_run_is_not_resumed_on_other_data(tmp_path: Path) -> None:
    script = Script(World(3).reply)
    await started(script, tmp_path)
    with pytest.raises(InputError, match=r"Run 'run\.1' was started on other data"):
        await aresume("run.1", task=World(3, sizes=(7, 9, 4)).task(), models=script.models(), workspace=tmp_path)


async def test_name_of_a_run_is_taken_once(tmp_path: Path) -> None:
    await started(Script(World(3).reply), tmp_path)
    with pytest.raises(InputError, match=r"Run 'run\.1' exists already"):
        await started(Script(World(3).reply), tmp_path)
