"""Cells: what stands behind the numbers of a table. A cell is named by its content, so what is done is found again.

Each cell has a workspace of its own. In a common one the first to ask would pay for the others' calls, and neither
costs nor equal budgets would mean anything.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from metatextgrad.core.identity import Value, content_id
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.report import Row, Tally
from metatextgrad.core.trial import Evaluation
from metatextgrad.runtime.context import CHANGEABLE, Context
from metatextgrad.runtime.meter import Level, Usage

PROGRAMS: Mapping[str, str] = MappingProxyType(
    {
        "Zero-shot CoT": "cot",
        "8-shot CoT": "few-shot",
        "Self-consistency (8)": "self-consistency",
        "Best of N (8)": "best-of-n",
    }
)
"""The methods that optimize nothing, as the paper's tables call them, and our programs."""
OPTIMIZERS: Mapping[str, str] = MappingProxyType(
    {"TGD": "tgd", "ADAS-TG": "adas-tg", "Zero-shot MIPROv2": "mipro", "8-shot MIPROv2": "mipro-8"}
)
OURS = "metaTextGrad"
METHODS = (*PROGRAMS, *OPTIMIZERS, OURS)
"""The rows of the paper's Table 1, in its order."""
_CAPS = frozenset({"max_calls", "max_tokens_total", "max_usd"})
"""Changeable settings that decide a cell: a method that is cut off there counts by what it has found."""
_MOST_STEPS = 100
"""Steps of an optimizer that goes on until its budget is spent."""


class Cell(Value):
    """One method on one task with one seed."""

    kind: Literal["program", "optimize", "learn"]
    """program: a program as it is; optimize: one optimizer; learn: metaTextGrad."""
    what: str
    """The name of the program or of the optimizer; for `learn` a word that tells the variants apart."""
    settings: dict[str, Any]
    """The context, as JSON; the task and the seed are in it."""
    learned_by: "Cell | None" = None
    """The cell whose learned optimizer is used."""

    @property
    def task(self) -> str:
        return str(self.settings["task"])

    @property
    def seed(self) -> int:
        return int(self.settings["seed"])

    @property
    def context(self) -> Context:
        """The settings, as a run takes them."""
        return Context.model_validate(self.settings)

    @property
    def capped(self) -> bool:
        """Whether the cell has a budget at which it ends with what it has found."""
        return any(self.settings[name] is not None for name in _CAPS)

    @property
    def name(self) -> str:
        """Name the cell by everything that decides its numbers."""
        said = "-".join([self.task.rpartition("/")[2].removesuffix(".toml"), self.what, str(self.seed)])
        return f"{re.sub(r'[^a-z0-9]+', '-', said.lower()).strip('-')}-{self._identity()[:10]}"

    def _identity(self) -> str:
        settings = {name: value for name, value in self.settings.items() if name not in CHANGEABLE - _CAPS}
        learned = self.learned_by._identity() if self.learned_by else None
        return content_id([self.kind, self.what, settings, learned])


class Outcome(Value):
    """What a cell came to."""

    val: Evaluation
    test: Evaluation
    usage: dict[Level, Usage]
    optimizer: Optimizer | None = None
    """The one that was used or learned."""
    rows: tuple[Row, ...] = ()
    """The table of its run, where that came to its end."""
    row_tests: dict[str, Evaluation] = {}
    """The evaluation on the test set behind each row, by the row's name."""
    cut: bool = False
    """Whether its budget ended it."""

    @property
    def total(self) -> Usage:
        """What all levels used."""
        total = Usage()
        for used in self.usage.values():
            total = total.plus(used)
        return total

    def of_row(self, name: str) -> tuple[Tally, Tally, Evaluation] | None:
        """Return what an input optimizer found with its instructions rewritten, or as it was where that was no gain.

        It is the scores on the validation and the test set, and the evaluation behind the latter.
        """
        for title in (f"{name} (improved)", name):
            for row in self.rows:
                if row.name == title and row.test and title in self.row_tests:
                    return row.val, row.test, self.row_tests[title]
        return None


def program_cell(program: str, settings: Context) -> Cell:
    """Return the cell of a program; it has no budget, as it is scored and nothing else."""
    free = settings.model_copy(update=dict.fromkeys(_CAPS))
    return Cell(kind="program", what=program, settings=free.model_dump(mode="json"))


def optimizer_cell(optimizer: str, settings: Context, *, to_the_end: bool = False) -> Cell:
    """Return the cell of one optimizer; `to_the_end` lets it go on until its budget is spent."""
    return Cell(kind="optimize", what=optimizer, settings=_spending(settings, to_the_end=to_the_end))


def learning_cell(settings: Context, variant: str = "learn") -> Cell:
    """Return the cell of metaTextGrad on TGD and ADAS-TG."""
    return Cell(kind="learn", what=variant, settings=settings.model_dump(mode="json"))


def transfer_cell(learned_by: Cell, settings: Context, *, to_the_end: bool = False) -> Cell:
    """Return the cell that runs the inner loop with the optimizer that another cell learned."""
    spent = _spending(settings, to_the_end=to_the_end)
    return Cell(kind="optimize", what="learned", settings=spent, learned_by=learned_by)


def method_cell(method: str, settings: Context, *, to_the_end: bool = False) -> Cell:
    """Return the cell of a method of Table 1."""
    if method in PROGRAMS:
        return program_cell(PROGRAMS[method], settings)
    if method in OPTIMIZERS:
        return optimizer_cell(OPTIMIZERS[method], settings, to_the_end=to_the_end)
    return learning_cell(settings)


def _spending(settings: Context, *, to_the_end: bool) -> dict[str, Any]:
    longer = {"steps": max(_MOST_STEPS, settings.steps)} if to_the_end else {}
    return settings.model_copy(update=longer).model_dump(mode="json")
