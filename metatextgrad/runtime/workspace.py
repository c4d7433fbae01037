"""Where runs live: LangGraph's saver and store, and a lock for each run. Nothing else persists anything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.store.base import BaseStore

from metatextgrad.core.errors import RunBusyError
from metatextgrad.runtime.compact import Compact
from metatextgrad.runtime.context import DEFAULT_WORKSPACE
from metatextgrad.runtime.storage import is_of_a_database, storage_error

DEFAULT = DEFAULT_WORKSPACE
POSTGRES = ("postgresql://", "postgres://")
Lost = asyncio.Task[None]
"""Ends when a hold is lost, as with the connection that has it."""


class Hold(Protocol):
    """Holds a run by name, so that no second process writes to it; raises RunBusyError when another one does."""

    def __call__(self, run: str, *, wait: bool = True) -> AbstractAsyncContextManager[Lost | None]:
        """Wait a moment for a process that was killed just now, which a server need not have noticed."""
        ...


@dataclass(frozen=True)
class Workspace:
    """An open workspace."""

    saver: BaseCheckpointSaver[str]
    store: BaseStore
    folder: Path
    """Where exported files and reports go."""
    hold: Hold


@asynccontextmanager
async def open_workspace(place: str | Path = DEFAULT) -> AsyncIterator[Workspace]:
    """Open the workspace in a folder or a PostgreSQL database; made on first use.

    Raises:
        InputError: it cannot be made or reached.
        StorageError: it failed later, while it was in use.
    """
    try:
        async with _opening(place) as opened:
            yield opened
    except Exception as error:
        if is_of_a_database(error):
            raise storage_error(error) from error
        raise


def _opening(place: str | Path) -> AbstractAsyncContextManager[Workspace]:
    if str(place).startswith(POSTGRES):
        from metatextgrad.runtime.postgres import open_postgres

        return open_postgres(str(place), Path(DEFAULT))
    from metatextgrad.runtime.sqlite import open_folder

    return open_folder(Path(place))


def serializer() -> Compact:
    """Return the serializer of checkpoints: strict, since channels hold plain JSON and nothing else may be revived."""
    return Compact(allowed_msgpack_modules=None)


def busy(run: str) -> RunBusyError:
    """Return the error of a run that another process holds."""
    return RunBusyError(f"Run {run!r} is at work in another process; wait for it, or stop it first.")
