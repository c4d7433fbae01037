"""Carry out cells: what is done is read, what was stopped goes on, what ended at its budget counts by what it found."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile

from metatextgrad.api import aevaluate, ameta_optimize, aoptimize, aresume
from metatextgrad.api import plan as planned
from metatextgrad.bench.cells import Cell, Outcome
from metatextgrad.core.errors import BudgetReachedError, InputError
from metatextgrad.core.estimate import NOTHING, Range, exactly
from metatextgrad.core.identity import Value
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program
from metatextgrad.core.trial import Evaluation, Trial
from metatextgrad.execution import Stop
from metatextgrad.given import program_of
from metatextgrad.result import Result
from metatextgrad.runtime.artifacts import get
from metatextgrad.runtime.meter import LEVELS, Level, Usage
from metatextgrad.runtime.record import load
from metatextgrad.stored import Turn, existing, is_there, run_in
from metatextgrad.tasks import load_task

_RUN = "run"
"""What the run of a cell is called in the cell's own workspace."""


class Expected(Value):
    """What cells that are not done will use, at most what their budgets leave."""

    cells: int
    calls: Range
    usd: Range | None
    """None where a price is not known."""


def done(cell: Cell, place: Path) -> Outcome | None:
    """Return what a cell came to; None where it is not done."""
    path = _outcome_path(cell, place)
    return Outcome.model_validate_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def in_order(cells: Iterable[Cell]) -> list[Cell]:
    """Return every cell once, each after the one that it learns from."""

    def each(cell: Cell) -> Iterator[Cell]:
        if cell.learned_by:
            yield from each(cell.learned_by)
        yield cell

    return list({found.name: found for cell in cells for found in each(cell)}.values())


def expected(cells: Iterable[Cell]) -> Expected:
    """Say what cells will cost, before anything is spent."""
    calls, usd, number = NOTHING, NOTHING, 0
    known = True
    for cell in cells:
        number += 1
        asked, money = _expected(cell)
        calls = calls.plus(asked)
        known = known and money is not None
        usd = usd.plus(money or NOTHING)
    return Expected(cells=number, calls=calls, usd=usd if known else None)


async def carry_out(cell: Cell, place: Path, stop: Stop) -> Outcome:
    """Return what a cell comes to, by carrying out what is missing.

    Raises:
        MetaTextGradError: it stopped before its end; called again it goes on.
    """
    known = done(cell, place)
    if known is None:
        known = await (_of_program(cell, place, stop) if cell.kind == "program" else _of_run(cell, place, stop))
        _keep(known, _outcome_path(cell, place))
    return known


def folder_of(cell: Cell, place: Path) -> Path:
    """Return the workspace of a cell."""
    return place / "cells" / cell.name


async def _of_program(cell: Cell, place: Path, stop: Stop) -> Outcome:
    program = program_of(cell.what, load_task(cell.task, data=cell.context.data))
    usage: dict[Level, Usage] = {level: Usage() for level in LEVELS}
    val = await _scored(cell, place, program, "val", stop, usage)
    return Outcome(val=val, test=await _scored(cell, place, program, "test", stop, usage), usage=usage)


async def _scored(
    cell: Cell, place: Path, program: Program, split: str, stop: Stop, usage: dict[Level, Usage]
) -> Evaluation:
    """Score a program and add to `usage` what that took."""
    free = cell.context.model_copy(update={"max_calls": None, "max_tokens_total": None, "max_usd": None})
    evaluation = await aevaluate(
        cell.task,
        program=program,
        split="val" if split == "val" else "test",
        settings=free,
        workspace=folder_of(cell, place),
        stop=stop,
    )
    if stop.opened:
        for level, used in stop.opened.ledger.meter.levels.items():
            usage[level] = usage[level].plus(used)
    return evaluation


async def _of_run(cell: Cell, place: Path, stop: Stop) -> Outcome:
    try:
        result = await _result(cell, place, stop)
    except BudgetReachedError:
        if not cell.capped:
            raise
        return await _cut(cell, place, stop)
    rows, last = result.findings.rows, result.findings.rows[-1]
    async with existing(str(folder_of(cell, place))) as opened:
        val = await get(opened.store, Evaluation, last.val_evaluation)
        tests = {row.name: await get(opened.store, Evaluation, row.test_evaluation) for row in rows}
    used, optimizer = result.usage, result.optimizer
    return Outcome(val=val, test=tests[last.name], usage=used, optimizer=optimizer, rows=rows, row_tests=tests)


async def _result(cell: Cell, place: Path, stop: Stop) -> Result:
    folder, settings = folder_of(cell, place), cell.context
    if await _begun(folder):
        return await aresume(_RUN, workspace=folder, stop=stop)
    if cell.kind == "learn":
        return await ameta_optimize(cell.task, settings=settings, workspace=folder, run=_RUN, stop=stop)
    optimizer = (await _learned(cell.learned_by, place)) if cell.learned_by else cell.what
    return await aoptimize(cell.task, optimizer=optimizer, settings=settings, workspace=folder, run=_RUN, stop=stop)


async def _begun(folder: Path) -> bool:
    if not is_there(str(folder)):
        return False
    async with existing(str(folder)) as opened:
        try:
            await load(opened.store, _RUN)
        except InputError:
            return False
    return True


async def _learned(cell: Cell, place: Path) -> Optimizer:
    outcome = done(cell, place)
    if outcome is None or outcome.optimizer is None:
        raise InputError(f"The cell {cell.name!r}, whose optimizer is to be used, has not learned one.")
    return outcome.optimizer


async def _cut(cell: Cell, place: Path, stop: Stop) -> Outcome:
    """Return the best of what a run found until its budget ended it; the look at the test set is not of its budget."""
    async with existing(str(folder_of(cell, place))) as opened:
        stored = await run_in(opened, _RUN, turns=True)
        tried = [trial for branch in stored.branches for trial in _flat(branch.turns)]
        best = _best(tried, "program")
        if best is None:
            raise InputError(f"The budget of {cell.name!r} ends before its first program is scored; give it more.")
        program = await get(opened.store, Program, best)
        learned = _best(tried, "optimizer") if cell.kind == "learn" else str(stored.record.asked["optimizer"])
        optimizer = await get(opened.store, Optimizer, learned) if learned else None
    spare: dict[Level, Usage] = {level: Usage() for level in LEVELS}
    val = await _scored(cell, place, program, "val", stop, spare)
    test = await _scored(cell, place, program, "test", stop, spare)
    return Outcome(val=val, test=test, usage=stored.usage, optimizer=optimizer, cut=True)


def _best(tried: Iterable[Trial], level: str) -> str | None:
    scored = [trial for trial in tried if trial.level == level and trial.best and trial.best_score is not None]
    return max(scored, key=lambda trial: trial.best_score or 0.0).best if scored else None


def _flat(turns: tuple[Turn, ...]) -> Iterator[Trial]:
    for turn in turns:
        yield turn.trial
        yield from _flat(turn.inner)


def _expected(cell: Cell) -> tuple[Range, Range | None]:
    settings = cell.context
    if cell.kind == "program":
        task = load_task(cell.task, data=settings.data)
        each = program_of(cell.what, task).calls_per_example()
        alone = planned(cell.task, optimizer="tgd", program=cell.what, settings=settings).levels["program"]
        calls = exactly(each * (len(task.valset) + len(task.testset)))
        usd = alone.usd.times(exactly(1 / alone.calls.likely)).times(calls) if alone.usd else None
        return calls, usd
    optimizer = None if cell.kind == "learn" else ("tgd" if cell.learned_by else cell.what)
    plan = planned(cell.task, optimizer=optimizer, settings=settings)
    money = [level.usd for level in plan.levels.values()]
    usd = None if None in money else NOTHING
    for part in money:
        usd = usd.plus(part) if usd is not None and part is not None else None
    return _at_most(plan.calls, settings.max_calls), _at_most(usd, settings.max_usd) if usd else None


def _at_most(given: Range, cap: float | None) -> Range:
    if cap is None:
        return given
    return Range(low=min(given.low, cap), likely=min(given.likely, cap), high=min(given.high, cap))


def _outcome_path(cell: Cell, place: Path) -> Path:
    return folder_of(cell, place) / "outcome.json"


def _keep(outcome: Outcome, path: Path) -> None:
    """Write an outcome in one go, so that a kill leaves none or a whole one."""
    with NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(outcome.model_dump_json())
    Path(file.name).replace(path)
