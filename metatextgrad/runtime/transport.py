"""The HTTP client under OpenAI-compatible models: aiohttp's transport, a limit on each whole request, and a count.

aiohttp halves the cost of a call. Without the limit only silence would end a request: a server that sends a blank now
and then, as some do while a model is at work, would never be given up. A request that reaches the limit is retried by
the client library like any other.
"""

import asyncio
from importlib import import_module
from typing import Any

from openai import DefaultAioHttpClient

# openai comes with httpx or httpx2, by its version, and retries the timeouts of its own one.
_CLIENT = next(base for base in DefaultAioHttpClient.__mro__ if base.__name__ == "AsyncClient")
_httpx = import_module(_CLIENT.__module__.partition(".")[0])


class LimitedClient(DefaultAioHttpClient):
    """An httpx client whose requests end.

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

    async def send(self, request: Any, **options: Any) -> Any:
        """Send one request and read its answer, within the limit."""
        self.requests += 1
        try:
            async with asyncio.timeout(self._seconds):
                return await super().send(request, **options)
        except TimeoutError as error:
            raise _httpx.ReadTimeout(f"no answer within {self._seconds:g} s", request=request) from error
