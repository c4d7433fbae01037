"""LangGraph's SQLite store, asked in the loop's own thread where that takes a fraction of a millisecond.

LangGraph's async store goes to a thread and back for every statement, some eight times a batch, and in the thread each
row waits for the interpreter's lock again. While a loop has many calls in flight that made every call wait longer than
some models take to answer (`docs/performance.md`). What could take long is still left to a thread: to wait for another
process, to search, and to write back what the log has gathered.
"""

import asyncio
import sqlite3
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from langgraph.store.base import GetOp, Op, PutOp, Result
from langgraph.store.base.batch import AsyncBatchedBaseStore
from langgraph.store.sqlite import SqliteStore

_PRIMARY = 0xFF
"""The part of an error code that says what is the matter; the rest says where."""
_LOGGED = 1000
"""Items that are put before the log is written back into the database."""


class FolderStore(AsyncBatchedBaseStore):
    """A store whose operations of one turn of the loop are one transaction.

    Args:
        quick: gives up at once where another process writes; its log is not written back by itself.
        patient: waits; on the same file, with a connection of its own that any thread may use.
        thread: the one thread that uses it.
    """

    def __init__(self, quick: SqliteStore, patient: SqliteStore, thread: ThreadPoolExecutor) -> None:
        super().__init__()
        self.quick = quick
        self.patient = patient
        self._thread = thread
        self._put = 0

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations in one transaction."""
        asked = list(ops)
        if all(isinstance(op, GetOp | PutOp) for op in asked):
            try:
                results = self.quick.batch(asked)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY:
                    raise
            else:
                self._logged(asked)
                return results
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.patient.batch, asked)

    async def aclose(self) -> None:
        """End the task that gathers operations; whoever opened the store calls it at the end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _logged(self, ops: list[Op]) -> None:
        self._put += sum(isinstance(op, PutOp) for op in ops)
        if self._put >= _LOGGED:
            self._put = 0
            self._thread.submit(self.patient.conn.execute, "PRAGMA wal_checkpoint(PASSIVE)")
