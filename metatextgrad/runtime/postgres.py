"""A workspace in PostgreSQL: a run started on one machine resumes on another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metatextgrad.core.errors import InputError
from metatextgrad.runtime.workspace import Lost, Workspace, busy, serializer

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

_CONNECT_SECONDS = 10
_LOCK_TRIES = 20
_LOCK_PAUSE_SECONDS = 0.1
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""A machine that is gone is noticed within half a minute, at both ends."""


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
    # Checked before each use, so that a database that was started again serves at once.
    check = AsyncConnectionPool.check_connection
    async with AsyncConnectionPool(uri, min_size=1, max_size=4, open=False, kwargs=options, check=check) as pool:
        yield pool


@asynccontextmanager
async def _advisory_lock(uri: str, run: str) -> AsyncIterator[Lost]:
    """Hold an advisory lock on a connection of its own; the server lets go when the connection ends."""
    from psycopg import AsyncConnection, conninfo

    asked, key = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"metatextgrad {run}",)
    connecting = AsyncConnection.connect(conninfo.make_conninfo(uri, **_KEEPALIVE), autocommit=True)
    async with await connecting as connection:
        for _ in range(_LOCK_TRIES):  # the server needs a moment to see that a killed process is gone
            row = await (await connection.execute(asked, key)).fetchone()
            if row and row[0]:
                break
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        else:
            raise busy(run)
        lost = asyncio.create_task(_end_of(connection))
        try:
            yield lost
        finally:
            lost.cancel()
            await asyncio.wait([lost])


async def _end_of(connection: "AsyncConnection[Any]") -> None:
    """Wait until the connection ends: for notes that never come, which tells of its end at once."""
    from psycopg import Error

    with suppress(Error):
        async for _ in connection.notifies():
            pass
