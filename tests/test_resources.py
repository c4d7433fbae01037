"""One set of resources a run, whoever asks first, with settings or without."""

import asyncio
from typing import Any

import pytest
from langgraph.runtime import ExecutionInfo, Runtime
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.errors import InputError
from metatextgrad.runtime import resources as module
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.resources import resources
from tests.scripted import Script, in_turn, tiny_task


def running(store: InMemoryStore | None, context: Context | None = None, thread: str | None = None) -> Runtime[Context]:
    info = ExecutionInfo(checkpoint_id="c", checkpoint_ns="", task_id="t", thread_id=thread) if thread else None
    return Runtime(context=context, store=store, execution_info=info)  # type: ignore[arg-type]


def scripted() -> Context:
    return Context().given(task=tiny_task(), models=Script(in_turn()).models())


@pytest.mark.parametrize("context", [scripted(), None], ids=["settings", "no settings"])
async def test_nodes_of_a_run_share_one_set_also_when_they_ask_at_once(context: Context | None) -> None:
    store = InMemoryStore()
    asked = [resources(running(store, context)) for _ in range(5)]
    first, *others = await asyncio.gather(*asked)
    assert all(other is first for other in others)
    assert await resources(running(store, context)) is first


async def test_runs_without_settings_are_told_apart_by_store_and_thread() -> None:
    one, two = InMemoryStore(), InMemoryStore()
    found = [await resources(running(store, thread=thread)) for store in (one, two) for thread in ("a", "b", "a")]
    assert found[0] is found[2]
    assert found[3] is found[5]
    assert len({id(item) for item in found}) == 4
    assert [item.ledger.run for item in found] == ["a", "b", "a"] * 2


async def test_runs_with_the_same_settings_count_and_cap_for_themselves() -> None:
    store, context = InMemoryStore(), scripted()
    one, two = [await resources(running(store, context, thread)) for thread in ("one", "two")]
    assert one.ledger is not two.ledger
    assert (one.ledger.run, two.ledger.run) == ("one", "two")
    assert await resources(running(store, context, "one")) is one


def test_settings_that_were_used_in_a_loop_that_is_over_are_used_in_another() -> None:
    store, context = InMemoryStore(), scripted()

    async def opened() -> Any:
        return await resources(running(store, context, "same"))

    assert asyncio.run(opened()) is not asyncio.run(opened())


async def test_as_many_runs_without_settings_are_remembered_as_go_on_at_once() -> None:
    store = InMemoryStore()
    first = await resources(running(store, thread="first"))
    for number in range(module._MOST - 1):
        await resources(running(store, thread=str(number)))
    assert await resources(running(store, thread="first")) is first
    await asyncio.gather(*(resources(running(store, thread=f"more {n}")) for n in range(module._MOST)))
    assert await resources(running(store, thread="first")) is not first


async def test_opening_that_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, failures = module.open_resources, [OSError("the disk is full")]

    async def opens(*given: Any) -> Any:
        if failures:
            raise failures.pop()
        return await opened(*given)

    monkeypatch.setattr(module, "open_resources", opens)
    context, store = scripted(), InMemoryStore()
    with pytest.raises(OSError, match="the disk is full"):
        await resources(running(store, context))
    assert (await resources(running(store, context))).task == tiny_task()


async def test_graph_without_a_store_says_what_to_do() -> None:
    with pytest.raises(InputError, match="The graph has no store; compile it with store="):
        await resources(running(None, scripted()))
