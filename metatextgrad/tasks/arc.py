"""ARC-AGI: find the rule that turns grids into grids, with the paper's 80 small tasks (paper appendix H, ADAS).

The paper follows ADAS: a task is small when the first training pair has at most 5 rows, in its input and in its output.
Of the 400 training tasks that leaves 80, and 20 + 30 + 30 is exactly those (paper 6). The data is the folder of the
published JSON files, one a task. Of a task's test pairs the first is asked.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from metatextgrad.core.errors import InputError
from metatextgrad.core.program import chain_of_thought
from metatextgrad.core.task import Example, Task
from metatextgrad.core.template import render
from metatextgrad.tasks.draws import Sizes, drawn_sets
from metatextgrad.tasks.files import first_fault, read_json
from metatextgrad.tasks.grids import written
from metatextgrad.tasks.metrics import METRICS
from metatextgrad.tasks.prompts import GRID, GRID_INSTRUCTIONS, GRID_PAIR

NAME = "arc/small"
DESCRIPTION = "Find the rule that turns small grids into others, and apply it to a new one (ARC-AGI)."
QUESTION_TYPE = "finding the rule that turns an input grid into an output grid, and applying it (ARC)"
SIZES: Sizes = (20, 30, 30)
MOST_ROWS = 5
Cell = Annotated[int, Field(ge=0, le=9, strict=True)]
Grid = Annotated[list[Annotated[list[Cell], Field(min_length=1)]], Field(min_length=1)]


class Pair(BaseModel):
    """A grid and what becomes of it."""

    input: Grid
    output: Grid


class Puzzle(BaseModel):
    """A task of ARC-AGI, as its file says it."""

    train: Annotated[list[Pair], Field(min_length=1)]
    test: Annotated[list[Pair], Field(min_length=1)]

    @property
    def small(self) -> bool:
        """Whether ADAS takes it: by the rows of its first training pair."""
        first = self.train[0]
        return max(len(first.input), len(first.output)) <= MOST_ROWS


def load_arc(data: str, sizes: Sizes = SIZES) -> Task:
    """Return the task on the folder `data`; the sets are drawn by a fixed seed.

    Raises:
        InputError: the folder is missing, a file is not a task of ARC-AGI, or the small tasks are more or fewer than
            the sets take.
    """
    folder = Path(data).expanduser()
    if not data or not folder.is_dir():
        raise InputError(
            f"Task {NAME!r} needs data = the training folder of ARC-AGI's JSON files, and {data!r} is no folder."
        )
    puzzles = {path.stem: _puzzle(path) for path in sorted(folder.glob("*.json"))}
    examples = [_example(name, puzzle) for name, puzzle in puzzles.items() if puzzle.small]
    if len(examples) != sum(sizes):
        raise InputError(
            f"The folder {data!r} has {len(puzzles)} tasks, {len(examples)} of them with at most {MOST_ROWS} rows in "
            f"the first training pair; {NAME!r} needs exactly {' + '.join(map(str, sizes))} = {sum(sizes)} such tasks. "
            "Give the training folder of ARC-AGI, which has 400 files."
        )
    return Task(
        name=NAME,
        question_type=QUESTION_TYPE,
        program=chain_of_thought("chain_of_thought", GRID_INSTRUCTIONS),
        metric=METRICS["grid"],
        metric_name="grid",
        **drawn_sets(examples, sizes, NAME),
    )


def _puzzle(path: Path) -> Puzzle:
    document = read_json(path, "data file")
    try:
        return Puzzle.model_validate(document)
    except ValidationError as error:
        raise InputError(f"The data file {str(path)!r} is not a task of ARC-AGI: {first_fault(error)}.") from error


def _example(name: str, puzzle: Puzzle) -> Example:
    pairs = (
        render(GRID_PAIR, {"number": str(number), "input": written(pair.input), "output": written(pair.output)})
        for number, pair in enumerate(puzzle.train, 1)
    )
    asked = puzzle.test[0]
    question = render(GRID, {"pairs": "\n\n".join(pairs), "test": written(asked.input)})
    return Example(id=f"arc/{name}", input=question, target=written(asked.output))
