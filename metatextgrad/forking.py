"""Fork a run from any step of any of its loops: another run, with other settings from there on.

A fork is the run as a kill right before the update of the step would have left it: every checkpoint up to there, in all
loops, under another name. To go on from it is to resume, so nothing that was paid for before is paid for again, and the
original is only read. LangGraph's own time travel cannot do this for a step inside a subgraph: it would run it anew
(https://github.com/langchain-ai/langgraph/issues/8458).

Loops that ran side by side stand in the fork where they stood at that moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.store.base import BaseStore
from pydantic import ValidationError

from metatextgrad.core.errors import InputError
from metatextgrad.core.trial import Trial
from metatextgrad.given import Prepared, now
from metatextgrad.runtime.artifacts import get
from metatextgrad.runtime.context import FORKABLE, Context
from metatextgrad.runtime.record import Record
from metatextgrad.runtime.structured import first_problem


@dataclass(frozen=True)
class Point:
    """Where a fork leaves its origin."""

    run: str
    checkpoints: tuple[CheckpointTuple, ...]
    """All that there was, oldest first."""

    async def copy_to(self, saver: BaseCheckpointSaver[Any], thread: str) -> None:
        """Write it all down under another name; what a copying that was killed has left there goes first."""
        await saver.adelete_thread(thread)
        newest = {_place(one): _id(one) for one in self.checkpoints}
        for one in self.checkpoints:
            place = {"thread_id": thread, "checkpoint_ns": _place(one)}
            before = one.parent_config["configurable"]["checkpoint_id"] if one.parent_config else None
            versions = one.checkpoint["channel_versions"]
            metadata = one.metadata
            await saver.aput({"configurable": {**place, "checkpoint_id": before}}, one.checkpoint, metadata, versions)
            # What tasks left at the newest checkpoint of a loop may be younger than the fork; they run again, for free.
            if _id(one) != newest[_place(one)]:
                await _copy_writes(saver, {**place, "checkpoint_id": _id(one)}, one)


async def _copy_writes(saver: BaseCheckpointSaver[Any], place: dict[str, Any], one: CheckpointTuple) -> None:
    by_task: dict[str, list[tuple[str, Any]]] = {}
    for task, channel, value in one.pending_writes or ():
        by_task.setdefault(task, []).append((channel, value))
    for task, writes in by_task.items():
        await saver.aput_writes({"configurable": place}, writes, task)


async def point(saver: BaseCheckpointSaver[Any], store: BaseStore, run: str, at: str) -> Point:
    """Find a step, named as progress and `show` name it: LOOP:STEP, such as tgd:1 or, of an inner loop, tgd/0:3.

    Raises:
        InputError: the run has no such step; names those that it has.
    """
    kept = [one async for one in saver.alist({"configurable": {"thread_id": run}})]
    kept.sort(key=_id)  # ids grow with time, across all loops
    steps: dict[str, str] = {}
    for one in kept:
        trial = one.checkpoint["channel_values"].get("last_trial")
        if trial and trial not in steps:
            steps[trial] = name = _step(await get(store, Trial, trial))
            if name == at:
                return Point(run, tuple(earlier for earlier in kept if _id(earlier) < _id(one)))
    known = ", ".join(dict.fromkeys(steps.values())) or "none yet"
    raise InputError(f"Run {run!r} has no step {at!r}. Its steps, as LOOP:STEP: {known}.")


def forked_settings(origin: Record, changes: Mapping[str, Any]) -> Context:
    """Return the settings of a fork.

    Raises:
        InputError: a change would make what comes later incomparable with what there is, or is wrong.
    """
    wrong = sorted(set(changes) - FORKABLE)
    if wrong:
        msg = f"Setting {wrong[0]!r} cannot change in a fork; changeable: {', '.join(sorted(FORKABLE))}."
        raise InputError(msg)
    before = Context.model_validate(origin.settings)
    # The judge falls back to the optimizer's model, and must not change with it.
    judge = before.judge_model or before.optimizer_model or before.program_model
    try:
        return Context.model_validate({**origin.settings, "judge_model": judge, **changes})
    except ValidationError as error:
        raise InputError(f"A setting of the fork is wrong: {first_problem(error)}.") from None


def forked(origin: Record, run: str, at: str, ready: Prepared) -> Record:
    """Return the record of a fork; the plan of its origin was for the whole of that."""
    return origin.model_copy(
        update={
            "run": run,
            "settings": ready.context.model_dump(mode="json"),
            "plan": {},
            "simulated": ready.models.simulated,
            "created": now(),
            "status": "running",
            "message": "",
            "findings": "",
            "origin": f"{origin.run} at {at}",
        }
    )


def _step(trial: Trial) -> str:
    loop = trial.path.partition("/")[0] if trial.level == "optimizer" else trial.path
    return f"{loop}:{trial.step}"


def _id(one: CheckpointTuple) -> str:
    return str(one.config["configurable"]["checkpoint_id"])


def _place(one: CheckpointTuple) -> str:
    return str(one.config["configurable"].get("checkpoint_ns", ""))
