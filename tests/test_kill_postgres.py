"""A workspace in PostgreSQL: runs are killed and resumed as in a folder, and resume on another machine."""

import dataclasses
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.databases import SERVER, fresh_database, missing
from tests.killing import Moment, Place, ended, kill, place, resume, wait_for

pytestmark = [
    pytest.mark.enable_socket,  # processes are forked over a socket of the file system
    pytest.mark.skipif(bool(missing()), reason=missing()),
]
HOLDS = "query LIKE '%pg_try_advisory_lock%'"
"""Tells the connection that holds a run from the others: it has said nothing since."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return the place of a run that was left alone, in a folder: where a run is kept changes nothing."""
    with place(tmp_path_factory.mktemp("runs") / "whole") as found:
        assert found.finish() == 0, found.complaints
    return found


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Place]:
    with fresh_database() as uri, place(tmp_path / "fresh", uri) as found:
        yield found


def cut(uri: str, which: str = "true") -> int:
    """End connections of a database's users from the server's side, and return how many."""
    with psycopg.connect(uri) as connection:
        return connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "  # type: ignore[arg-type]
            f"WHERE datname = current_database() AND pid <> pg_backend_pid() AND {which}"
        ).rowcount


@pytest.mark.parametrize(
    ("moment", "share"),
    [("answered", 0.0), ("kept", 0.25), ("answered", 0.5), ("kept", 0.75), ("answered", 0.9), ("kept", 1.0)],
)
def test_a_run_that_was_killed_finds_the_same_and_asks_for_nothing_it_has(
    moment: Moment, share: float, whole: Place, fresh: Place
) -> None:
    kill(fresh, moment, max(1, round(share * len(whole.answered))))
    verdict = resume(fresh, whole)
    assert verdict.good, verdict


def test_a_run_that_was_started_on_one_machine_resumes_on_another(whole: Place, fresh: Place) -> None:
    kill(fresh, "kept", len(whole.answered) // 2)
    there = fresh.folder / "there"
    shutil.move(fresh.folder / "task", there / "my task")
    other = dataclasses.replace(fresh, folder=there / "work", task=str(there / "my task" / "task.toml"))
    before, kept = len(fresh.answered), len(fresh.kept())
    assert other.finish() == 2
    assert "task.toml" in other.outcome["message"]
    assert other.finish(elsewhere=True) == 0, other.outcome
    assert other.results == whole.results
    assert len(fresh.answered) - before == len(whole.answered) - kept


def test_a_second_process_on_a_run_is_refused_and_the_first_goes_on(whole: Place, fresh: Place) -> None:
    fresh.server.latency = 0.2  # the second waits for two seconds whether the first goes away
    first = fresh.start()
    wait_for(first, lambda: fresh.kept_so_far >= 5)
    second = dataclasses.replace(fresh, folder=fresh.folder / "second")
    assert second.finish() == 2
    assert second.outcome["error"] == "RunBusyError"
    fresh.server.latency = 0.0
    assert ended(first) == 0
    assert fresh.results == whole.results
    assert len(fresh.answered) == len(whole.answered)


def test_two_runs_share_a_new_workspace_side_by_side(whole: Place, fresh: Place) -> None:
    other = dataclasses.replace(fresh, folder=fresh.folder / "other")
    processes = fresh.start(), other.start(run="other")
    assert [ended(process) for process in processes] == [0, 0], fresh.complaints + other.complaints
    assert fresh.results["findings.json"] == other.results["findings.json"] == whole.results["findings.json"]


@pytest.mark.parametrize("which", ["true", HOLDS, f"NOT {HOLDS}"], ids=["all", "the hold", "all but the hold"])
def test_a_run_whose_connections_are_cut_keeps_the_calls_in_flight_and_goes_on(
    which: str, whole: Place, fresh: Place
) -> None:
    fresh.server.latency = 0.02
    process = fresh.start()
    wait_for(process, lambda: fresh.kept_so_far >= len(whole.answered) // 2)
    assert cut(fresh.workspace, which) > 0
    code = ended(process)
    fresh.server.latency = 0.0
    if which == f"NOT {HOLDS}":
        assert code in (0, 4)  # none may have been in use
    else:
        assert code == 4, fresh.complaints
        assert fresh.outcome["error"] == "StorageError"
    verdict = resume(fresh, whole)
    assert verdict.good, verdict
    assert verdict.lost == 0


def test_a_run_whose_database_is_gone_says_so_and_goes_on_when_it_is_back(whole: Place, fresh: Place) -> None:
    name = fresh.workspace.rpartition("/")[2]
    fresh.server.latency = 0.02
    process = fresh.start(patience=1)
    wait_for(process, lambda: fresh.kept_so_far >= len(whole.answered) // 2)
    with psycopg.connect(SERVER, autocommit=True) as server:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        server.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        assert ended(process) == 4
        server.execute(allow.format(sql.Identifier(name), sql.SQL("true")))
    assert fresh.outcome["error"] == "StorageError"
    fresh.server.latency = 0.0
    verdict = resume(fresh, whole)
    assert verdict.good, verdict


def test_a_run_that_is_asked_to_stop_keeps_the_calls_in_flight(whole: Place, fresh: Place) -> None:
    fresh.server.latency = 0.02
    process = fresh.start()
    wait_for(process, lambda: fresh.kept_so_far >= len(whole.answered) // 2)
    os.kill(process.pid or 0, signal.SIGTERM)
    assert ended(process) == 130
    fresh.server.latency = 0.0
    verdict = resume(fresh, whole)
    assert verdict.good, verdict
    assert verdict.lost == 0
