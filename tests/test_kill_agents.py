"""A run that optimizes an agent is killed in the middle, and resumed: nothing that was paid for is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import kill_agent, openai_server
from tests.killing import Moment, Place, kill, place, resume

pytestmark = pytest.mark.enable_socket  # processes are forked over a socket of the file system


@contextmanager
def agents(folder: Path) -> Iterator[Place]:
    with place(folder) as found:
        kill_agent.write_task(Path(found.task).parent)
        found.server.handler = lambda asked: ""  # `answered` makes the whole answer
        yield found


@pytest.fixture(scope="module", autouse=True)
def tools() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai_server, "completion", kill_agent.answered)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return the place of a run that was left alone."""
    with agents(tmp_path_factory.mktemp("runs") / "whole") as found:
        assert found.finish(agent=True) == 0, found.complaints
    return found


def tools_run(place: Place) -> int:
    return len((place.folder / "tools.log").read_text(encoding="utf-8").splitlines())


def test_the_agent_is_improved_by_the_run(whole: Place) -> None:
    assert b"Be exact!!" in whole.results["program.json"]


@pytest.mark.parametrize(
    ("moment", "share"), [("answered", 0.0), ("answered", 0.3), ("kept", 0.5), ("answered", 0.8), ("kept", 1.0)]
)
def test_a_run_of_an_agent_that_was_killed_finds_the_same_and_asks_for_nothing_it_has(
    moment: Moment, share: float, whole: Place, tmp_path: Path
) -> None:
    with agents(tmp_path / "fresh") as fresh:
        kill(fresh, moment, max(1, round(share * len(whole.answered))), agent=True)
        verdict = resume(fresh, whole, lambda: fresh.finish(agent=True))
    assert verdict.good, verdict
    # Only examples that were in flight run their tools again: all of a set, as they are this few.
    assert tools_run(whole) <= tools_run(fresh) <= tools_run(whole) + 8
