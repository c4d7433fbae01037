"""The paper's Tables 1 to 7 as layouts: which cells stand behind each row and column (paper 4, appendices G and H)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from metatextgrad.bench.cells import (
    METHODS,
    OURS,
    Cell,
    learning_cell,
    method_cell,
    optimizer_cell,
    program_cell,
    transfer_cell,
)
from metatextgrad.bench.paper import ALGEBRA, ARC, DYCK, GPQA, SORTING
from metatextgrad.core.errors import InputError
from metatextgrad.runtime.context import Context

PAPER_TASKS = (SORTING, DYCK, GPQA, ALGEBRA)
SIMULATED_TASKS = (SORTING, DYCK)
"""What the simulated models can do."""
ON_HUB = (GPQA, ALGEBRA)
"""Tasks that come from the hub unless a path is given; the others generate their examples, or need a path."""
Measure = Literal["scores", "tokens", "cost"]


@dataclass(frozen=True)
class Slot:
    """What stands behind one place of a table."""

    cells: tuple[Cell, ...]
    """One a seed."""
    row: str = ""
    """The input optimizer whose row is taken from the cell's own table; empty takes its result."""


@dataclass(frozen=True)
class Layout:
    """One table."""

    number: int
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Slot, ...]], ...]
    """Row titles with a slot for each column."""
    measure: Measure = "scores"
    average: bool = False
    left_out: str = ""
    """Why there is nothing in it."""


@dataclass(frozen=True)
class Asked:
    """What a benchmark is asked for."""

    settings: Context
    tasks: tuple[str, ...]
    seeds: int = 1
    data: tuple[tuple[str, str], ...] = ()
    """Task -> where its data is."""
    methods: tuple[str, ...] = METHODS
    to_the_end: bool = False
    """Whether optimizers go on until their budget is spent."""
    other_model: str = ""
    """Another program model (Table 4)."""
    strong_model: str = ""
    """A stronger program model, to compare costs with (Table 3)."""
    open_models: tuple[str, ...] = ()
    """Program, optimizer and meta model of Table 7's first part."""
    arc_models: tuple[str, ...] = ()
    """Those of its second part."""

    def each(self, task: str, **changes: object) -> list[Context]:
        """Return the settings on a task, one for each seed."""
        single = self.settings.data if len(self.tasks) == 1 else ""
        data = dict(self.data).get(task, single or ("hub" if task in ON_HUB else ""))
        base = self.settings.model_copy(update={"task": task, "data": data, **changes})
        return [base.model_copy(update={"seed": base.seed + number}) for number in range(self.seeds)]


def layouts(asked: Asked, tables: Sequence[int]) -> list[Layout]:
    """Return the tables that were asked for.

    Raises:
        InputError: there is no such table, method, or data for a task.
    """
    for number in tables:
        if number not in _TABLES:
            raise InputError(f"There is no table {number}; the paper's are 1 to 7.")
    for method in asked.methods:
        if method not in METHODS:
            raise InputError(f"Unknown method {method!r}; the paper's are {', '.join(METHODS)}.")
    return [_TABLES[number](asked) for number in tables]


def _methods(asked: Asked, columns: Sequence[tuple[str, list[Context]]]) -> tuple[tuple[str, tuple[Slot, ...]], ...]:
    """Return a row for each method, and in it a slot for each column."""
    return tuple(
        (
            method,
            tuple(_slot(method_cell(method, one, to_the_end=asked.to_the_end) for one in each) for _, each in columns),
        )
        for method in asked.methods
    )


def _slot(cells: Iterable[Cell]) -> Slot:
    return Slot(tuple(cells))


def _main(asked: Asked) -> Layout:
    columns = [(task, asked.each(task)) for task in asked.tasks]
    rows = _methods(asked, columns)
    return Layout(1, "Main results", asked.tasks, rows, average=len(asked.tasks) > 1)


def _focus(asked: Asked) -> str:
    """Return the task of the tables on one task: Dyck Languages where it is among those asked for."""
    return DYCK if DYCK in asked.tasks else asked.tasks[0]


def _tokens(asked: Asked) -> Layout:
    task = ALGEBRA if ALGEBRA in asked.tasks else _focus(asked)
    first = asked.each(task)[:1]
    learn = _slot(learning_cell(one) for one in first)
    zero = _slot(program_cell("cot", one) for one in first)
    rows = (*((level, (learn,)) for level in ("program", "optimizer", "meta")), ("one round of zero-shot CoT", (zero,)))
    return Layout(2, "Tokens of one meta step, by level", (task,), rows, measure="tokens")


def _costs(asked: Asked) -> Layout:
    task = _focus(asked)
    each = asked.each(task)
    rows = [
        ("zero-shot", (_slot(program_cell("cot", one) for one in each),)),
        (OURS, (_slot(learning_cell(one) for one in each),)),
    ]
    if asked.strong_model:
        strong = asked.each(task, program_model=asked.strong_model)
        rows.append(("zero-shot, stronger model", (_slot(program_cell("cot", one) for one in strong),)))
    return Layout(3, "Test score and cost", (task,), tuple(rows), measure="cost")


def _models(asked: Asked) -> Layout:
    title, task = "Transfer to another model", _focus(asked)
    if not asked.other_model:
        return Layout(4, title, (task,), (), left_out="Name another program model with --other-model.")
    learned = [learning_cell(one) for one in asked.each(task)]
    return Layout(4, title, (task,), _transfer(asked, learned, asked.each(task, program_model=asked.other_model)))


def _tasks(asked: Asked) -> Layout:
    known = [(GPQA, ALGEBRA), (SORTING, DYCK)]
    pair = next((pair for pair in known if set(pair) <= set(asked.tasks)), asked.tasks[:2])
    if len(pair) < 2:
        return Layout(5, "Transfer to another task", asked.tasks, (), left_out="This takes two tasks.")
    source, target = pair
    learned = [learning_cell(one) for one in asked.each(source)]
    title = f"Transfer to another task: learned on {source}"
    return Layout(5, title, (target,), _transfer(asked, learned, asked.each(target)))


def _transfer(asked: Asked, learned: list[Cell], each: list[Context]) -> tuple[tuple[str, tuple[Slot, ...]], ...]:
    end = asked.to_the_end
    plain = [("TGD", "tgd"), ("ADAS-TG", "adas-tg")]
    moved = [transfer_cell(by, one, to_the_end=end) for by, one in zip(learned, each, strict=True)]
    return (
        ("Zero-shot CoT", (_slot(program_cell("cot", one) for one in each),)),
        *((title, (_slot(optimizer_cell(name, one, to_the_end=end) for one in each),)) for title, name in plain),
        (OURS, (Slot(tuple(moved)),)),
    )


def _ablation(asked: Asked) -> Layout:
    """Switch the phases off one by one; the paper's (O) marks instructions that were rewritten."""
    task, end = _focus(asked), asked.to_the_end
    each = asked.each(task)
    whole = tuple(learning_cell(one) for one in each)
    only = (one.model_copy(update={"meta_prompt_steps": 0}) for one in each)
    rows = (
        ("Zero-shot CoT", (_slot(program_cell("cot", one) for one in each),)),
        ("TGD", (_slot(optimizer_cell("tgd", one, to_the_end=end) for one in each),)),
        ("ADAS-TG", (_slot(optimizer_cell("adas-tg", one, to_the_end=end) for one in each),)),
        ("TGD (O)", (Slot(whole, "tgd"),)),
        ("ADAS-TG (O)", (Slot(whole, "adas-tg"),)),
        ("Struct (O)", (_slot(learning_cell(one, "structure") for one in only),)),
        (OURS, (Slot(whole),)),
    )
    return Layout(6, "Ablation", (task,), rows)


def _open(asked: Asked) -> Layout:
    columns = []
    for task, models in ((DYCK, asked.open_models), (ARC, asked.arc_models)):
        if models:
            program, optimizer, meta = models
            names = {"program_model": program, "optimizer_model": optimizer, "meta_model": meta}
            columns.append((task, asked.each(task, **names)))
    title = "Open models, and ARC"
    if not columns:
        return Layout(7, title, (), (), left_out="Name three models each with --open-models and --arc-models.")
    return Layout(7, title, tuple(task for task, _ in columns), _methods(asked, columns))


_TABLES = {1: _main, 2: _tokens, 3: _costs, 4: _models, 5: _tasks, 6: _ablation, 7: _open}
