"""The HTTP client under OpenAI-compatible models: aiohttp's transport, a limit on each whole request, and a count.

aiohttp halves the cost of a call. Without the limit only silence would end a request: a server that sends a blank now
and then, as some do while a model is at work, would never be given up. A request that reaches the limit is retried by
the client library like any other.
"""

import asyncio
import sys
from typing import Any

from openai import DefaultAioHttpClient


class LimitedClient(DefaultAioHttpClient):
    """An httpx client whose requests end."""

    def __init__(self, seconds: float) -> None:
        super().__init__(timeout=seconds)
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
            # openai comes with httpx or httpx2 by its version and retries the timeouts of its own one.
            httpx = sys.modules[type(request).__module__.partition(".")[0]]
            raise httpx.ReadTimeout(f"no answer within {self._seconds:g} s", request=request) from error
