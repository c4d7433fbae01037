"""A run that is cancelled, as by Ctrl-C in a script or a notebook, goes on to the result of one that was not."""

import asyncio
from pathlib import Path

import pytest

import metatextgrad as mtg
from metatextgrad.runtime import sqlite
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import Event
from metatextgrad.runtime.workspace import open_workspace
from tests.databases import fresh_database, missing
from tests.test_approval import BOTH, PROGRAMS, script
from tests.worlds import World

SETTINGS = Context(seed=PROGRAMS, steps=3, batch_size=2)


async def whole(workspace: str, cancelled_at: int = 0) -> mtg.Result | None:
    """Optimize; return None where an event of this number, from 1, was one too many."""
    task, heard = World(PROGRAMS).task(), list[Event]()

    def hear(event: Event) -> None:
        heard.append(event)
        if len(heard) == cancelled_at:
            running.cancel()

    models = script(PROGRAMS).models()
    work = mtg.aoptimize(
        task, optimizer=BOTH, settings=SETTINGS, models=models, workspace=workspace, run="r", on_event=hear
    )
    running = asyncio.ensure_future(work)
    try:
        return await running
    except asyncio.CancelledError:
        return None


async def same_after_each(known: mtg.Result, numbers: range, workspace: str) -> int:
    """Cancel at each of the events, resume, compare; return how often."""
    for number in numbers:
        place = workspace.format(number)
        if await whole(place, number) is not None:
            return number - numbers.start
        again = await mtg.aresume("r", task=World(PROGRAMS).task(), models=script(PROGRAMS).models(), workspace=place)
        assert (again.findings, again.usage) == (known.findings, known.usage), number
        await forgotten(place)
    return len(numbers)


async def forgotten(place: str) -> None:
    """Let the next run in a database begin anew."""
    if place.startswith("postgresql"):
        async with open_workspace(place) as opened:
            await opened.saver.adelete_thread("r")
            for namespace in await opened.store.alist_namespaces(limit=1000):
                for item in await opened.store.asearch(namespace, limit=10_000):
                    await opened.store.adelete(namespace, item.key)


async def test_run_that_is_cancelled_anywhere_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_WAIT_FOR_LOCK_SECONDS", 3.0)
    known = await whole(str(tmp_path / "whole"))
    assert known is not None
    assert await same_after_each(known, range(1, 100), f"{tmp_path}/{{}}") > 20


@pytest.mark.enable_socket
@pytest.mark.skipif(bool(missing()), reason=missing())
async def test_run_in_postgresql_that_is_cancelled_finds_the_same(tmp_path: Path) -> None:
    known = await whole(str(tmp_path / "whole"))
    assert known is not None
    with fresh_database() as uri:
        assert await same_after_each(known, range(6, 15), uri) == 9
