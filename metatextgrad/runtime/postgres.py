"""A workspace in PostgreSQL: a run started on one machine resumes on another."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metatextgrad.core.errors import InputError
from metatextgrad.runtime.failing import KeepsErrorsAlone
from metatextgrad.runtime.workspace import Lost, Workspace, busy, serializer

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

_CONNECT_SECONDS = 10
"""Also how long the pool tries for, which is longer than a database takes to start again."""
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""A machine that is gone is noticed within half a minute, at both ends."""
_LOCK_PAUSE_SECONDS = 0.1
_HOLD_TRIES = 20
"""The server needs a moment to see that a killed process is gone."""
_OPENING_TRIES = 600


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

    class Saver(KeepsErrorsAlone, AsyncPostgresSaver):
        """LangGraph's, but for tasks that failed."""

    async with AsyncExitStack() as stack:
        async with await _reached(uri) as first:
            # One process at a time: making the tables is not safe for two.
            await _locked(first, "opening", _OPENING_TRIES)
            pool = await stack.enter_async_context(_pool(uri))
            saver, store = Saver(pool, serde=serializer()), AsyncPostgresStore(pool)
            await saver.setup()
            await store.setup()
        yield Workspace(saver=saver, store=store, folder=folder, hold=partial(_hold, uri))


async def _reached(uri: str) -> "AsyncConnection[Any]":
    """Connect once by hand: the pool would try for long and log each failure."""
    from psycopg import Error

    try:
        return await _connected(uri)
    except Error as error:
        # Not the whole URI: it can hold a password.
        place = uri.rpartition("@")[2].removeprefix("postgresql://")
        raise InputError(f"The database at {place!r} does not answer: {str(error).splitlines()[0]}") from error


async def _connected(uri: str) -> "AsyncConnection[Any]":
    from psycopg import AsyncConnection
    from psycopg.conninfo import make_conninfo

    where = make_conninfo(uri, connect_timeout=_CONNECT_SECONDS, **_KEEPALIVE)
    return await AsyncConnection.connect(where, autocommit=True)


@asynccontextmanager
async def _pool(uri: str) -> AsyncIterator["AsyncConnectionPool[Any]"]:
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool

    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    # What matters of its warnings becomes an error of ours; whoever sets up logging gets them all.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    async with AsyncConnectionPool(
        uri,
        min_size=1,
        max_size=4,
        open=False,
        kwargs=options,
        check=AsyncConnectionPool.check_connection,  # so that a database that was started again serves at once
        timeout=_CONNECT_SECONDS,
    ) as pool:
        yield pool


async def _locked(connection: "AsyncConnection[Any]", name: str, tries: int) -> bool:
    """Take an advisory lock, which the server gives back when the connection ends, and say whether that went well."""
    for _ in range(tries):
        asked = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
        row = await (await connection.execute(asked, (f"metatextgrad {name}",))).fetchone()
        if row and row[0]:
            return True
        await asyncio.sleep(_LOCK_PAUSE_SECONDS)
    return False


@asynccontextmanager
async def _hold(uri: str, run: str, *, wait: bool = True) -> AsyncIterator[Lost]:
    """Hold a run on a connection of its own."""
    async with await _connected(uri) as connection:
        if not await _locked(connection, f"run {run}", _HOLD_TRIES if wait else 1):
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
