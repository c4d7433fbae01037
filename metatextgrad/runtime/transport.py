"""The HTTP client under OpenAI-compatible models: aiohttp's transport, a place on the wire, a time limit, and a count.

aiohttp halves the cost of a call. Without the limit only silence would end a request: a server that sends a blank now
and then, as some do while a model is at work, would never be given up. A request that reaches the limit is retried by
the client library like any other.

Each client, and so each model, has a pacer of its own, also where two models have one server. Many providers limit each
model by itself, and a model that has to wait for a minute should not hold back another that does not. Two models behind
one limit share it all the same: each finds what the other leaves, for a few more refusals.
"""

import asyncio
import time
from email.utils import parsedate_to_datetime
from importlib import import_module
from typing import Any

from openai import DefaultAioHttpClient

from metatextgrad.runtime.pacing import Pacer
from metatextgrad.runtime.places import Places

# openai comes with httpx or httpx2, by its version, and retries the timeouts of its own one.
_CLIENT = next(base for base in DefaultAioHttpClient.__mro__ if base.__name__ == "AsyncClient")
_httpx = import_module(_CLIENT.__module__.partition(".")[0])
Response: Any = _httpx.Response
"""What openai's client hands back when it is asked for no type of its own."""

REFUSALS = frozenset({429, 503, 529})
"""Answers of a server that is asked too much: too many requests, unavailable, overloaded."""


class LimitedClient(DefaultAioHttpClient):
    """An httpx client whose requests end, and that sends no more of them than the server takes.

    Args:
        seconds: the limit on one request, from the wait for a connection to the last byte of the answer.
        connections: how many there may be; as many as calls in flight, so that none waits for one.
        proxy: the address of a proxy besides those that the environment names.
    """

    def __init__(self, seconds: float, connections: int, proxy: str | None = None) -> None:
        limits = _httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        super().__init__(timeout=seconds, limits=limits, proxy=proxy)
        self._seconds = seconds
        self.requests = 0
        """How many were sent, retries among them."""
        self.pacer = Pacer(connections)
        self._places = Places(self.pacer)

    async def send(self, request: Any, **options: Any) -> Any:
        """Wait for a place, send one request and read its answer; the limit counts from the place on."""
        sent = await self._places.take()
        self.requests += 1
        answer: Any = None
        try:
            async with asyncio.timeout(self._seconds):
                answer = await super().send(request, **options)
        except TimeoutError as error:
            raise _httpx.ReadTimeout(f"no answer within {self._seconds:g} s", request=request) from error
        finally:
            if answer is None:
                self._places.lost()
            elif answer.status_code in REFUSALS:
                self._places.refused(sent, wait_in(answer.headers))
            else:
                self._places.took(sent)
        return answer


def wait_in(headers: Any) -> float:
    """Return how many seconds an answer says to wait, as openai's client reads it; 0 where it does not say.

    `x-ratelimit-reset-*` is not heeded: it tells when a limit is whole again, which is later than the next request may
    be sent, and each provider writes it in its own way.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name)) * unit)
        except (TypeError, ValueError):
            continue
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after")).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return 0.0
