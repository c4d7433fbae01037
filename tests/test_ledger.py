"""Nothing is paid for twice and nothing paid for is lost: in flight, in the store, after a kill, at a cap."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.errors import BudgetReachedError, InterruptError, ProviderError
from metatextgrad.runtime.artifacts import namespace
from metatextgrad.runtime.ledger import Call, Ledger
from metatextgrad.runtime.meter import Usage
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.prices import price
from metatextgrad.runtime.resources import open_resources
from metatextgrad.runtime.workspace import open_workspace
from tests.scripted import Script, in_turn, opened

CALL = Call("program", (("system", "s"), ("human", "h")), temperature=0.0)


def numbered(count: int) -> list[Call]:
    return [replace(CALL, sample=sample) for sample in range(count)]


def counting(messages: Any, level: Any) -> AIMessage:
    """Reply with the tokens that it took: ten in, five out."""
    return AIMessage("r", usage_metadata=UsageMetadata(input_tokens=10, output_tokens=5, total_tokens=15))


async def ledger_of(script: Script, store: BaseStore | None = None, run: str = "scripted", **settings: Any) -> Ledger:
    """Return the ledger of a run, as a process that starts or resumes it opens it."""
    given = await opened(script, store=store, **settings)
    return (await open_resources(given.context, given.store, run)).ledger


async def test_equal_calls_in_flight_are_made_once_and_counted_once() -> None:
    script = Script(counting, delay=lambda *_: 0.01)
    ledger = await ledger_of(script)
    replies = await asyncio.gather(*(ledger.complete(CALL) for _ in range(20)))
    assert len(script.asked) == 1
    assert {reply.text for reply in replies} == {"r"}
    assert ledger.meter.total == Usage(calls=1, input_tokens=10, output_tokens=5)


async def test_reply_is_in_the_store_before_anyone_uses_it() -> None:
    script = Script(counting)
    ledger = await ledger_of(script)
    await ledger.complete(CALL)
    kept = await ledger.store.aget(namespace("call"), ledger.key(CALL))
    assert kept is not None
    assert (kept.value["reply"]["text"], kept.value["usage"]["calls"]) == ("r", 1)


async def test_key_that_is_found_is_not_called_again_in_this_run_or_another_and_costs_the_other_nothing() -> None:
    script, store = Script(counting), InMemoryStore()
    first = await ledger_of(script, store, "one")
    await first.complete(CALL)
    again, other = await ledger_of(script, store, "one"), await ledger_of(script, store, "two")
    assert (await again.complete(CALL)) == (await other.complete(CALL)) == (await first.complete(CALL))
    assert len(script.asked) == 1
    assert (again.meter.total.calls, other.meter.total.calls) == (1, 0)


OTHERS: list[tuple[Call, dict[str, Any]]] = [
    (replace(CALL, messages=(("system", "s"), ("human", "H"))), {}),
    (replace(CALL, messages=(("human", "s"), ("human", "h"))), {}),
    (replace(CALL, messages=(("system", "sh"), ("human", ""))), {}),
    (replace(CALL, temperature=0.1), {}),
    (replace(CALL, temperature=None), {}),
    (replace(CALL, sample=1), {}),
    (replace(CALL, schema="Fruit"), {}),
    (replace(CALL, level="meta"), {}),
    (CALL, {"seed": 1}),
    (CALL, {"max_tokens": 100}),
]


@pytest.mark.parametrize(("call", "settings"), OTHERS)
async def test_whatever_decides_the_reply_is_part_of_the_key(call: Call, settings: dict[str, Any]) -> None:
    script, store = Script(counting), InMemoryStore()
    await (await ledger_of(script, store)).complete(CALL)
    await (await ledger_of(script, store, **settings)).complete(call)
    assert len(script.asked) == 2


async def test_settings_that_do_not_decide_the_reply_are_no_part_of_the_key() -> None:
    script, store = Script(counting), InMemoryStore()
    await (await ledger_of(script, store)).complete(CALL)
    other = await ledger_of(script, store, concurrency=1, retries=9, request_seconds=1.0, steps=99, max_calls=5)
    await other.complete(CALL)
    assert len(script.asked) == 1


async def test_usage_is_counted_by_level() -> None:
    ledger = await ledger_of(Script(counting))
    for call in (*numbered(3), replace(CALL, level="optimizer"), replace(CALL, level="meta")):
        await ledger.complete(call)
    assert {level: usage.calls for level, usage in ledger.meter.levels.items()} == {
        "program": 3,
        "optimizer": 1,
        "meta": 1,
        "judge": 0,
    }


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BaseStore]:
    if request.param == "memory":
        yield InMemoryStore()
    else:
        async with open_workspace(tmp_path) as workspace:
            yield workspace.store


async def test_usage_is_counted_once_after_a_restart_however_much_there_is(store: BaseStore) -> None:
    """More calls than a page of the store holds, of one moment, beside those of a run with a longer name."""
    script = Script(counting)
    first, beside = await ledger_of(script, store, "run"), await ledger_of(script, store, "run-2.b", seed=1)
    await asyncio.gather(*(first.complete(call) for call in numbered(1010)), *(beside.complete(c) for c in numbered(7)))
    again = await ledger_of(script, store, "run")
    assert again.meter.total == first.meter.total == Usage(calls=1010, input_tokens=10_100, output_tokens=5_050)
    await asyncio.gather(*(again.complete(call) for call in numbered(1010)))
    assert again.meter.total == first.meter.total
    assert (await ledger_of(script, store, "run-2.b")).meter.total.calls == 7
    assert len(script.asked) == 1017


async def test_call_whose_usage_was_not_written_before_a_kill_is_counted_when_it_is_found(store: BaseStore) -> None:
    script = Script(counting)
    first = await ledger_of(script, store)
    await first.complete(CALL)
    await store.adelete(namespace("usage", "scripted"), first.key(CALL))
    again = await ledger_of(script, store)
    assert again.meter.total.calls == 0
    await again.complete(CALL)
    await again.complete(CALL)
    assert again.meter.total == first.meter.total


async def complete_all(ledger: Ledger, calls: list[Call]) -> list[BaseException]:
    """Make calls side by side and return what was raised."""
    results = await asyncio.gather(*(ledger.complete(call) for call in calls), return_exceptions=True)
    return [result for result in results if isinstance(result, BaseException)]


@pytest.mark.parametrize("concurrency", [1, 4, 64])
async def test_cap_on_calls_is_never_passed_and_what_was_in_flight_is_kept(concurrency: int) -> None:
    script, store = Script(counting, delay=lambda *_: 0.002), InMemoryStore()
    capped = await ledger_of(script, store, max_calls=10, concurrency=concurrency)
    refused = await complete_all(capped, numbered(30))
    assert (len(refused), len(script.asked), capped.meter.total.calls) == (20, 10, 10)
    assert {str(error) for error in refused} == {"The cap of 10 calls is reached; go on with a larger --max-calls."}
    assert {type(error) for error in refused} == {BudgetReachedError}
    wider = await ledger_of(script, store, max_calls=30, concurrency=concurrency)
    assert await complete_all(wider, numbered(30)) == []
    assert (len(script.asked), wider.meter.total.calls) == (30, 30), "no call was made twice"


async def test_call_that_failed_leaves_room_under_the_cap() -> None:
    failures = [ConnectionError("gone")]

    def reply(messages: Any, level: Any) -> str:
        if failures:
            raise failures.pop()
        return "r"

    ledger = await ledger_of(Script(reply), max_calls=2)
    with pytest.raises(ProviderError, match="gone"):
        await ledger.complete(CALL)
    assert await complete_all(ledger, numbered(2)) == []
    assert len(await complete_all(ledger, numbered(3))) == 1


async def test_reply_that_is_known_is_given_at_a_cap_too() -> None:
    ledger = await ledger_of(Script(counting), max_calls=1)
    await ledger.complete(CALL)
    assert (await ledger.complete(CALL)).text == "r"


@pytest.mark.parametrize(
    ("cap", "made", "said"),
    [
        ({"max_tokens_total": 31}, 3, "The cap of 31 tokens is reached; go on with a larger --max-tokens-total."),
        ({"max_tokens_total": 30}, 2, "The cap of 30 tokens is reached"),
        ({"max_seconds": 1e-9}, 0, "The cap of 1e-09 seconds is reached; go on with a larger --max-seconds."),
    ],
)
async def test_caps_on_tokens_and_time_stop_the_next_call(cap: dict[str, Any], made: int, said: str) -> None:
    script = Script(counting)
    ledger = await ledger_of(script, **cap)
    for call in numbered(made):
        await ledger.complete(call)
    with pytest.raises(BudgetReachedError, match=said):
        await ledger.complete(replace(CALL, sample=99))
    assert len(script.asked) == made


def priced(script: Script, model: str) -> Models:
    models = script.models()
    return Models(chat=models.chat, names=dict.fromkeys(models.names, model))


async def test_cap_on_money_adds_up_known_prices() -> None:
    script = Script(counting)
    given = await opened(script)
    context = given.context.model_copy(update={"max_usd": 1e-6})
    context = context.given(task=given.task, models=priced(script, "openai:gpt-4o"))
    ledger = (await open_resources(context, InMemoryStore(), "money")).ledger
    await ledger.complete(CALL)
    assert ledger.meter.total.usd == price("openai:gpt-4o", 10, 5) != 0
    with pytest.raises(BudgetReachedError, match=r"US dollars is reached; go on with a larger --max-usd\."):
        await ledger.complete(replace(CALL, sample=1))


async def test_price_that_is_not_known_is_counted_as_unknown_and_not_as_zero() -> None:
    script = Script(counting)
    given = await opened(script)
    context = given.context.given(task=given.task, models=priced(script, "nobody:in-no-table"))
    ledger = (await open_resources(context, InMemoryStore(), "unknown")).ledger
    await ledger.complete(CALL)
    assert ledger.meter.total == Usage(calls=1, input_tokens=10, output_tokens=5, usd=0.0, unpriced=1)


async def test_failed_call_reaches_everyone_who_waits_and_is_made_again_next_time() -> None:
    failures = [ConnectionError("gone")]

    def reply(messages: Any, level: Any) -> str:
        if failures:
            raise failures.pop()
        return "r"

    script = Script(reply, delay=lambda *_: 0.002)
    ledger = await ledger_of(script)
    assert [type(error) for error in await complete_all(ledger, [CALL] * 3)] == [ProviderError] * 3
    assert ledger.meter.total.calls == 0
    assert (await ledger.complete(CALL)).text == "r"
    assert len(script.asked) == 2


async def test_caller_that_goes_away_does_not_take_the_call_with_it() -> None:
    script = Script(counting, delay=lambda *_: 0.01)
    ledger = await ledger_of(script)
    waiting = asyncio.ensure_future(ledger.complete(CALL))
    await asyncio.sleep(0.005)
    waiting.cancel()
    await ledger.drain()
    assert waiting.cancelled()
    assert ledger.meter.total.calls == 1
    await ledger.complete(CALL)
    assert len(script.asked) == 1


async def test_stopped_ledger_makes_no_further_call_and_keeps_what_is_in_flight() -> None:
    script = Script(counting, delay=lambda *_: 0.01)
    ledger = await ledger_of(script, concurrency=2)
    waiting = [asyncio.ensure_future(ledger.complete(call)) for call in numbered(5)]
    await asyncio.sleep(0.005)
    ledger.stopped = InterruptError("The run was interrupted.")
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(item).__name__ for item in ended] == ["Reply"] * 2 + ["InterruptError"] * 3
    assert (len(script.asked), ledger.meter.total.calls) == (2, 2)


async def test_calls_in_flight_are_bounded() -> None:
    script = Script(counting, delay=lambda *_: 0.001)
    ledger = await ledger_of(script, concurrency=7)
    await complete_all(ledger, numbered(50))
    assert script.peak == 7


async def test_messages_are_kept_for_every_level_but_the_program() -> None:
    """Those of a program can be rendered again from the program and the example."""
    ledger = await ledger_of(Script(in_turn("a", "b")))
    for level in ("program", "meta"):
        await ledger.complete(replace(CALL, level=level))
    records = [
        await ledger.store.aget(namespace("call"), ledger.key(replace(CALL, level=level)))
        for level in ("program", "meta")
    ]
    assert [record.value.get("messages") for record in records if record] == [None, [["system", "s"], ["human", "h"]]]
