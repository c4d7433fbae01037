"""Apply a learned optimizer to other tasks and models, beside untrained ones: one inner loop each (paper 4.4)."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from metatextgrad.api import aoptimize, aresume
from metatextgrad.core.comparison import Comparison, compare
from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import content_id
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.report import Row
from metatextgrad.core.trial import Evaluation
from metatextgrad.execution import Stop
from metatextgrad.runtime.artifacts import get
from metatextgrad.runtime.context import CHANGEABLE, Context
from metatextgrad.runtime.meter import Level, Usage
from metatextgrad.runtime.record import load
from metatextgrad.stored import existing, is_there, run_in


@dataclass(frozen=True)
class Leg:
    """One optimizer on one task with one program model."""

    optimizer: Optimizer
    learned: bool
    settings: Context

    @property
    def run(self) -> str:
        """Name the run by what decides it, so that it is found again."""
        decides = self.settings.model_dump(mode="json", exclude=set(CHANGEABLE))
        task = re.sub(r"[^a-z0-9]+", "-", self.settings.task.lower()).strip("-")[-40:]
        return f"transfer-{task}-{content_id([self.optimizer.id, decides])[:10]}"


@dataclass(frozen=True)
class Landed:
    """What a leg came to."""

    leg: Leg
    initial: Row
    found: Row
    test: Evaluation
    usage: dict[Level, Usage]
    simulated: bool

    @property
    def calls(self) -> int:
        return sum(used.calls for used in self.usage.values())


def legs(
    learned: Optimizer, untrained: Sequence[Optimizer], tasks: Sequence[str], models: Sequence[str], settings: Context
) -> list[Leg]:
    """Return every optimizer on every task with every model, the untrained ones first."""
    found = []
    for task in tasks:
        for model in models:
            here = settings.model_copy(update={"task": task, "program_model": model})
            found += [Leg(optimizer, False, here) for optimizer in untrained] + [Leg(learned, True, here)]
    return found


async def land(every: Iterable[Leg], workspace: str, stop: Stop, told: Callable[[Landed], None]) -> list[Landed]:
    """Carry out the legs, one after the other; those that are done are read.

    Raises:
        MetaTextGradError: one stopped before its end; called again they go on.
    """
    found = []
    for leg in every:
        if not await _is_done(leg, workspace):
            await _carried_out(leg, workspace, stop)
        found.append(await _read(leg, workspace))
        told(found[-1])
    return found


def verdict(landed: Sequence[Landed]) -> tuple[Landed, Comparison] | None:
    """Compare the learned optimizer with the best untrained one, by validation, on the test set of their task."""
    learned = next(one for one in landed if one.leg.learned)
    others = [one for one in landed if not one.leg.learned]
    if not others:
        return None
    best = max(others, key=lambda one: one.found.val.score)
    return best, compare(best.test, learned.test, seed=learned.leg.settings.seed)


async def _is_done(leg: Leg, workspace: str) -> bool:
    return await _standing(leg, workspace) == "done"


async def _standing(leg: Leg, workspace: str) -> str:
    """Return the status of a leg's run; empty where there is none."""
    if not is_there(workspace):
        return ""
    async with existing(workspace) as opened:
        try:
            return (await load(opened.store, leg.run)).status
        except InputError:
            return ""


async def _carried_out(leg: Leg, workspace: str, stop: Stop) -> None:
    if await _standing(leg, workspace):
        caps = {name: getattr(leg.settings, name) for name in CHANGEABLE}
        await aresume(leg.run, workspace=workspace, caps=caps, stop=stop)
        return
    settings = leg.settings
    await aoptimize(
        settings.task, optimizer=leg.optimizer, settings=settings, workspace=workspace, run=leg.run, stop=stop
    )


async def _read(leg: Leg, workspace: str) -> Landed:
    async with existing(workspace) as opened:
        stored = await run_in(opened, leg.run)
        assert stored.found is not None, "a run that is done has findings"
        initial, found = stored.found.findings.rows
        test = await get(opened.store, Evaluation, found.test_evaluation)
    return Landed(leg, initial, found, test, stored.usage, stored.found.findings.simulated)
