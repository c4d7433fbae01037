"""Load a task of the user's own from its TOML file; `metatextgrad.tasks.taskfile` documents the format."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import content_id
from metatextgrad.core.program import Llm, Program, chain_of_thought
from metatextgrad.core.task import Example, Task
from metatextgrad.core.template import slots
from metatextgrad.tasks.files import first_fault, inside, read_program
from metatextgrad.tasks.metrics import check_metric, metric_name, resolve_metric
from metatextgrad.tasks.prompts import INSTRUCTIONS
from metatextgrad.tasks.rows import Row, read_rows
from metatextgrad.tasks.taskfile import DataTable, TaskFile, read_task_file

SPLITS = ("train", "val", "test")
INPUTS = ("question", "input")
TARGETS = ("answer", "target")


def load_task_file(path: Path) -> Task:
    """Load the task that a TOML file describes.

    Raises:
        InputError: the file, or one that it names, is missing or wrong.
    """
    described = read_task_file(path)
    base = path.absolute().parent
    metric = resolve_metric(described.metric, base)
    sets = _examples(base, described.data)
    task = Task(
        name=described.name,
        question_type=described.question_type,
        program=_program(base, described),
        trainset=sets["train"],
        valset=sets["val"],
        testset=sets["test"],
        metric=metric,
        metric_name=metric_name(metric),
    )
    check_metric(task)
    return task


def _program(base: Path, described: TaskFile) -> Program:
    known = ("question", *described.data.fields)
    if described.program is not None:
        program = read_program(inside(base, described.program))
    elif described.template is not None:
        program = _templated(described.instructions or INSTRUCTIONS, described.template, known)
    else:
        program = chain_of_thought("chain_of_thought", described.instructions or INSTRUCTIONS)
    unknown = [name for name in program.inputs if name not in known]
    if unknown:
        raise InputError(
            f"The program {program.name!r} reads {unknown[0]!r}, but the data has {', '.join(known)}; "
            "add the column to fields in [data]."
        )
    return program


def _templated(instructions: str, template: str, known: Sequence[str]) -> Program:
    used = slots(template)
    if "question" not in used:
        raise InputError(f"The template {template!r} must hold {{question}}, the place of the input.")
    start = chain_of_thought("chain_of_thought", instructions)
    component = Llm(name="answer", role=start.purpose, instructions=instructions, template=template)
    try:
        return Program(name=start.name, purpose=start.purpose, inputs=used, components=(component,))
    except ValidationError as error:
        raise InputError(
            f"The template {template!r} with {', '.join(known)} is no program: {first_fault(error)}."
        ) from error


def _examples(base: Path, data: DataTable) -> dict[str, tuple[Example, ...]]:
    ids: dict[str, Row] = {}
    inputs: dict[str, tuple[str, Row]] = {}
    sets: dict[str, tuple[Example, ...]] = {}
    for split, (name, rows) in _rows(base, data).items():
        columns = _columns(data, rows[0])
        examples = []
        for row in rows:
            example = _example(name, row, columns, data.fields)
            _check_id(example, row, ids)
            _check_input(example, row, split, inputs)
            examples.append(example)
        sets[split] = tuple(examples)
    return sets


def _rows(base: Path, data: DataTable) -> dict[str, tuple[str, list[Row]]]:
    """Return the rows of each set with the name of their file."""
    wanted = dict(zip(SPLITS, (data.train, data.val, data.test), strict=True))
    if data.file is None:
        return {split: (str(name), read_rows(inside(base, str(name)))) for split, name in wanted.items()}
    rows = read_rows(inside(base, data.file))
    sizes = [int(size) for size in wanted.values()]
    if sum(sizes) > len(rows):
        raise InputError(
            f"Data file {data.file!r} has {len(rows)} rows, but train, val and test need "
            f"{' + '.join(map(str, sizes))} = {sum(sizes)}; lower the sizes or add rows."
        )
    starts = (0, sizes[0], sizes[0] + sizes[1])
    parts = zip(SPLITS, starts, sizes, strict=True)
    return {split: (data.file, rows[start : start + size]) for split, start, size in parts}


def _columns(data: DataTable, row: Row) -> dict[str, str]:
    """Return the columns of input, target and, if there is one, id."""
    columns = {
        "input": data.input or _first(row, INPUTS, "input"),
        "target": data.target or _first(row, TARGETS, "target"),
    }
    leak = next((name for name, column in data.fields.items() if column == columns["target"]), None)
    if leak is not None:
        raise InputError(
            f"The field {leak!r} is the target column {columns['target']!r}; programs would read the answer there."
        )
    if data.id is not None or "id" in row.cells:
        columns["id"] = data.id or "id"
    return columns


def _first(row: Row, names: Iterable[str], key: str) -> str:
    found = next((name for name in names if name in row.cells), None)
    if found is None:
        wanted = " or ".join(repr(name) for name in names)
        columns = ", ".join(row.cells) or "none"
        raise row.fault(f"has no column {wanted}; its columns are {columns}. Name one with {key} = in [data]")
    return found


def _example(file: str, row: Row, columns: Mapping[str, str], fields: Mapping[str, str]) -> Example:
    return Example(
        id=row.cell(columns["id"]) if "id" in columns else f"{file}:{row.line}",
        input=row.cell(columns["input"]),
        target=row.cell(columns["target"]),
        fields={name: row.cell(column, blank=True) for name, column in fields.items()},
    )


def _check_id(example: Example, row: Row, seen: dict[str, Row]) -> None:
    first = seen.setdefault(example.id, row)
    if first is not row:
        raise row.fault(f"the id {example.id!r} is taken by {first.path.name}, line {first.line}; make ids unique")


def _check_input(example: Example, row: Row, split: str, seen: dict[str, tuple[str, Row]]) -> None:
    other, first = seen.setdefault(content_id([example.input, example.fields]), (split, row))
    if other != split:
        raise row.fault(
            f"the {split} set repeats the input of {first.path.name}, line {first.line}, in the {other} set; "
            "keep the sets disjoint, or the scores mean nothing"
        )
