"""A workspace in a folder: two SQLite databases, and a file to lock for each run.

LangGraph's saver writes all that a task leaves with one `executemany` and takes a task with any such row for finished;
its store commits also after an error. So transactions here are whole: they begin with the lock on writing, and an error
rolls them back.
"""

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import aiosqlite
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.store.sqlite import SqliteStore

from metatextgrad.core.errors import InputError, StorageError
from metatextgrad.runtime.sqlite_saver import SmallSaver
from metatextgrad.runtime.sqlite_store import FolderStore
from metatextgrad.runtime.workspace import Workspace, busy, serializer

_WAIT_FOR_LOCK_SECONDS = 30.0
_SETTINGS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL")
_AT_ONCE = ("PRAGMA wal_autocheckpoint=0", "PRAGMA busy_timeout=0")
"""For the connection that the loop's own thread uses: it neither waits nor writes the log back."""


@asynccontextmanager
async def open_folder(folder: Path) -> AsyncIterator[Workspace]:
    """Open the workspace in a folder; made on first use.

    Raises:
        InputError: it cannot be made or opened.
    """
    async with AsyncExitStack() as stack:
        try:
            with await asyncio.to_thread(_alone, folder):
                saver = await stack.enter_async_context(_saver(folder / "checkpoints.sqlite"))
                store = await stack.enter_async_context(_store(folder / "store.sqlite"))
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"Workspace {str(folder)!r} cannot be used: {reason}. Name another folder.") from error
        yield Workspace(saver=saver, store=store, folder=folder, hold=partial(_hold, folder / "locks"))


def _alone(folder: Path) -> IO[str]:
    """Make the folder, and let one process at a time make the tables in it: that is not safe for two."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".gitignore").exists():
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    file = (folder / "opening.lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


@asynccontextmanager
async def _saver(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    async with _connect(path) as connection:
        saver = SmallSaver(connection, serde=serializer())
        await saver.setup()
        try:
            yield saver
        finally:
            await saver.finish()


@asynccontextmanager
async def _store(path: Path) -> AsyncIterator[FolderStore]:
    await asyncio.to_thread(_make, path)
    with (
        closing(await asyncio.to_thread(_connected, path, *_AT_ONCE)) as quick,
        closing(await asyncio.to_thread(_connected, path)) as patient,
        ThreadPoolExecutor(1, "store") as thread,
    ):
        store = FolderStore(SqliteStore(quick), SqliteStore(patient), thread)
        try:
            yield store
        finally:
            await store.aclose()


def _make(path: Path) -> None:
    """Make the tables, or what a newer LangGraph adds to them."""
    new = _unmade(path)
    with closing(_connected(new or path)) as connection:
        SqliteStore(connection).setup()
    if new:
        new.rename(path)


def _unmade(path: Path) -> Path | None:
    """Return where to make the tables, if they are not made: a process that dies at it may leave half of them there."""
    if path.exists():
        return None
    new = path.with_suffix(".new")
    for left in path.parent.glob(f"{new.name}*"):
        left.unlink()
    return new


def _connected(path: Path, *settings: str) -> sqlite3.Connection:
    # LangGraph's store says BEGIN and COMMIT itself.
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=_WAIT_FOR_LOCK_SECONDS, factory=_Connection
    )
    for setting in (*_SETTINGS, *settings):
        connection.execute(setting)
    return connection


@asynccontextmanager
async def _connect(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    # LangGraph's saver commits, and leaves the begin to Python's module.
    opening = aiosqlite.connect(path, isolation_level="IMMEDIATE", timeout=_WAIT_FOR_LOCK_SECONDS, factory=_Connection)
    async with opening as connection:
        for setting in _SETTINGS:
            await connection.execute(setting)
        yield connection


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, parameters: Any = (), /) -> "_Cursor":
        if sql == "COMMIT" and not self.connection.in_transaction:
            return self  # an error has ended the transaction and is on its way to the caller
        with _whole(self.connection):
            # A transaction that reads first could not write once another process has written.
            return super().execute("BEGIN IMMEDIATE" if sql == "BEGIN" else sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Any], /) -> "_Cursor":
        with _whole(self.connection):
            return super().executemany(sql, rows)


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self.cursor().execute(sql, parameters)
        return cursor

    def commit(self) -> None:
        with _whole(self):
            super().commit()

    def close(self) -> None:
        # What a cancelled task had begun would keep its lock past the close, for as long as its cursor lives.
        with suppress(sqlite3.Error):
            self.rollback()
        super().close()


@contextmanager
def _whole(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            connection.rollback()
        raise


@asynccontextmanager
async def _hold(folder: Path, run: str, *, wait: bool = True) -> AsyncIterator[None]:
    """Hold a lock on a file; the operating system lets go when the process ends, however it ends, and at once."""
    del wait
    try:
        file = await asyncio.to_thread(_lock_file, folder, run)
    except OSError as error:
        raise StorageError(f"Run {run!r} cannot be locked: {error.strerror}. Mend it, then resume.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy(run) from None
        yield


def _lock_file(folder: Path, run: str) -> IO[str]:
    folder.mkdir(exist_ok=True)
    return (folder / f"{run}.lock").open("w")
