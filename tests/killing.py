"""Kill a run, resume it, and hold the result against a run that was left alone.

What is asked of the models is counted by their server; what was kept is read from the store of the dead process.
"""

import dataclasses
import json
import multiprocessing
import shutil
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal

from metatextgrad.tasks.dyck import generate
from tests.kill_driver import MODELS, RESULTS, Orders, identity, run, spoken
from tests.openai_answers import Asked, simulated
from tests.openai_server import Line, Server, serving

Moment = Literal["answered", "kept"]
"""When the process is killed. answered: the server has the k-th answer and has not sent it; the process never gets it.
kept: k replies are in the store."""

LEVELS = {model: level for level, model in MODELS.items()}
ROLES = {"user": "human", "assistant": "ai"}
TASK = """name = "tiny"
question_type = "close what is open in a bracket sequence"
metric = "dyck"

[data]
file = "examples.jsonl"
train = 4
val = 4
test = 4
"""
KEPT = "SELECT key FROM store WHERE prefix = 'metatextgrad.call'"
OTHERS = """SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
PATIENCE_SECONDS = 60.0

_forks = multiprocessing.get_context("forkserver")
_books = threading.Lock()
"""A process that starts asks for the exit codes of all others, and each can be read once."""
_forks.set_forkserver_preload(["tests.kill_driver", "langchain.chat_models", "langchain_openai", "aiohttp"])


@dataclass
class Place:
    """One workspace with the server that its runs ask, and what happened there."""

    folder: Path
    server: Server
    task: str
    workspace: str = "workspace"

    def start(self, **orders: object) -> ForkServerProcess:
        """Start a process that begins the run or goes on with it."""
        given = Orders(str(self.folder), self.workspace, self.task, self.server.url)
        process = _forks.Process(target=run, args=(dataclasses.replace(given, **orders),))
        with _books:
            process.start()
        return process

    def finish(self, **orders: object) -> int:
        """Let a process begin the run or go on with it, and return the exit code."""
        return ended(self.start(**orders))

    @property
    def answered(self) -> list[str]:
        """What was asked and answered, in the order of the answers."""
        numbers = [line["number"] for line in self.server.lines("finished")]
        return [_identity(self.server.bodies[number - 1]) for number in numbers]

    @property
    def models(self) -> list[str]:
        """Which models answered, in the order of the answers."""
        return [line["model"] for line in self.server.lines("finished")]

    @property
    def kept_so_far(self) -> int:
        """How many replies the process knows to be in the store."""
        log = self.folder / "kept.log"
        return len(log.read_bytes().splitlines()) if log.exists() else 0

    @property
    def requests(self) -> dict[str, str]:
        """Key in the ledger -> what the server is asked."""
        lines = (self.folder / "calls.log").read_text(encoding="utf-8").splitlines()
        return {call["key"]: call["request"] for call in map(json.loads, lines)}

    @property
    def results(self) -> dict[str, bytes]:
        return {name: (self.folder / name).read_bytes() for name in RESULTS if (self.folder / name).exists()}

    @property
    def outcome(self) -> dict[str, str]:
        """The error that the last process ended with."""
        found: dict[str, str] = json.loads((self.folder / "outcome.json").read_text(encoding="utf-8"))
        return found

    @property
    def complaints(self) -> str:
        """What the processes wrote to stderr."""
        return (self.folder / "stderr.log").read_text(encoding="utf-8")

    @property
    def writes(self) -> dict[str, int]:
        """How many writes the last process made, by database."""
        found: dict[str, int] = json.loads((self.folder / "writes.json").read_text(encoding="utf-8"))
        return found

    def kept(self) -> set[str]:
        """Return the keys of the replies in the store."""
        if self.workspace.startswith("postgresql"):
            return _kept_in_postgres(self.workspace)
        return _kept_in_sqlite(self.folder / self.workspace)


@contextmanager
def place(folder: Path, workspace: str = "workspace", **options: object) -> Iterator[Place]:
    """Open a fresh place; options are fields of `Server`."""
    task = folder / "task"
    task.mkdir(parents=True)
    rows = [{"id": item.id, "question": item.input, "answer": item.target} for item in generate(0, 12)]
    (task / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (task / "task.toml").write_text(TASK, encoding="utf-8")
    journal = folder / "journal.jsonl"
    journal.touch()
    with serving(journal, _by_level, **options) as server:
        yield Place(folder, server, str(task / "task.toml"), workspace)


@dataclass(frozen=True)
class Verdict:
    """What became of a run that was killed and resumed."""

    code: int
    """The exit code of the process that resumed it."""
    differing: tuple[str, ...]
    """Results that are not byte for byte those of the run that was left alone."""
    repeated: int
    """Requests for replies that were in the store."""
    lost: int
    """Requests that were answered before the kill and whose replies did not get as far as the store."""
    requests: int
    calls: int
    """Different calls of the whole run."""
    complaint: str = ""
    """The last line that the processes wrote to stderr: there should be none."""

    @property
    def good(self) -> bool:
        return (
            not (self.code or self.differing or self.repeated or self.complaint)
            and self.requests == self.calls + self.lost
        )


def resume(place: Place, whole: Place, again: Callable[[], int] | None = None) -> Verdict:
    """Resume a run whose process is dead, and hold it against the one that was left alone.

    `again` lets another process go on with it, to the end if it is left out, and returns its exit code.
    """
    requests, before = place.requests, len(place.answered)
    kept = Counter(requests[key] for key in place.kept())
    code = again() if again else place.finish()
    needed = Counter(whole.requests.values()) - kept
    asked = Counter(place.answered[before:])
    known, found = whole.results, place.results
    return Verdict(
        code=code,
        differing=tuple(name for name in RESULTS if found.get(name) != known[name]),
        repeated=(asked - needed).total(),
        lost=before - kept.total(),
        requests=len(place.answered),
        calls=len(whole.requests),
        complaint="".join(place.complaints.splitlines()[-1:]),
    )


def kill(place: Place, moment: Moment, number: int, **orders: object) -> int:
    """Start a process, kill it by SIGKILL at a moment, and return its exit code; 0 when it had ended before.

    `number` counts from the begin of the run, over all its processes.
    """
    if moment == "answered":
        with _armed(place.server, number) as target:
            process = place.start(**orders)
            target.append(process)
            return ended(process)
    process = place.start(**orders)
    wait_for(process, lambda: place.kept_so_far >= number)
    process.kill()
    return ended(process)


def wait_for(process: ForkServerProcess, reached: Callable[[], bool]) -> None:
    """Wait until something is reached or the process has ended."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not reached() and not wait([process.sentinel], timeout=0):
        assert time.monotonic() < until, "it is not reached"
        time.sleep(0.0005)


def ended(process: ForkServerProcess) -> int:
    """Wait for the end of a process and return its exit code."""
    has_ended = wait([process.sentinel], PATIENCE_SECONDS)
    with _books:
        if not has_ended:
            process.kill()
        process.join()
    assert has_ended and process.exitcode is not None, "the process does not end"
    return process.exitcode


@contextmanager
def _armed(server: Server, number: int) -> Iterator[list[ForkServerProcess]]:
    """Kill the process that is put into the list when the server has its answer of that number."""
    note, answered, target = server.note, len(server.lines("finished")), list[ForkServerProcess]()

    def noted(line: Line) -> None:
        nonlocal answered
        note(line)
        if line["event"] == "finished":
            answered += 1
            if answered == number:
                target[0].kill()

    server.note = noted  # type: ignore[method-assign]
    yield target
    server.note = note  # type: ignore[method-assign]


def _by_level(asked: Asked) -> str:
    return simulated(dataclasses.replace(asked, model=LEVELS[asked.model]))


def _identity(body: Mapping[str, Any]) -> str:
    messages = [(ROLES.get(message["role"], message["role"]), _spoken(message)) for message in body["messages"]]
    return identity(body["model"], body.get("temperature"), messages)


def _spoken(message: Mapping[str, Any]) -> str:
    called = [call["function"] for call in message.get("tool_calls") or ()]
    calls = [{"name": call["name"], "args": json.loads(call["arguments"])} for call in called]
    return spoken(message["content"] or "", calls)


def _kept_in_sqlite(folder: Path) -> set[str]:
    """Read a copy: whoever opens the database of a dead process sets it right, which is the task of the next one."""
    if not (folder / "store.sqlite").exists():
        return set()
    with tempfile.TemporaryDirectory() as copy:
        for file in folder.glob("store.sqlite*"):
            shutil.copy(file, copy)
        with closing(sqlite3.connect(Path(copy) / "store.sqlite")) as connection:
            tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'store'").fetchall()
            return {key for (key,) in connection.execute(KEPT)} if tables else set()


def _kept_in_postgres(uri: str) -> set[str]:
    import psycopg

    with psycopg.connect(uri, autocommit=True) as connection:
        while connection.execute(OTHERS).fetchall():  # the server may still commit what a dead process sent
            time.sleep(0.01)
        tables = connection.execute("SELECT 1 FROM pg_class WHERE relname = 'store'").fetchall()
        return {key for (key,) in connection.execute(KEPT)} if tables else set()
