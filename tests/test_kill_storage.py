"""A store that fails, or a process that dies while it writes: the run goes on from what is whole."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.killing import Place, ended, place, resume, wait_for

pytestmark = pytest.mark.enable_socket  # processes are forked over a socket of the file system


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return the place of a run that was left alone."""
    with place(tmp_path_factory.mktemp("runs") / "whole") as found:
        assert found.finish() == 0, found.complaints
    return found


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path / "fresh") as found:
        yield found


@pytest.mark.parametrize("database", ["store", "checkpoints"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("further", [6, 7])
def test_a_run_that_was_killed_before_a_write_finds_the_same(
    database: str, share: float, further: int, whole: Place, fresh: Place
) -> None:
    number = round(share * whole.writes[database]) + further  # begins, rows and commits
    assert fresh.finish(die_at=(database, number)) == -signal.SIGKILL
    verdict = resume(fresh, whole)
    assert verdict.good, verdict


@pytest.mark.parametrize("database", ["store", "checkpoints"])
def test_a_run_whose_disk_is_full_says_so_and_goes_on_when_there_is_space(
    database: str, whole: Place, fresh: Place
) -> None:
    with closing(sqlite3.connect(whole.folder / "workspace" / f"{database}.sqlite")) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    assert fresh.finish(pages={database: pages // 2}) == 4
    assert fresh.outcome["error"] == "StorageError"
    assert fresh.outcome["message"].startswith("The workspace failed: database or disk is full. Free some space, then")
    verdict = resume(fresh, whole)
    assert verdict.good, verdict


@pytest.mark.parametrize("database", ["store", "checkpoints"])
def test_a_run_whose_database_is_locked_for_long_says_so_and_goes_on_when_it_is_free(
    database: str, whole: Place, fresh: Place
) -> None:
    process = fresh.start(patience=0.1)
    wait_for(process, lambda: fresh.kept_so_far >= len(whole.answered) // 2)
    with closing(sqlite3.connect(fresh.folder / "workspace" / f"{database}.sqlite", timeout=5)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert ended(process) == 4
        connection.rollback()
    assert fresh.outcome["error"] == "StorageError"
    assert fresh.outcome["message"].startswith("The workspace failed: database is locked. End the program that holds")
    verdict = resume(fresh, whole)
    assert verdict.good, verdict
