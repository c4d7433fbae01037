"""Read the rows of a benchmark as it was published: from a file, or from the Hugging Face hub."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from metatextgrad.core.errors import InputError
from metatextgrad.tasks.rows import Row, read_rows

HUB = "hub"
"""What is given in the place of a path to read from the hub."""
EXTRA = "install it by: pip install 'metatextgrad[hub]'"


@dataclass(frozen=True)
class Hub:
    """Where a benchmark is on the hub."""

    path: str
    name: str | None
    split: str


def read_published(data: str, task: str, hub: Hub, columns: Sequence[str] = ()) -> list[Row]:
    """Read the rows of a .csv, .jsonl or .parquet file, or those on the hub when `data` is "hub".

    Args:
        data: a path, or "hub".
        task: the task, for the error.
        hub: where the hub has it.
        columns: the columns of a CSV file that may come without a header.

    Raises:
        InputError: there is no such file, it is broken, the hub cannot be reached, or a package is missing.
    """
    if not data:
        raise InputError(
            f"Task {task!r} needs its data: give data = the path of its .csv, .jsonl or .parquet file, or {HUB!r}."
        )
    if data == HUB:
        return _from_hub(task, hub)
    path = Path(data).expanduser()
    return _parquet(path) if path.suffix.lower() == ".parquet" else read_rows(path, columns)


def _from_hub(task: str, hub: Hub) -> list[Row]:
    datasets = _package("datasets", f"Reading {task!r} from the hub")
    try:
        rows = datasets.load_dataset(hub.path, hub.name, split=hub.split)
    except Exception as error:  # of many kinds: no network, no such data set, one that asks for a login
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"The data set {hub.path!r} of {task!r} cannot be loaded from the hub ({type(error).__name__}: {said}). "
            "Is there a network, and for a gated data set a login? A file works too: data = its path."
        ) from None
    return _rows(Path(hub.path), rows)


def _parquet(path: Path) -> list[Row]:
    parquet = _package("pyarrow.parquet", "Reading .parquet files")
    if not path.is_file():
        raise InputError(f"There is no data file {str(path)!r}; check the path.")
    try:
        rows = parquet.read_table(path).to_pylist()
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"The data file {str(path)!r} cannot be read as Parquet: {said}") from None
    return _rows(path, rows)


def _rows(path: Path, records: Iterable[Mapping[str, object]]) -> list[Row]:
    """Return rows with numbers as texts, as those of text files are."""
    found = [
        Row(path, number, {str(column): _text(value) for column, value in record.items()})
        for number, record in enumerate(records, start=1)
    ]
    if not found:
        raise InputError(f"The data file {str(path)!r} has no rows; give it at least one example.")
    return found


def _text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _package(name: str, purpose: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise InputError(f"{purpose} needs the package {name.partition('.')[0]!r}; {EXTRA}.") from None
