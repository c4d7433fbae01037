"""A saver that keeps of a task that failed, or was cancelled, the error alone.

LangGraph gives it what the task had written before, too, and takes such a task for done when the run goes on: the edge
in which it failed is not asked again, and the run ends there (https://github.com/langchain-ai/langgraph/issues/8834).
"""

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import WRITES_IDX_MAP, BaseCheckpointSaver
from langgraph.checkpoint.serde.types import ERROR


class KeepsErrorsAlone(BaseCheckpointSaver[str]):
    """Stands before a saver of LangGraph's."""

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task wrote."""
        if any(channel == ERROR for channel, _ in writes):
            writes = [write for write in writes if write[0] in WRITES_IDX_MAP]
        await super().aput_writes(config, writes, task_id, task_path)
