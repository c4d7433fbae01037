"""An OpenAI-compatible server in a process of its own that answers 429 to what is too much: for measurements of pacing.

`PUT /limit` says what is too much, and how long an answer takes; `GET /seen` says how many requests were taken and
refused.
"""

import asyncio
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

REFUSAL = {"error": {"message": "Rate limit reached.", "type": "requests", "code": "rate_limit_exceeded"}}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 0,
    "model": "any",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


@dataclass
class Limit:
    """What a server takes: so many at once, so many a window of time, or so many a second with a store of some."""

    latency: float = 0.05
    at_once: int = 0
    window: float = 0.0
    """Seconds for which `many` hold; how long to wait is told in whole seconds."""
    many: int = 0
    rate: float = 0.0
    """How many a second; how long to wait is told in milliseconds."""
    store: int = 0
    _used: int = 0
    _left: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._left = float(self.store)

    def refusal(self, beside: int) -> dict[str, str] | None:
        """Return the headers of a refusal; None lets a request in, besides so many."""
        now = time.monotonic()
        if self.at_once:
            return {} if beside >= self.at_once else None
        if self.window:
            return self._of_window(now)
        return self._of_rate(now) if self.rate else None

    def _of_window(self, now: float) -> dict[str, str] | None:
        if now >= self._since + self.window:
            self._since += self.window * ((now - self._since) // self.window)
            self._used = 0
        if self._used >= self.many:
            return {"Retry-After": str(math.ceil(self._since + self.window - now))}
        self._used += 1
        return None

    def _of_rate(self, now: float) -> dict[str, str] | None:
        self._left = min(float(self.store), self._left + (now - self._since) * self.rate)
        self._since = now
        if self._left < 1:
            return {"Retry-After-Ms": str(math.ceil((1 - self._left) / self.rate * 1000))}
        self._left -= 1
        return None


class Refusing:
    """Answers, or refuses, and counts both."""

    def __init__(self) -> None:
        self._limit = Limit()
        self._open = 0
        self._seen = {"taken": 0, "refused": 0}

    async def answer(self, request: web.Request) -> web.Response:
        """Answer POST /v1/chat/completions."""
        await request.read()
        refusal = self._limit.refusal(self._open)
        if refusal is not None:
            self._seen["refused"] += 1
            return web.json_response(REFUSAL, status=429, headers=refusal)
        self._seen["taken"] += 1
        self._open += 1
        try:
            await asyncio.sleep(self._limit.latency)
        finally:
            self._open -= 1
        return web.json_response(COMPLETION)

    async def limit(self, request: web.Request) -> web.Response:
        """Change what is too much."""
        self._limit = Limit(**await request.json())
        return web.json_response({})

    async def seen(self, _: web.Request) -> web.Response:
        """Tell the counts."""
        return web.json_response(self._seen)


@contextmanager
def serving() -> Iterator[str]:
    """Serve in another process, and return the address."""
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _serve() -> None:
    server: Any = Refusing()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.answer)
    app.router.add_put("/limit", server.limit)
    app.router.add_get("/seen", server.seen)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
