"""Nothing that was paid for is lost: a fast part of the kill matrix, signals, and two processes on one run.

`make kill-matrix` kills at every call.
"""

import dataclasses
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.killing import MODELS, Moment, Place, ended, kill, place, resume, wait_for

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


def at(whole: Place, when: str) -> int:
    """Return the number of the call that a moment of the run is at."""
    metas = [number for number, model in enumerate(whole.models, 1) if model == MODELS["meta"]]
    rewrite, merge, last = metas[0], metas[-1], len(whole.models)
    return {
        "the first call": 1,
        "within the first inner loops": rewrite // 2,
        "the first rewrite of an optimizer": rewrite,
        "within the second inner loops": (rewrite + merge) // 2,
        "the merge of the optimizers": merge,
        "within the merged inner loop": (merge + last) // 2,
        "the last call": last,
    }[when]


@pytest.mark.parametrize(
    ("moment", "when"),
    [
        ("answered", "the first call"),
        ("kept", "within the first inner loops"),
        ("answered", "the first rewrite of an optimizer"),
        ("answered", "within the second inner loops"),
        ("kept", "the merge of the optimizers"),
        ("answered", "within the merged inner loop"),
        ("answered", "the last call"),
        ("kept", "the last call"),
    ],
)
def test_a_run_that_was_killed_finds_the_same_and_asks_for_nothing_it_has(
    moment: Moment, when: str, whole: Place, fresh: Place
) -> None:
    kill(fresh, moment, at(whole, when))
    verdict = resume(fresh, whole)
    assert verdict.good, verdict


def test_two_kills_in_a_row_lose_no_more_than_one(whole: Place, fresh: Place) -> None:
    half = len(whole.answered) // 2
    assert kill(fresh, "kept", half // 2) == -signal.SIGKILL
    second = resume(fresh, whole, lambda: kill(fresh, "answered", half))
    assert (second.code, second.repeated) == (-signal.SIGKILL, 0)
    verdict = resume(fresh, whole)
    assert verdict.good, verdict


@pytest.mark.parametrize(
    ("number", "plain"),
    [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGINT, True)],
    ids=["Ctrl-C", "SIGTERM", "Ctrl-C in a script"],
)
def test_a_run_that_is_asked_to_stop_keeps_the_calls_in_flight(
    number: signal.Signals, plain: bool, whole: Place, fresh: Place
) -> None:
    process = fresh.start(plain=plain)
    wait_for(process, lambda: fresh.kept_so_far >= len(whole.answered) // 2)
    fresh.server.latency = 0.1  # so that calls are in flight
    asked = fresh.server.requests
    wait_for(process, lambda: fresh.server.requests > asked)
    os.kill(process.pid or 0, number)
    assert ended(process) == 130
    assert len(fresh.answered) == len(fresh.kept()) < len(whole.answered)
    fresh.server.latency = 0.0
    verdict = resume(fresh, whole)
    assert verdict.good, verdict
    assert verdict.lost == 0


def test_a_second_process_on_a_run_is_refused_and_the_first_goes_on(whole: Place, fresh: Place) -> None:
    fresh.server.latency = 0.02
    first = fresh.start()
    wait_for(first, lambda: fresh.kept_so_far >= 5)
    second = dataclasses.replace(fresh, folder=fresh.folder / "second", workspace=str(fresh.folder / "workspace"))
    assert second.finish() == 2
    assert second.outcome == {
        "error": "RunBusyError",
        "message": "Run 'run' is at work in another process; wait for it, or stop it first.",
    }
    fresh.server.latency = 0.0
    assert ended(first) == 0
    assert fresh.results == whole.results
    assert len(fresh.answered) == len(whole.answered)


def test_two_runs_share_a_new_workspace_side_by_side(whole: Place, fresh: Place) -> None:
    other = dataclasses.replace(fresh, folder=fresh.folder / "other", workspace=str(fresh.folder / "workspace"))
    processes = fresh.start(), other.start(run="other")
    assert [ended(process) for process in processes] == [0, 0], fresh.complaints + other.complaints
    assert fresh.results["findings.json"] == other.results["findings.json"] == whole.results["findings.json"]
