"""Kill a full run at every call, resume it, and hold it against a run that was left alone.

    python -m tests.kill_matrix [--every N] [--writes N] [--workspace sqlite|postgresql://...] [--output FILE]

Without --workspace: in SQLite, and in PostgreSQL where a server answers (METATEXTGRAD_TEST_POSTGRES).
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import Literal, get_args

from tests.databases import SERVER, fresh_database, missing
from tests.killing import Moment, Place, Verdict, kill, place, resume

Database = Literal["store", "checkpoints"]
WAYS: dict[str, str] = {
    "answered": "when the k-th call has been answered, before the answer is sent",
    "kept": "when the k-th reply is in the store",
    "store": "before a write of the store",
    "checkpoints": "before a write of the saver",
}
AT_ONCE = 2


@dataclass(frozen=True)
class Point:
    """Where a run is killed."""

    way: Moment | Database
    number: int


@dataclass(frozen=True)
class Killed:
    """What came of it."""

    point: Point
    died: bool
    """Or else the process had ended before."""
    verdict: Verdict


@contextmanager
def opened(folder: Path, workspace: str) -> Iterator[Place]:
    """Open a fresh place, in a database of its own where `workspace` is not sqlite."""
    if workspace == "sqlite":
        with place(folder) as fresh:
            yield fresh
    else:
        with fresh_database(workspace) as uri, place(folder, uri) as fresh:
            yield fresh


def points(whole: Place, every: int, writes: int) -> list[Point]:
    """Return where to kill: at every `every`-th call in two ways, and before every `writes`-th write of SQLite."""
    calls = range(1, len(whole.answered) + 1, every)
    found = [Point(way, number) for way in get_args(Moment) for number in calls]
    if writes and not whole.workspace.startswith("postgresql"):
        found += [
            Point(name, number) for name in get_args(Database) for number in range(1, whole.writes[name] + 1, writes)
        ]
    return found


def tried(point: Point, whole: Place, folder: Path, workspace: str) -> Killed:
    """Kill a run of its own at a point, and resume it."""
    with opened(folder / f"{point.way}-{point.number}", workspace) as fresh:
        match point.way:
            case "answered" | "kept":
                code = kill(fresh, point.way, point.number)
            case "store" | "checkpoints":
                code = fresh.finish(die_at=(point.way, point.number))
        return Killed(point, code != 0, resume(fresh, whole))


def matrix(workspace: str, every: int, writes: int) -> list[Killed]:
    """Try all points of a workspace, two at a time."""
    with tempfile.TemporaryDirectory() as base, opened(Path(base) / "whole", workspace) as whole:
        assert whole.finish() == 0, whole.complaints
        asked = points(whole, every, writes)
        found = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for killed in pool.map(lambda point: tried(point, whole, Path(base), workspace), asked):
                found.append(killed)
                _tell(workspace, len(found), len(asked), killed)
    return found


def _tell(workspace: str, done: int, of: int, killed: Killed) -> None:
    name = workspace.partition(":")[0]
    if not killed.verdict.good:
        sys.stderr.write(f"{name}: {killed}\n")
    elif done % 20 == 0 or done == of:
        sys.stderr.write(f"{name}: {done} of {of}\n")


def row(workspace: str, way: str, found: Sequence[Killed]) -> str:
    """Return one line of the table."""
    of_way = [killed for killed in found if killed.point.way == way]
    verdicts = [killed.verdict for killed in of_way]
    cells = [
        "SQLite" if workspace == "sqlite" else "PostgreSQL",
        WAYS[way],
        len(of_way),
        sum(killed.died for killed in of_way),
        sum(not verdict.differing and not verdict.code for verdict in verdicts),
        sum(verdict.repeated for verdict in verdicts),
        sum(verdict.requests for verdict in verdicts),
        sum(verdict.calls for verdict in verdicts),
        sum(verdict.lost for verdict in verdicts),
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def table(results: dict[str, list[Killed]]) -> str:
    """Return the table in Markdown."""
    columns = (
        "workspace",
        "killed",
        "points",
        "died",
        "same results",
        "kept replies asked for again",
        "requests answered",
        "calls",
        "answered, not yet kept",
    )
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for workspace, found in results.items():
        ways = [way for way in WAYS if any(killed.point.way == way for killed in found)]
        lines += [row(workspace, way, found) for way in ways]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the matrix and write its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="kill at every N-th call")
    parser.add_argument("--writes", type=int, default=10, help="kill before every N-th write of SQLite; 0 for none")
    parser.add_argument("--workspace", action="append", help="sqlite, or the URI of a server that may make databases")
    parser.add_argument("--output", type=Path, help="a Markdown file whose table is replaced")
    given = parser.parse_args()
    workspaces = given.workspace or ["sqlite", *([] if missing() else [SERVER])]
    results = {workspace: matrix(workspace, given.every, given.writes) for workspace in workspaces}
    made = table(results)
    sys.stdout.write(made)
    if given.output:
        _replace_table(given.output, made)
    return int(not all(killed.verdict.good for found in results.values() for killed in found))


def _replace_table(path: Path, made: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith("| workspace"))
    rest = dropwhile(lambda line: line.startswith("|"), lines[first:])
    path.write_text("".join(lines[:first]) + made + "".join(rest), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
