"""Set before anything is imported: LangGraph and LangSmith read these once."""

import os

os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
os.environ["LANGSMITH_TRACING"] = "false"

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.loopback import Undisturbed
    from tests.openai_server import Server

# A shell lets what a script starts in the background ignore Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
settings.register_profile("shared", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("shared")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[Server]":
    """Serve OpenAI's interface on the loopback interface, and point the environment at it."""
    from tests.loopback import point_at
    from tests.openai_server import serving

    with serving(tmp_path / "journal.jsonl") as running:
        point_at(running, monkeypatch)
        yield running


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> "Undisturbed":
    """Run once without faults, to compare with."""
    from tests.loopback import Undisturbed

    return Undisturbed.run(tmp_path_factory.mktemp("undisturbed"))
