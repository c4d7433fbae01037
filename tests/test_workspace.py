"""A workspace writes a group of rows or none of them, and says in one sentence what it failed with."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.store.base import GetOp, PutOp
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.errors import InputError, StorageError
from metatextgrad.runtime.artifacts import items
from metatextgrad.runtime.ledger import Call
from metatextgrad.runtime.sqlite_store import FolderStore
from metatextgrad.runtime.storage import storage_error
from metatextgrad.runtime.workspace import Workspace, open_workspace
from tests.databases import fresh_database, missing
from tests.scripted import Script, opened

SPACE = ("space",)
LONG = random.Random(0).randbytes(50_000).hex()
"""What deflating does not make short."""
TASK: Any = {"configurable": {"thread_id": "thread", "checkpoint_ns": "", "checkpoint_id": "1"}}


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    async with open_workspace(tmp_path) as found:
        yield found


async def full(held: AsyncSqliteSaver | FolderStore, pages: int = 5) -> None:
    """Let a database grow by a few pages only."""
    if isinstance(held, FolderStore):
        (count,) = held.quick.conn.execute("PRAGMA page_count").fetchone()
        held.quick.conn.execute(f"PRAGMA max_page_count={count + pages}")
        return
    (count,) = (await (await held.conn.execute("PRAGMA page_count")).fetchone()) or (0,)
    await held.conn.execute(f"PRAGMA max_page_count={count + pages}")


async def test_what_a_task_leaves_is_written_whole_or_not_at_all(workspace: Workspace, tmp_path: Path) -> None:
    saver = workspace.saver
    assert isinstance(saver, AsyncSqliteSaver)
    await full(saver)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await saver.aput_writes(TASK, [("first", "short"), ("second", LONG)], "task")
    await saver.aput_writes(TASK, [("first", "short")], "other task")
    with closing(sqlite3.connect(tmp_path / "checkpoints.sqlite")) as reader:
        assert reader.execute("SELECT task_id FROM writes").fetchall() == [("other task",)]


async def test_the_store_says_what_it_failed_with_and_goes_on(workspace: Workspace) -> None:
    store = workspace.store
    assert isinstance(store, FolderStore)
    await full(store)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        await asyncio.gather(store.aput(SPACE, "small", {}), store.aput(SPACE, "large", {"text": LONG}))
    await store.aput(SPACE, "small", {"now": "here"})
    assert [item.key for item in await store.asearch(SPACE)] == ["small"]


async def test_a_batch_that_reads_and_writes_waits_for_another_writer(workspace: Workspace, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO store (prefix, key, value) VALUES ('space', 'theirs', '{}')")
        ours = asyncio.create_task(workspace.store.abatch([GetOp(SPACE, "theirs"), PutOp(SPACE, "ours", {})]))
        await asyncio.sleep(0.05)
        other.execute("COMMIT")
        found, _ = await ours
    assert found is not None, "it began before the other ended"
    assert {item.key for item in await workspace.store.asearch(SPACE)} == {"theirs", "ours"}


async def test_tables_that_a_process_left_half_made_are_made_anew(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store.new")) as half:
        half.execute("CREATE TABLE store (prefix TEXT, key TEXT, value TEXT, expires_at TIMESTAMP)")
    async with open_workspace(tmp_path) as found:
        await found.store.aput(SPACE, "key", {})
    assert not (tmp_path / "store.new").exists()


@pytest.mark.skipif(bool(missing()), reason=missing())
async def test_what_was_written_at_one_time_is_read_once_each() -> None:
    with fresh_database() as uri:
        async with open_workspace(uri) as found:
            for batch in range(3):
                await asyncio.gather(*(found.store.aput(SPACE, f"{batch}/{number}", {}) for number in range(700)))
            keys = [item.key for item in await items(found.store, SPACE)]
    assert len(keys) == len(set(keys)) == 2100


async def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"Workspace .*file/folder' cannot be used: Not a directory. Name another"):
        async with open_workspace(tmp_path / "file" / "folder"):
            pass


async def test_a_file_that_is_no_database_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_text("no database" * 100)
    with pytest.raises(InputError, match="cannot be used: file is not a database"):
        async with open_workspace(tmp_path):
            pass


async def test_a_database_that_does_not_answer_is_bad_input_and_its_password_is_not_shown() -> None:
    with pytest.raises(InputError, match=r"The database at '127\.0\.0\.1:1/runs' does not answer") as caught:
        async with open_workspace("postgresql://someone:secret@127.0.0.1:1/runs"):
            pass
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (sqlite3.OperationalError("database or disk is full"), "Free some space, then resume"),
        (sqlite3.OperationalError("database is locked"), "End the program that holds its database, then resume"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "Make it writable, then resume"),
        (sqlite3.DatabaseError("database disk image is malformed"), "Put back a sound copy, then resume"),
        (psycopg.OperationalError("the connection is lost\nand more"), "the connection is lost. See that its database"),
        (psycopg.OperationalError(), "The workspace failed: OperationalError. See that its database is there"),
    ],
)
async def test_a_failure_in_use_is_one_error_with_the_way_out(error: Exception, told: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        async with open_workspace(tmp_path):
            raise error
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_other_errors_pass_through_a_workspace(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        async with open_workspace(tmp_path):
            raise KeyError


class Refusing(InMemoryStore):
    """Refuses the first write of a reply."""

    refused = False

    async def aput(self, namespace: tuple[str, ...], key: str, *rest: Any, **options: Any) -> None:
        if namespace[1] == "call" and not self.refused:
            self.refused = True
            raise sqlite3.OperationalError("database or disk is full")
        await super().aput(namespace, key, *rest, **options)


async def test_a_reply_that_the_store_refuses_ends_the_paying_and_is_offered_again() -> None:
    script, store = Script(lambda messages, level: "Answer: 1"), Refusing()
    first, second = (Call("program", (("human", text),), 0.0) for text in ("first", "second"))
    ledger = (await opened(script, store=store)).ledger
    with pytest.raises(StorageError, match="Free some space"):
        await ledger.complete(first)
    with pytest.raises(StorageError, match="Free some space"):
        await ledger.complete(second)
    await ledger.drain()
    resumed = (await opened(script, store=store)).ledger
    assert (await resumed.complete(first)).text == "Answer: 1"
    assert script.prompts("program") == ["first"]
    assert resumed.meter.total.calls == 1


def test_the_hint_goes_with_the_reason() -> None:
    assert str(storage_error(sqlite3.OperationalError("disk I/O error."))) == (
        "The workspace failed: disk I/O error. See that its database is there and answers, then resume; "
        "what was kept is kept."
    )


async def test_what_was_begun_when_a_workspace_closes_keeps_no_lock(tmp_path: Path) -> None:
    async with open_workspace(tmp_path) as found:
        assert isinstance(found.saver, AsyncSqliteSaver)
        names = "thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel"
        rows = [("thread", "", "1", "task", 0, "first")]
        begun = await found.saver.conn.executemany(f"INSERT INTO writes ({names}) VALUES (?, ?, ?, ?, ?, ?)", rows)
    with closing(sqlite3.connect(tmp_path / "checkpoints.sqlite", timeout=0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM writes").fetchone() == (0,)
    del begun
