"""Where runs live: LangGraph's saver and store, and a lock a run. Nothing else persists anything."""

import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
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
_WAIT_FOR_LOCK_SECONDS = 30.0


@dataclass(frozen=True)
class Workspace:
    """An open workspace."""

    saver: BaseCheckpointSaver[str]
    store: BaseStore
    folder: Path
    """Where locks, exported files and reports go."""

    @contextmanager
    def hold(self, run: str) -> Iterator[None]:
        """Hold a run, so that no second process writes to it; a killed process lets go by itself.

        Raises:
            RunBusyError: another process holds it.
        """
        folder = self.folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{run}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                msg = f"Run {run!r} is at work in another process; wait for it, or stop it first."
                raise RunBusyError(msg) from None
            yield


@asynccontextmanager
async def open_workspace(place: str | Path = DEFAULT) -> AsyncIterator[Workspace]:
    """Open the workspace in a folder, made on first use.

    Raises:
        InputError: the folder cannot be made or written.
    """
    folder = Path(place)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"Workspace {str(place)!r} cannot be used: {error.strerror}. Name another with --workspace.") from error
    async with _connect(folder / "checkpoints.sqlite") as first, _connect(folder / "store.sqlite") as second:
        saver = AsyncSqliteSaver(first, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        store = AsyncSqliteStore(second)
        await saver.setup()
        await store.setup()
        yield Workspace(saver=saver, store=store, folder=folder)


@asynccontextmanager
async def _connect(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(path, isolation_level=None, timeout=_WAIT_FOR_LOCK_SECONDS) as connection:
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=NORMAL")
        yield connection
