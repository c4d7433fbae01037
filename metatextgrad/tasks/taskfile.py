r"""What a task file may say: the TOML format of tasks of your own.

    name = "support-tickets"
    question_type = "classify a support ticket into one of five queues"
    metric = "exact"               # built in, or "my_metrics:score" for my_metrics.py beside this file
    instructions = "..."           # the first system prompt; or program = "program.json"; or neither
    template = "{context}\n\n{question}"   # the user message; the question alone if left out

    [data]
    train = "train.jsonl"          # JSONL or CSV; or file = "all.csv" and sizes: train = 50, val = 100, test = 100
    val = "val.jsonl"
    test = "test.jsonl"
    input = "question"             # columns; left out: question or input, answer or target, id or none
    target = "answer"
    id = "ticket"
    fields = ["context"]           # further columns for templates and metrics; {context = "Column name"} renames

Paths are relative to the file and stay inside its folder.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError, field_validator, model_validator

from metatextgrad.core.errors import InputError
from metatextgrad.tasks.files import first_fault, read_text

Text = Annotated[StrictStr, Field(min_length=1)]
NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")
"""What a template can name."""


class DataTable(BaseModel):
    """The [data] table: where the examples are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Text | None = None
    """One file for all sets; `train`, `val` and `test` are then numbers of rows, in file order."""
    train: str | int
    val: str | int
    test: str | int
    input: Text | None = None
    target: Text | None = None
    id: Text | None = None
    fields: dict[str, Text] = {}
    """Name that programs read -> column."""

    @field_validator("train", "val", "test", mode="before")
    @classmethod
    def _is_a_file_or_a_size(cls, value: object) -> object:
        if (
            isinstance(value, bool)
            or not isinstance(value, str | int)
            or not value
            or (isinstance(value, int) and value < 0)
        ):
            raise ValueError(f"expected the name of a file or a number of rows, not {value!r}")
        return value

    @field_validator("fields", mode="before")
    @classmethod
    def _a_list_names_columns(cls, fields: object) -> object:
        if isinstance(fields, list) and all(isinstance(column, str) for column in fields):
            fields = {column: column for column in fields}
        if not isinstance(fields, dict):
            raise ValueError(f"expected a list of columns or a table {{name = 'column'}}, not {fields!r}")
        for name in fields:
            if not NAME.fullmatch(name):
                raise ValueError(
                    f"the field name {name!r} must be of lower-case letters, digits and _; "
                    f"rename it, as in {{context = {name!r}}}"
                )
        if "question" in fields:
            raise ValueError("the name 'question' is taken by the input; rename the field: {asked = 'question'}")
        return fields

    @model_validator(mode="after")
    def _sizes_go_with_one_file(self) -> Self:
        sizes = [isinstance(value, int) for value in (self.train, self.val, self.test)]
        if self.file is not None and not all(sizes):
            raise ValueError("with file = ..., train, val and test are numbers of rows, such as train = 50")
        if self.file is None and any(sizes):
            raise ValueError(
                "train, val and test are names of files; to cut one file by numbers of rows, add file = 'all.csv'"
            )
        return self


class TaskFile(BaseModel):
    """A task file as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    question_type: Text
    metric: Text
    instructions: Text | None = None
    program: Text | None = None
    template: Text | None = None
    data: DataTable

    @model_validator(mode="after")
    def _one_initial_program(self) -> Self:
        if self.program is not None and (self.instructions is not None or self.template is not None):
            raise ValueError("give program, or instructions and template, but not both: a program brings its own")
        return self


def read_task_file(path: Path) -> TaskFile:
    """Read and check a task file.

    Raises:
        InputError: it is missing, not TOML, or says something else than the format allows.
    """
    text = read_text(path, "task file")
    try:
        return TaskFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The task file {str(path)!r} is not valid TOML: {error}.") from None
    except RecursionError:
        raise InputError(f"The task file {str(path)!r} is nested too deeply.") from None
    except ValidationError as error:
        raise InputError(f"Task file {str(path)!r}: {_sentence(error)}.") from error


def _sentence(error: ValidationError) -> str:
    faults = error.errors(include_url=False)
    # A misspelt key makes two faults, and the other one, that the right key is missing, would mislead.
    fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        model = DataTable if fault["loc"][0] == "data" and len(fault["loc"]) > 1 else TaskFile
        return f"unknown key {key!r}; the known keys are {', '.join(model.model_fields)}"
    if fault["type"] == "missing":
        return f"the key {key!r} is missing; add it"
    return first_fault(error)
