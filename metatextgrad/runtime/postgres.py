"""A workspace in PostgreSQL: a run started on one machine resumes on another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metatextgrad.core.errors import InputError
from metatextgrad.runtime.workspace import Workspace, busy, serializer

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

_CONNECT_SECONDS = 10
_LOCK_TRIES = 20
_LOCK_PAUSE_SECONDS = 0.1


@asynccontextmanager
async def open_postgres(uri: str, folder: Path) -> AsyncIterator[Workspace]:
    """Open the workspace in a database; its tables are made on first use. `folder` takes exported files.

    Raises:
        InputError: the extra is not installed, or the database does not answer.
    """
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        from langgraph.store.postgres.aio import AsyncPostgresStore
    except ImportError as error:
        raise InputError("A PostgreSQL workspace needs the extra: pip install 'metatextgrad[postgres]'.") from error
    async with _pool(uri) as pool:
        saver = AsyncPostgresSaver(pool, serde=serializer())
        store = AsyncPostgresStore(pool)
        await saver.setup()
        await store.setup()
        yield Workspace(saver=saver, store=store, folder=folder, hold=lambda run: _advisory_lock(uri, run))


@asynccontextmanager
async def _pool(uri: str) -> AsyncIterator["AsyncConnectionPool[Any]"]:
    from psycopg import AsyncConnection, Error
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool

    try:  # once by hand: the pool would try for long and log each failure
        await (await AsyncConnection.connect(uri, connect_timeout=_CONNECT_SECONDS)).close()
    except Error as error:
        # Not the whole URI: it can hold a password.
        place = uri.rpartition("@")[2].removeprefix("postgresql://")
        raise InputError(f"The database at {place!r} does not answer: {str(error).splitlines()[0]}") from error
    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(uri, min_size=1, max_size=4, open=False, kwargs=options) as pool:
        yield pool


@asynccontextmanager
async def _advisory_lock(uri: str, run: str) -> AsyncIterator[None]:
    """Hold an advisory lock on a connection of its own; the server lets go when the connection ends."""
    import psycopg

    key = (f"metatextgrad {run}",)
    async with await psycopg.AsyncConnection.connect(uri, autocommit=True) as connection:
        for _ in range(_LOCK_TRIES):  # the server needs a moment to see that a killed process is gone
            row = await (await connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", key)).fetchone()
            if row and row[0]:
                break
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        else:
            raise busy(run)
        yield
