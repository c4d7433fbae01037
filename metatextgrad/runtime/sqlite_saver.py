"""LangGraph's SQLite saver with small checkpoints, of which it keeps what a run needs."""

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from metatextgrad.runtime.compact import next_version, untraced
from metatextgrad.runtime.failing import KeepsErrorsAlone

_SPENT = """
CREATE TRIGGER IF NOT EXISTS spent AFTER INSERT ON checkpoints BEGIN
    DELETE FROM writes WHERE thread_id = NEW.thread_id
        AND checkpoint_ns = NEW.checkpoint_ns AND checkpoint_id = NEW.parent_checkpoint_id;
END
"""
"""What tasks wrote is in the next checkpoint; until that is there a run that was killed needs it, and not after."""


class SmallSaver(KeepsErrorsAlone, AsyncSqliteSaver):
    """The values of all channels are in each checkpoint, so a version only has to be newer than the one before."""

    finished = False

    async def finish(self) -> None:
        """Wait for what is being written, and take nothing any more.

        LangGraph writes the error of a cancelled task when nobody waits for it. What such a task has begun is undone
        when the connection closes.
        """
        self.finished = True
        async with self.lock:
            pass

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task wrote."""
        if not self.finished:
            await super().aput_writes(config, writes, task_id, task_path)

    async def setup(self) -> None:
        """Make the tables, and let them drop what is spent."""
        if not self.is_setup:
            await super().setup()
            await self.conn.execute(_SPENT)

    def get_next_version(self, current: str | None, channel: None) -> str:
        """Return the version after this one."""
        return next_version(current)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint."""
        return await super().aput(untraced(config), checkpoint, metadata, new_versions)
