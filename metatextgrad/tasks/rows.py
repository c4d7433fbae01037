"""Read the rows of a JSONL or CSV file; every error names the file and the line."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metatextgrad.core.errors import InputError
from metatextgrad.tasks.files import read_text


@dataclass(frozen=True)
class Row:
    """One data row: values by column, and where it stands."""

    path: Path
    line: int
    cells: Mapping[str, object]

    def cell(self, column: str, *, blank: bool = False) -> str:
        """Return the text of a column, which must be there and, unless allowed, not be blank."""
        if column not in self.cells:
            raise self.fault(f"has no column {column!r}; its columns are {', '.join(self.cells) or 'none'}")
        value = self.cells[column]
        if not isinstance(value, str):
            found = {dict: "an object", list: "a list", bool: "true or false"}.get(type(value), "null")
            raise self.fault(f"column {column!r} is {found}; expected a text or a number")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise self.fault(f"column {column!r} holds half a surrogate pair, which is not a character")
        if not blank and not value.strip():
            raise self.fault(f"column {column!r} is empty; fill it or delete the row")
        return value

    def fault(self, problem: str) -> InputError:
        """Return the error for this row."""
        return _fault(self.path, self.line, problem)


def read_rows(path: Path, columns: Sequence[str] = ()) -> list[Row]:
    """Read all rows of a file whose name ends in .jsonl or .csv.

    Args:
        path: the file.
        columns: the columns of a CSV file that may come without a header. Its first line is a header if it names the
            first of them.

    Raises:
        InputError: the file is missing, of another kind, empty, or broken.
    """
    match path.suffix.lower():
        case ".jsonl":
            rows = list(_jsonl(path, read_text(path, "data file")))
        case ".csv":
            rows = list(_csv(path, read_text(path, "data file"), columns))
        case _:
            raise InputError(f"The data file {str(path)!r} must end in .jsonl (one JSON object a line) or .csv.")
    if not rows:
        raise InputError(f"The data file {str(path)!r} has no rows; give it at least one example.")
    return rows


def _jsonl(path: Path, text: str) -> Iterator[Row]:
    # Not splitlines(): JSON text may hold U+2028 and its like unescaped.
    for line, written in enumerate(text.split("\n"), start=1):
        if written.strip():
            yield Row(path, line, _record(path, line, written))


def _record(path: Path, line: int, written: str) -> dict[str, object]:
    try:
        # Numbers stay as they are written: 1.50 is not 1.5 in a text.
        record = json.loads(written, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise _fault(
            path, line, f"not valid JSON: {error.msg} at column {error.colno}; write one JSON object a line"
        ) from None
    except RecursionError:
        raise _fault(path, line, "JSON nested too deeply; write one flat JSON object a line") from None
    if not isinstance(record, dict):
        raise _fault(
            path, line, f'expected a JSON object such as {{"question": ..., "answer": ...}}, not {written[:40]!r}'
        )
    return record


def _csv(path: Path, text: str, columns: Sequence[str]) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: Sequence[str] = ()
    line = 1
    try:
        for cells in reader:
            first, line = line, reader.line_num + 1  # a quoted cell may span lines
            if not cells:
                continue
            if header or _lacks_header(cells, columns):
                header = header or columns
                yield _csv_row(path, first, header, cells)
            else:
                header = _header(path, first, cells)
    except csv.Error as error:
        raise _fault(path, line, f"not valid CSV: {error}") from None


def _lacks_header(cells: Sequence[str], columns: Sequence[str]) -> bool:
    return bool(columns) and columns[0].lower() not in (cell.strip().lower() for cell in cells)


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise _fault(path, line, f"column {twice!r} occurs twice in the header; give each column its own name")
    return header


def _csv_row(path: Path, line: int, header: Sequence[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        raise _fault(
            path, line, f"has {len(cells)} cells, but the header has {len(header)}; put quotes around cells with commas"
        )
    return Row(path, line, dict(zip(header, cells, strict=True)))


def _fault(path: Path, line: int, problem: str) -> InputError:
    return InputError(f"Data file {str(path)!r}, line {line}: {problem}.")
