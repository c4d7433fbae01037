"""The process that the tests kill: it starts a small run or goes on with it, and writes down what it found.

    python -m tests.kill_driver orders.json

`tests/killing.py` forks it from a process that has imported everything already. It heeds Ctrl-C and SIGTERM as the
command line does. Orders can make SQLite fail, or end the process in the middle of a write.
"""

import asyncio
import hashlib
import json
import os
import signal
import sqlite3
import sys
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from metatextgrad.api import Result, ameta_optimize, aoptimize, aresume
from metatextgrad.core.errors import InputError, MetaTextGradError, RunBusyError
from metatextgrad.execution import Stop
from metatextgrad.runtime import postgres
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.ledger import Call, Ledger
from metatextgrad.runtime.reply import Reply

MODELS = {"program": "gpt-4o-mini", "optimizer": "gpt-4o", "meta": "gpt-4.1"}
"""Real names, so that calls have a price and money is compared too."""
RESULTS = ("findings.json", "optimizer.json", "program.json", "usage.json")


@dataclass(frozen=True)
class Orders:
    """What the process is to do."""

    folder: str
    """Where it works and writes its logs and results."""
    workspace: str
    task: str
    url: str
    """Where the models are."""
    run: str = "run"
    agent: bool = False
    """Optimize the agent of `kill_agent`, in the place of learning an optimizer."""
    elsewhere: bool = False
    """Resume with the task at its present path, as on another machine."""
    plain: bool = False
    """No handlers of signals, as in a user's own script."""
    die_at: tuple[str, int] | None = None
    """A database, store or checkpoints, and the number of the write before which the process kills itself."""
    pages: dict[str, int] = field(default_factory=dict)
    """Database -> how many pages it can grow to, as on a full disk."""
    patience: float | None = None
    """How many seconds a statement waits for a database that is locked, or a connection for one that is gone."""


def run(orders: Orders) -> None:
    """Carry out orders in this process and end it."""
    Path(orders.folder).mkdir(parents=True, exist_ok=True)
    os.chdir(orders.folder)
    os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"] = orders.url, "none"
    with _log("stderr.log") as told, _log("calls.log") as asked, _log("kept.log") as kept:
        os.dup2(told.fileno(), 2)
        sys.stderr = told
        _log_calls(asked, kept)
        writes = _spoil(orders)
        code = _code(orders)
    Path("writes.json").write_text(json.dumps(writes), encoding="utf-8")
    os._exit(code)


def _log(name: str) -> IO[str]:
    return Path(name).open("a", encoding="utf-8", buffering=1)


def identity(model: str, temperature: float | None, messages: Sequence[tuple[str, str]]) -> str:
    """Name a request by what the models see of it."""
    return hashlib.sha256(json.dumps([model, temperature, [list(pair) for pair in messages]]).encode()).hexdigest()[:16]


def _code(orders: Orders) -> int:
    try:
        _write(asyncio.run(_carried_out(orders)))
    except MetaTextGradError as error:
        outcome = {"error": type(error).__name__, "message": str(error)}
        Path("outcome.json").write_text(json.dumps(outcome), encoding="utf-8")
        return error.exit_code
    except KeyboardInterrupt:  # as Python leaves a script
        return 130
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


async def _carried_out(orders: Orders) -> Result:
    stop = Stop()
    if not orders.plain:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.request)
    try:
        return await aresume(
            orders.run, task=orders.task if orders.elsewhere else None, workspace=orders.workspace, stop=stop
        )
    except RunBusyError:
        raise
    except InputError as error:
        if not str(error).startswith("Unknown run"):
            raise
    given: dict[str, Any] = {"settings": _settings(), "workspace": orders.workspace, "run": orders.run, "stop": stop}
    if orders.agent:
        from tests.kill_agent import program

        return await aoptimize(orders.task, program=program(), **given)
    return await ameta_optimize(orders.task, **given)


def _settings() -> Context:
    return Context(
        **{f"{level}_model": f"openai:{name}" for level, name in MODELS.items()},
        steps=2,
        meta_prompt_steps=1,
        meta_structure_steps=1,
        retries=0,
    )


def _write(result: Result) -> None:
    usage = {level: used.model_dump() for level, used in result.usage.items()}
    texts = [value.model_dump_json(indent=1) for value in (result.findings, result.optimizer, result.program)]
    for name, text in zip(RESULTS, (*texts, json.dumps(usage)), strict=True):
        Path(name).write_text(text, encoding="utf-8")


def _log_calls(asked: IO[str], kept: IO[str]) -> None:
    """Log each call before it is looked for, and each reply once it is in the store; a log outlives its process."""
    complete, keep = Ledger.complete, Ledger._keep

    async def logged_complete(self: Ledger, call: Call) -> Reply:
        model = self.models.name(call.level).partition(":")[2]
        request = identity(model, call.temperature, _seen(call))
        asked.write(json.dumps({"key": self.key(call), "request": request}) + "\n")
        return await complete(self, call)

    async def logged_keep(self: Ledger, key: str, made: Any) -> None:
        await keep(self, key, made)
        kept.write(f"{key}\n")

    Ledger.complete, Ledger._keep = logged_complete, logged_keep  # type: ignore[method-assign]


def _seen(call: Call) -> Sequence[tuple[str, str]]:
    """Return what a model sees of a call: roles and texts, and of an agent's reply what it calls."""
    if call.chat is None:
        return call.messages
    return [(message.type, spoken(message.text, getattr(message, "tool_calls", []))) for message in call.chat.messages]


def spoken(text: str, calls: Sequence[Mapping[str, Any]]) -> str:
    """Write a message with what it calls; the ids of calls are made anew each time."""
    return text + "".join(f"\n{call['name']}({json.dumps(call['args'])})" for call in calls)


def _spoil(orders: Orders) -> Counter[str]:
    """Let databases do what the orders say, and count the writes of SQLite; the databases are real."""
    connect, writes = sqlite3.connect, Counter[str]()
    if orders.patience is not None:
        postgres._CONNECT_SECONDS = orders.patience  # type: ignore[assignment]

    def spoilt(path: Any, *rest: Any, **options: Any) -> sqlite3.Connection:
        name = Path(path).stem  # store for store.new too, in which its tables are made
        if orders.patience is not None:
            options["timeout"] = orders.patience
        connection = connect(path, *rest, **options)
        if name in orders.pages:
            connection.execute(f"PRAGMA max_page_count={orders.pages[name]}")
        connection.set_trace_callback(lambda statement: begun(name, statement))
        return connection

    def begun(name: str, statement: str) -> None:
        if statement.lstrip().startswith(("SELECT", "PRAGMA")):
            return
        writes[name] += 1
        if orders.die_at and (name, writes[name]) == tuple(orders.die_at):
            os.kill(os.getpid(), signal.SIGKILL)

    sqlite3.connect = spoilt
    return writes


if __name__ == "__main__":
    run(Orders(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
