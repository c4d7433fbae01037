"""Grids of numbers, written as lists of rows: find them in replies and compare them."""

import json
import re
from collections.abc import Sequence

from metatextgrad.core.task import Example, Score
from metatextgrad.tasks.answers import last_answer, right, wrong

Rows = Sequence[Sequence[int]]
GRID = re.compile(r"\[\s*\[[0-9,\s]*\](?:\s*(?:,\s*)?\[[0-9,\s]*\])*(?:\s*,)?\s*\]")
"""Also with a comma too many or too few between the rows; the content of a grid is on trial."""
ROW = re.compile(r"\[([0-9,\s]*)\]")
CELL = re.compile(r"[0-9]+")
LONGEST_CELL = 9
"""A longer number is no colour either, and Python refuses to read one of thousands of digits."""


def grid(prediction: str, example: Example) -> Score:
    """Score 1 when the last grid of the reply is the target, cell by cell (paper appendix H)."""
    target, given = last_grid(example.target), last_grid(prediction)
    if target is None:
        raise ValueError(f"the target {example.target!r} of example {example.id!r} is not a grid")
    answer = last_answer(prediction)
    if given == target:
        return right(answer)
    return wrong(answer, f"The right grid is {written(target)}.", difference(target, given))


def last_grid(text: str) -> list[list[int]] | None:
    """Return the last list of lists of numbers in a text; None where there is none."""
    found = GRID.findall(text)
    if not found:
        return None
    return [[_cell(cell) for cell in CELL.findall(row)] for row in ROW.findall(found[-1])]


def _cell(digits: str) -> int:
    return int(digits) if len(digits) <= LONGEST_CELL else -1


def written(rows: Rows) -> str:
    """Write a grid as a nested list."""
    return json.dumps(rows)


def difference(target: Rows, given: Rows | None) -> str:
    """Say how a grid differs from the right one."""
    if given is None:
        return "The reply holds no grid; write it as a list of rows, such as [[0, 1], [2, 3]]."
    if len(given) != len(target):
        return f"The grid of the reply has {len(given)} rows, where {len(target)} are needed."
    widths = [(len(wanted), len(found)) for wanted, found in zip(target, given, strict=True)]
    row = next((place for place, (wanted, found) in enumerate(widths) if wanted != found), None)
    if row is not None:
        wanted, found = widths[row]
        return f"Row {row + 1} of the grid of the reply has {found} cells, where {wanted} are needed."
    wrong_cells = [
        (row + 1, column + 1)
        for row, (wanted_row, found_row) in enumerate(zip(target, given, strict=True))
        for column, (wanted, found) in enumerate(zip(wanted_row, found_row, strict=True))
        if wanted != found
    ]
    (row, column), cells = wrong_cells[0], sum(len(wanted) for wanted in target)
    return f"{len(wrong_cells)} of {cells} cells are wrong, the first one in row {row}, column {column}."
