"""Caps over a real socket: what is paid is kept, and a larger cap goes on to the same end."""

from pathlib import Path
from typing import Any

import pytest

from metatextgrad.api import aevaluate, ameta_optimize, aresume
from metatextgrad.core.errors import BudgetReachedError, InputError
from metatextgrad.runtime.artifacts import namespace
from metatextgrad.runtime.budget import Budget
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import Meter, Usage
from metatextgrad.runtime.prices import price, price_of
from metatextgrad.runtime.reply import Reply
from metatextgrad.runtime.workspace import open_workspace
from tests.loopback import Undisturbed, exported, record_of, settings, small_task
from tests.openai_server import Server

AT_ONCE = 4
PRICED = {
    "program_model": "openai:gpt-4o-mini",
    "optimizer_model": "simulated",
    "meta_model": "simulated",
    "judge_model": "",
}


async def spent(workspace: Path, run: str) -> Usage:
    """Add up what the store says that a run used."""
    total = Usage()
    async with open_workspace(workspace) as opened:
        for item in await opened.store.asearch(namespace("usage", run), limit=10_000):
            total = total.plus(Usage.model_validate(item.value["usage"]))
    return total


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
async def test_a_cap_on_calls_is_never_passed_and_a_larger_one_goes_on(
    server: Server, tmp_path: Path, undisturbed: Undisturbed, share: float
) -> None:
    cap = int(undisturbed.calls * share)
    with pytest.raises(BudgetReachedError, match=f"cap of {cap} calls is reached; go on with a larger --max-calls"):
        await ameta_optimize(small_task(), settings=settings(max_calls=cap), workspace=tmp_path, run="mine")
    assert len(server.lines("finished")) == len(server.lines("started")) == cap
    assert (await spent(tmp_path, "mine")).calls == cap
    assert (await record_of(tmp_path, "mine")).status == "budget"
    result = await aresume("mine", task=small_task(), caps={"max_calls": undisturbed.calls}, workspace=tmp_path)
    assert exported(result) == exported(undisturbed.result)
    assert server.answered() == undisturbed.answered
    assert result.usage == undisturbed.result.usage


async def test_a_cap_on_tokens_stops_after_what_is_in_flight(
    server: Server, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    cap = sum(usage.tokens for usage in undisturbed.result.usage.values()) // 2
    with pytest.raises(BudgetReachedError, match="--max-tokens-total"):
        await ameta_optimize(
            small_task(),
            settings=settings(max_tokens_total=cap, concurrency=AT_ONCE),
            workspace=tmp_path,
            run="mine",
        )
    used, answered = await spent(tmp_path, "mine"), server.answered().total()
    assert used.calls == answered
    largest = max(sum(len(str(m["content"]).split()) for m in body["messages"]) for body in server.bodies) + 2_000
    assert cap <= used.tokens <= cap + AT_ONCE * largest
    result = await aresume("mine", task=small_task(), caps={"max_tokens_total": None}, workspace=tmp_path)
    assert exported(result) == exported(undisturbed.result)
    assert server.answered() == undisturbed.answered


async def test_a_cap_on_money_raised_little_by_little_ends_with_the_same_result(server: Server, tmp_path: Path) -> None:
    expected = await ameta_optimize(small_task(), settings=settings(**PRICED), workspace=tmp_path / "a")
    answered, usd = server.answered(), sum(usage.usd for usage in expected.usage.values())
    server.forget()
    cap, stops = usd / 4, 0
    result = None
    asked: dict[str, Any] = {"workspace": tmp_path / "b"}
    while result is None:
        try:
            if stops:
                result = await aresume("mine", task=small_task(), caps={"max_usd": cap}, **asked)
            else:
                capped = settings(**PRICED, max_usd=cap, concurrency=AT_ONCE)
                result = await ameta_optimize(small_task(), settings=capped, run="mine", **asked)
        except BudgetReachedError as reached:
            assert "--max-usd" in str(reached)
            assert (await spent(tmp_path / "b", "mine")).usd >= cap
            assert (await spent(tmp_path / "b", "mine")).calls >= server.answered().total()
            cap, stops = cap + usd / 4, stops + 1
    assert 1 <= stops <= 4
    assert exported(result) == exported(expected)
    assert server.answered() == answered
    assert sum(usage.usd for usage in result.usage.values()) == pytest.approx(usd)


async def test_a_cap_on_money_needs_prices_that_are_known(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"openai:meta.*--max-usd.*--max-calls.*--max-tokens-total"):
        await ameta_optimize(
            small_task(),
            settings=settings(**{**PRICED, "meta_model": "openai:meta"}, max_usd=1),
            workspace=tmp_path / "ws",
        )
    assert not (tmp_path / "ws").exists()
    assert server.requests == 0


async def test_a_provider_that_tells_no_tokens_cannot_hold_a_cap_on_money(server: Server, tmp_path: Path) -> None:
    server.usage = None
    with pytest.raises(BudgetReachedError, match="price of 1 calls is not known"):
        await aevaluate(small_task(), settings=settings(**PRICED, max_usd=1, concurrency=1), workspace=tmp_path / "ws")
    assert server.requests == 1


def test_a_price_that_is_not_known_is_not_zero() -> None:
    assert price("openai:no-such-model", 1000, 1000) is None
    assert price("nobody:gpt-4o-mini", 1000, 1000) is None
    assert price("simulated:program", 1000, 1000) == 0.0
    untold = Reply(text="a", finish="stop", input_tokens=0, output_tokens=0, counted=False)
    assert price_of(untold, "openai:gpt-4o-mini") is None
    assert price_of(untold, "simulated:program") == 0.0


def test_a_name_may_hold_more_than_one_colon() -> None:
    assert price("bedrock:anthropic.claude-3-5-sonnet-20241022-v2:0", 1000, 1000) is not None


def test_cached_input_costs_less() -> None:
    whole, cached = price("openai:gpt-4o-mini", 1000, 10), price("openai:gpt-4o-mini", 1000, 10, 900)
    assert whole is not None and cached is not None and cached < whole


def test_calls_in_flight_count_for_the_cap_on_calls() -> None:
    budget, meter = Budget.of(Context(max_calls=5)), Meter()
    meter.add("program", Usage(calls=3))
    budget.check(meter, 1)
    with pytest.raises(BudgetReachedError):
        budget.check(meter, 2)
