"""Find the loops of a run in its checkpoints, those at work included.

LangGraph's graphs can tell this too, but to build them takes longer than all else that shows a run.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, cast

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple


async def heads(saver: BaseCheckpointSaver[str], run: str) -> list[str]:
    """Return the newest trial of each loop, the outermost first and the lineages in their order."""
    at_work = {space: _values(one) for space, one in (await _at_work(saver, run)).items()}

    def place(space: str) -> tuple[int, ...]:
        parts = space.split("|") if space else []
        around = ["|".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        return tuple(at_work[loop].get("order", 0) for loop in around)

    return list(dict.fromkeys(trial for space in sorted(at_work, key=place) for trial in _trials(at_work[space])))


async def _at_work(saver: BaseCheckpointSaver[str], run: str) -> dict[str, CheckpointTuple]:
    """Return the newest checkpoints of the run and of the loops inside it that it waits for, by their namespace.

    A checkpoint of a loop inside another names those of the loops around it; they are the newest while these wait.
    """
    whole = await saver.aget_tuple({"configurable": {"thread_id": run, "checkpoint_ns": ""}})
    if whole is None:
        return {}
    newest = {"": whole}
    newest_first = cast("AsyncGenerator[CheckpointTuple]", saver.alist({"configurable": {"thread_id": run}}))
    async with aclosing(newest_first) as kept:
        async for one in kept:
            if _id(one) <= _id(whole):
                break
            newest.setdefault(one.config["configurable"]["checkpoint_ns"], one)
    waiting = {space: _id(one) for space, one in newest.items()}
    return {space: one for space, one in newest.items() if one.metadata.get("parents", {}).items() <= waiting.items()}


def _id(one: CheckpointTuple) -> str:
    return str(one.config["configurable"]["checkpoint_id"])


def _values(one: CheckpointTuple) -> dict[str, Any]:
    """Return what the channels hold, and the trial of an update whose own checkpoint is not written yet."""
    since = {channel: value for _, channel, value in one.pending_writes or () if channel == "last_trial"}
    return {**one.checkpoint["channel_values"], **since}


def _trials(values: Mapping[str, Any]) -> list[str]:
    found = [lineage["trial"] for lineage in sorted(values.get("lineages", []), key=lambda item: item["order"])]
    return [*found, values["last_trial"]] if values.get("last_trial") else found
