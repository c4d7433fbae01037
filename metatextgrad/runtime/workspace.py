"""Where runs live: LangGraph's saver and store, and a lock for each run. Nothing else persists anything."""

import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.store.base import BaseStore
from langgraph.store.sqlite.aio import AsyncSqliteStore

from metatextgrad.core.errors import InputError, RunBusyError

DEFAULT = ".metatextgrad"
POSTGRES = ("postgresql://", "postgres://")
_WAIT_FOR_LOCK_SECONDS = 30.0


@dataclass(frozen=True)
class Workspace:
    """An open workspace."""

    saver: BaseCheckpointSaver[str]
    store: BaseStore
    folder: Path
    """Where exported files and reports go."""
    hold: Callable[[str], AbstractAsyncContextManager[None]]
    """Holds a run by name, so that no second process writes to it; raises RunBusyError when another one does."""


@asynccontextmanager
async def open_workspace(place: str | Path = DEFAULT) -> AsyncIterator[Workspace]:
    """Open the workspace in a folder or a PostgreSQL database; made on first use.

    Raises:
        InputError: it cannot be made or reached.
    """
    if str(place).startswith(POSTGRES):
        from metatextgrad.runtime.postgres import open_postgres

        async with open_postgres(str(place), Path(DEFAULT)) as opened:
            yield opened
    else:
        async with _open_folder(_made(Path(place))) as opened:
            yield opened


@asynccontextmanager
async def _open_folder(folder: Path) -> AsyncIterator[Workspace]:
    async with _connect(folder / "checkpoints.sqlite") as first, _connect(folder / "store.sqlite") as second:
        saver = AsyncSqliteSaver(first, serde=serializer())
        store = AsyncSqliteStore(second)
        await saver.setup()
        await store.setup()
        yield Workspace(saver=saver, store=store, folder=folder, hold=lambda run: _file_lock(folder / "locks", run))


def serializer() -> JsonPlusSerializer:
    """Return the serializer of checkpoints: strict, since channels hold plain JSON and nothing else may be revived."""
    return JsonPlusSerializer(allowed_msgpack_modules=None)


def busy(run: str) -> RunBusyError:
    """Return the error of a run that another process holds."""
    return RunBusyError(f"Run {run!r} is at work in another process; wait for it, or stop it first.")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        msg = f"Workspace {str(folder)!r} cannot be used: {error.strerror}. Name another folder."
        raise InputError(msg) from error
    return folder


@asynccontextmanager
async def _connect(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(path, isolation_level=None, timeout=_WAIT_FOR_LOCK_SECONDS) as connection:
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=NORMAL")
        yield connection


@asynccontextmanager
async def _file_lock(folder: Path, run: str) -> AsyncIterator[None]:
    """Hold a lock on a file; the operating system lets go when the process ends, however it ends."""
    folder.mkdir(exist_ok=True)
    with (folder / f"{run}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy(run) from None
        yield
