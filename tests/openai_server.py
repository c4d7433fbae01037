"""An OpenAI-compatible server on the loopback interface, with a journal, faults on request, and no model behind it.

    python tests/openai_server.py --port 0 --journal calls.jsonl --faults '{"429": 0.05}'

prints its address and answers with the project's simulated models; a model's name picks the level (`program`,
`optimizer`, `meta`, `judge`). In a test, `with serving(...) as server` runs it in a thread.

The journal is written before an answer is sent, so that what a killed client got can be counted afterwards.
"""

import argparse
import asyncio
import hashlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, TypedDict, get_args

from aiohttp import web

if not __package__:  # started as a file
    sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.openai_answers import ERRORS, Fault, Handler, Transport, asked_of, completion, simulated


class Line(TypedDict, total=False):
    """A line of the journal."""

    event: Literal["started", "finished", "failed"]
    number: int
    body: str
    """Hash of the request's body."""
    model: str
    fault: str
    status: int


@dataclass
class Server:
    """What the server does, changeable while it runs, and what it has seen."""

    handler: Handler
    journal: Path
    latency: float = 0.0
    faults: Mapping[str, float] = field(default_factory=dict)
    """Share of the requests that each fault befalls. Which ones follows from the seed, the body, and how often this
    body has come before: not from the order in which requests come."""
    at: Mapping[int, Fault] = field(default_factory=dict)
    """Faults of single requests, by number from 1."""
    only: str = ""
    """Faults befall only models whose name contains this."""
    seed: int = 0
    retry_after: str = "0.02"
    most: int | None = None
    """A hidden limit: 429, at once, to what is more than so many requests at once."""
    most_in: tuple[int, float] | None = None
    """A hidden limit: 429 to what is more than so many requests in so many seconds, with the time that is left."""
    total_429: bool = False
    dies_after: int | None = None
    """How many requests are answered before every further one gets a 500."""
    key: str = ""
    """The only key that is let in; empty lets any in."""
    usage: Mapping[str, Any] | None = field(default_factory=dict)
    """Merged into the usage; None leaves the usage out."""
    url: str = ""
    most_at_once: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    """Every body, in the order they came."""
    _seen: Counter[str] = field(default_factory=Counter)
    _number: int = 0
    _answered: int = 0
    _open: int = 0
    _window: tuple[float, int] = (0.0, 0)
    """When the seconds of `most_in` began, and how many requests were taken since."""
    _file: IO[str] | None = None

    def lines(self, event: str = "") -> list[Line]:
        """Read the journal back."""
        written = self.journal.read_text(encoding="utf-8").splitlines() if self.journal.exists() else []
        found: list[Line] = [json.loads(line) for line in written]
        return [line for line in found if not event or line["event"] == event]

    def answered(self) -> Counter[str]:
        """Count how often each body was answered; several samples of one call have the same body."""
        return Counter(line["body"] for line in self.lines("finished"))

    @property
    def requests(self) -> int:
        return self._number

    def forget(self) -> None:
        """Start the journal and all counts anew."""
        if self._file:
            self._file.truncate(0)
        self.bodies.clear()
        self._seen.clear()
        self._number = self._answered = self.most_at_once = 0

    def note(self, line: Line) -> None:
        """Append to the journal, at once."""
        if self._file is None:
            self._file = self.journal.open("a", encoding="utf-8")
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer POST /v1/chat/completions."""
        body = await request.json()
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
        self._number += 1
        number, self._open = self._number, self._open + 1
        self.most_at_once = max(self.most_at_once, self._open)
        self.bodies.append(body)
        self.note({"event": "started", "number": number, "body": digest, "model": str(body.get("model"))})
        try:
            fault = self._too_much()
            if not fault:
                await asyncio.sleep(self.latency)
                fault = self._refusal(request, body) or self._fault(number, digest, str(body.get("model")))
            self._seen[digest] += 1
            return await self._respond(request, body, number, digest, fault)
        finally:
            self._open -= 1

    def _refusal(self, request: web.Request, body: dict[str, Any]) -> str:
        """Say why a request is refused for what it is; empty when it is not."""
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return "401"
        if body.get("model") == "nowhere":
            return "404"
        if str(body.get("model")).startswith("o1") and body.get("temperature", 1) != 1:
            return "temperature-value"
        if str(body.get("model")).startswith("o3") and "temperature" in body:
            return "temperature"
        if any(len(str(message.get("content"))) > 50_000 for message in body.get("messages", [])):
            return "context"
        return ""

    def _too_much(self) -> str:
        """Say how a request is refused that is one too many."""
        if self.most is not None and self._open > self.most:
            return "429"
        if self.most_in is None:
            return ""
        many, seconds = self.most_in
        now = time.monotonic()
        if now >= self._window[0] + seconds:
            self._window = now, 0
        begin, taken = self._window
        if taken >= many:
            self.retry_after = f"{begin + seconds - now:.3f}"
            return "429-after"
        self._window = begin, taken + 1
        return ""

    def _fault(self, number: int, digest: str, model: str) -> str:
        if self.total_429:
            return "429-after"
        if self.dies_after is not None and self._answered >= self.dies_after:
            return "500"
        if number in self.at:
            return self.at[number]
        if self.only not in model:
            return ""
        drawn = hashlib.sha256(f"{self.seed}/{digest}/{self._seen[digest]}".encode()).digest()
        chance = int.from_bytes(drawn[:4]) / 2**32
        for fault, share in self.faults.items():
            if chance < share:
                return fault
            chance -= share
        return ""

    async def _respond(
        self, request: web.Request, body: dict[str, Any], number: int, digest: str, fault: str
    ) -> web.StreamResponse:
        noted: Line = {"number": number, "body": digest, "model": str(body.get("model")), "fault": fault}
        if fault in ERRORS:
            status, error = ERRORS[fault]
            self.note({**noted, "event": "failed", "status": status})
            message = error["message"].format(authorization=request.headers.get("Authorization", ""))
            headers = {"Retry-After": self.retry_after} if fault == "429-after" else {}
            return web.json_response({"error": {**error, "message": message}}, status=status, headers=headers)
        if fault in get_args(Transport):
            self.note({**noted, "event": "failed"})
            return await _broken(request, fault)
        answer = completion(body, number, self.handler(asked_of(body)), fault, self.usage)
        self._answered += 1
        self.note({**noted, "event": "finished", "status": 200})
        return web.json_response(answer)


async def _broken(request: web.Request, fault: str) -> web.StreamResponse:
    """Break the connection, leave it open without an answer, or answer what is no completion."""
    if fault == "not-json":
        return web.Response(text='{"id": "chatcmpl-', content_type="application/json")
    if fault == "hang":
        await asyncio.sleep(3600)
    if fault == "drip":
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        await stream.prepare(request)
        while True:  # keeps the connection busy, as some providers do while a model is at work
            await stream.write(b"\n")
            await asyncio.sleep(0.05)
    if request.transport:
        request.transport.abort()
    return web.Response()


async def _running(server: Server, port: int) -> web.AppRunner:
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/chat/completions", server.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    return runner


@contextmanager
def serving(journal: Path, handler: Handler = simulated, **options: Any) -> Iterator[Server]:
    """Run a server in a thread of its own; options are fields of `Server`."""
    server, loop, ready = (
        Server(handler=handler, journal=journal, **options),
        asyncio.new_event_loop(),
        threading.Event(),
    )
    ended = asyncio.Event()

    async def main() -> None:
        runner = await _running(server, 0)
        ready.set()
        await ended.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
        if server._file:
            server._file.close()


async def _serve(arguments: argparse.Namespace) -> None:
    server = Server(
        handler=simulated,
        journal=arguments.journal,
        latency=arguments.latency,
        faults=json.loads(arguments.faults),
        seed=arguments.seed,
        most=arguments.most,
        total_429=arguments.total_429,
    )
    await _running(server, arguments.port)
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--faults", default="{}", help='shares by fault, as JSON: {"429": 0.05, "hang": 0.01}')
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=None, help="429 above so many requests at once")
    parser.add_argument("--total-429", action="store_true", help="429 for every request")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
