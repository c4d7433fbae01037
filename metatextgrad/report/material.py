"""Read what a report tells: the run, the programs and optimizers it tried, and what they scored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from langgraph.store.base import BaseStore

from metatextgrad.core.errors import InputError
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program
from metatextgrad.core.report import Tally, tally
from metatextgrad.core.task import Example
from metatextgrad.core.trial import Candidate, Evaluation
from metatextgrad.report.examples import Room
from metatextgrad.runtime.artifacts import get
from metatextgrad.runtime.record import Record
from metatextgrad.stored import Branch, StoredRun, Turn, existing, run_in
from metatextgrad.tasks import load_task, scored_by

V = TypeVar("V", Program, Optimizer)


@dataclass(frozen=True)
class Material:
    """A run and everything its trials name."""

    stored: StoredRun
    initial: Program
    inputs: tuple[Optimizer, ...]
    """The optimizers that the run was given."""
    programs: Mapping[str, Program]
    optimizers: Mapping[str, Optimizer]
    tallies: Mapping[str, Tally]
    """What each evaluation scored, by its id."""
    table: Mapping[str, Evaluation]
    """The evaluations behind the table of results, by id: what paired tests compare."""
    shown: Mapping[str, Evaluation]
    """The evaluations whose examples are shown, as many as fit."""
    examples: Mapping[str, Example]
    """The task's examples by id; empty where the task cannot be read any more."""
    missing: str
    """Why there are none."""


async def gather(workspace: str, run: str) -> Material:
    """Read a run and everything its trials name.

    Raises:
        InputError: there is no such workspace or run.
    """
    async with existing(workspace) as opened:
        stored, store = await run_in(opened, run, turns=True), opened.store
        tried = list(candidates(stored.branches))
        asked = stored.record.asked
        given = asked.get("optimizers") or [asked["optimizer"]]
        tallies, table, shown = await _evaluations(store, stored, [item for _, item in tried])
        examples, missing = _examples(stored.record)
        return Material(
            stored=stored,
            initial=await get(store, Program, asked["program"]),
            inputs=tuple([await get(store, Optimizer, identifier) for identifier in given]),
            programs=await _all(store, Program, [name for level, item in tried for name in _programs(level, item)]),
            optimizers=await _all(store, Optimizer, [item["id"] for level, item in tried if level == "optimizer"]),
            tallies=tallies,
            table=table,
            shown=shown,
            examples=examples,
            missing=missing,
        )


def candidates(branches: Sequence[Branch]) -> Iterator[tuple[str, Candidate]]:
    """Yield every candidate with its level, in the order in which it was tried."""
    for branch in branches:
        yield from _of(branch.turns)


def _of(turns: Sequence[Turn]) -> Iterator[tuple[str, Candidate]]:
    for turn in turns:
        yield from ((turn.trial.level, item) for item in turn.trial.candidates)
        yield from _of(turn.inner)


def _programs(level: str, item: Candidate) -> tuple[str | None, ...]:
    return (item["program"] if level == "optimizer" else item["id"],)


async def _all(store: BaseStore, kind: type[V], names: Sequence[str | None]) -> dict[str, V]:
    return {name: await get(store, kind, name) for name in dict.fromkeys(names) if name}


async def _evaluations(
    store: BaseStore, stored: StoredRun, tried: Sequence[Candidate]
) -> tuple[dict[str, Tally], dict[str, Evaluation], dict[str, Evaluation]]:
    """Count every evaluation; keep those of the table, and as many as a page can show, the latest first."""
    of_table = list(dict.fromkeys(_of_table(stored)))
    others = [str(item["evaluation"]) for item in reversed(tried) if item["evaluation"]]
    tallies: dict[str, Tally] = {}
    table: dict[str, Evaluation] = {}
    shown: dict[str, Evaluation] = {}
    room = Room()
    for name in dict.fromkeys([*of_table, *others]):
        evaluation = await get(store, Evaluation, name)
        tallies[name] = tally(evaluation)
        if name in of_table:
            table[name] = evaluation
        if room.takes(evaluation):
            shown[name] = evaluation
    return tallies, table, shown


def _of_table(stored: StoredRun) -> Iterator[str]:
    """Name the evaluations of the table, the result's first: if not all can be shown, these matter most."""
    for row in reversed(stored.found.findings.rows if stored.found else ()):
        yield from filter(None, (row.test_evaluation, row.val_evaluation))


def _examples(record: Record) -> tuple[dict[str, Example], str]:
    """Return the task's examples; where the task cannot be read, or has changed, none and why."""
    asked = record.settings
    try:
        task = scored_by(load_task(asked["task"], data=asked["data"]), asked["metric"])
    except InputError as error:
        again = f"`metatextgrad resume {record.run} --task FILE` says where it is now."
        return {}, f"Questions and targets are not shown, since the task cannot be read here: {error} {again}"
    if task.id != record.task_id:
        return {}, "Questions and targets are not shown, since the task's data has changed since the run."
    return {example.id: example for example in (*task.trainset, *task.valset, *task.testset)}, ""
