"""Read the files a user names: text, programs, optimizers, and paths that must stay in one folder."""

import json
from pathlib import Path, PureWindowsPath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from metatextgrad.core.errors import InputError
from metatextgrad.core.optimizer import FORMAT as OPTIMIZER_FORMAT
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import FORMAT as PROGRAM_FORMAT
from metatextgrad.core.program import Program

Model = TypeVar("Model", bound=BaseModel)


def read_program(path: str | Path) -> Program:
    """Read a program from its JSON file.

    Raises:
        InputError: the file is missing, not JSON, of another format version, or not a valid program.
    """
    return _read(Path(path), "program", Program, PROGRAM_FORMAT)


def read_optimizer(path: str | Path) -> Optimizer:
    """Read an optimizer from its JSON file.

    Raises:
        InputError: the file is missing, not JSON, of another format version, or not a valid optimizer.
    """
    return _read(Path(path), "optimizer", Optimizer, OPTIMIZER_FORMAT)


def read_text(path: Path, what: str) -> str:
    """Read UTF-8 text, with or without a byte order mark; `what` names the file in the error."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"There is no {what} {str(path)!r}; check the path.") from None
    except OSError as error:
        raise InputError(f"Cannot read the {what} {str(path)!r}: {error.strerror or error}.") from error
    except ValueError as error:
        raise InputError(f"Cannot read the {what} {str(path)!r}: {error}.") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"The {what} {str(path)!r} is not UTF-8: byte 0x{data[error.start]:02x} in line {line}, "
            f"position {error.start}; save it as UTF-8."
        ) from None


def read_json(path: Path, what: str) -> Any:
    """Read one JSON document; the error names the line."""
    return _parse(read_text(path, what), path, what)


def inside(base: Path, name: str) -> Path:
    """Return the path `name` relative to `base`, which it must not leave, by `..` and symbolic links either.

    Raises:
        InputError: it is empty, absolute, or leaves the folder.
    """
    if not name or Path(name).is_absolute() or PureWindowsPath(name).drive or PureWindowsPath(name).root:
        raise InputError(f"The path {name!r} must be relative to the folder of the task file.")
    try:
        target = (base / name).resolve()
        kept = target.is_relative_to(base.resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"The path {name!r} cannot be followed: {error}.") from error
    if not kept:
        raise InputError(f"The path {name!r} leaves the folder of the task file; move the file into that folder.")
    return target


def first_fault(error: ValidationError) -> str:
    """Say the first thing a validation found, where, and the value that is wrong."""
    fault = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] not in ("missing", "value_error"):
        shown = repr(fault["input"])
        message = f"{message}, not {shown if len(shown) <= 80 else shown[:79] + '…'}"
    return f"{where}: {message}" if where else message


def _read(path: Path, what: str, model: type[Model], form: str) -> Model:
    text = read_text(path, f"{what} file")
    document = _parse(text, path, f"{what} file")
    found = document.get("format", form) if isinstance(document, dict) else form
    if found != form:
        raise InputError(
            f"The {what} file {str(path)!r} has format {found!r}; expected {form!r}. "
            "Give a file of that format, or use a metatextgrad version that reads this one."
        )
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise InputError(f"The {what} file {str(path)!r} is not a valid {what}: {first_fault(error)}.") from error


def _parse(text: str, path: Path, what: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"The {what} {str(path)!r} is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from None
    except (RecursionError, ValueError) as error:
        raise InputError(f"The {what} {str(path)!r} cannot be read as JSON: {error}.") from None


def write_json(value: Program | Optimizer, path: str | Path) -> None:
    """Write a program or an optimizer to the file that `read_program` or `read_optimizer` reads."""
    Path(path).write_text(value.model_dump_json(indent=2) + "\n", encoding="utf-8")
