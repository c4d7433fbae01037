"""Places on the wire, given in the order in which they are asked for, as many and as soon as a pacer says.

A wait for a place ends: each request that is ahead ends within its own time limit and is sent a bounded number of
times, and a server can hold requests back for a bounded time only. Such a wait may still be long where a server has
become slow, and it says nothing about the call that waits; so `time_limit` stands still meanwhile.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

from metatextgrad.runtime.pacing import Pacer, Sent

_timer: ContextVar[asyncio.Timeout | None] = ContextVar("timer", default=None)


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[None]:
    """End what takes longer, waits for a place not counted.

    Raises:
        TimeoutError: it took longer.
    """
    async with asyncio.timeout(seconds) as timer:
        token = _timer.set(timer)
        try:
            yield
        finally:
            _timer.reset(token)


@contextmanager
def _standing_still() -> Iterator[None]:
    """Stop the limit under which a request waits."""
    timer = _timer.get()
    ends = None if timer is None or timer.expired() else timer.when()
    if timer is None or ends is None:
        yield
        return
    clock = asyncio.get_running_loop().time
    left = ends - clock()
    timer.reschedule(None)
    try:
        yield
    finally:
        timer.reschedule(clock() + left)


class Places:
    """The places of one server."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._line: deque[asyncio.Future[Sent]] = deque()
        self._alarm: asyncio.AbstractEventLoop | None = None
        """The loop in which the line is looked at again, where that is due."""

    async def take(self) -> Sent:
        """Wait for a place; whoever got one gives it back by one of the other methods."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self._line and self._pacer.opens_in(now) == 0:
            return self._pacer.send(now)
        turn: asyncio.Future[Sent] = loop.create_future()
        self._line.append(turn)
        self._advance(loop)
        try:
            with _standing_still():
                return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.lost()
            raise

    def took(self, sent: Sent) -> None:
        """Give back the place of a request that the server took."""
        loop = asyncio.get_running_loop()
        self._pacer.took(sent, loop.time())
        self._advance(loop)

    def refused(self, sent: Sent, wait: float) -> None:
        """Give back the place of a request that the server refused."""
        loop = asyncio.get_running_loop()
        self._pacer.refused(sent, loop.time(), wait)
        self._advance(loop)

    def lost(self) -> None:
        """Give back the place of a request without an answer."""
        self._pacer.lost()
        self._advance(asyncio.get_running_loop())

    def _advance(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the places that there are to those who wait longest."""
        while self._line:
            if self._line[0].done():  # cancelled
                self._line.popleft()
                continue
            now = loop.time()
            wait = self._pacer.opens_in(now)
            if wait is None:
                return
            if wait > 0:
                self._look_again(loop, wait)
                return
            self._line.popleft().set_result(self._pacer.send(now))

    def _look_again(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        if self._alarm is not loop:
            self._alarm = loop
            loop.call_later(seconds, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._alarm = None
        self._advance(loop)
