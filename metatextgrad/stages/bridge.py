"""Let a library that blocks work in a thread, while every model call and every evaluation stays on the run's loop.

What the library asks for goes through the run's ledger, meter and limits like anything else. When the run must stop, as
at a cap, the library is refused all further work and what stopped it is raised: nothing that failed counts as a score.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from metatextgrad.core.errors import MetaTextGradError, ReplyError
from metatextgrad.core.program import Program
from metatextgrad.core.task import Example
from metatextgrad.runtime.evaluation import Attempt, attempt_all
from metatextgrad.stages.kind import Proposing

T = TypeVar("T")


class ClosedError(Exception):
    """Refuse work to a library that is being stopped."""


@dataclass
class Bridge:
    """The way from a library's threads to the loop of the run."""

    given: Proposing
    loop: asyncio.AbstractEventLoop
    stopped: BaseException | None = None
    """Why the library is refused further work."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: libraries copy the programs that hold it."""
        return self

    def wait(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Carry work out on the loop and wait for its result, from one of the library's threads.

        Raises:
            ClosedError: the library is being stopped.
            ReplyError: no usable reply came back.
        """
        if self.stopped is not None:
            raise ClosedError(str(self.stopped))
        try:
            return asyncio.run_coroutine_threadsafe(work(), self.loop).result()
        except ReplyError:
            raise
        except BaseException as error:  # whatever else it is ends the library's run, and is raised in its place
            self.stopped = self.stopped or error
            raise ClosedError(str(error)) from error

    def attempts(self, program: Program, examples: tuple[Example, ...]) -> list[Attempt]:
        """Run a program on examples."""
        return self.wait(lambda: attempt_all(self.given.resources, program, examples))


async def in_thread(given: Proposing, work: Callable[[Bridge], T]) -> T:
    """Run a library in a thread to its end, and raise what stopped it, if anything did.

    Raises:
        MetaTextGradError: a cap, the provider, or the user stopped it; what was paid for is in the ledger.
    """
    bridge = Bridge(given, asyncio.get_running_loop())
    # A thread of its own: in the loop's pool, libraries that wait could take the places of what they wait for.
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=given.stage.kind)
    try:
        surroundings = copy_context()
        result = await bridge.loop.run_in_executor(pool, lambda: surroundings.run(work, bridge))
    except Exception as error:
        if bridge.stopped is not None:
            raise bridge.stopped from None
        if isinstance(error, MetaTextGradError):
            raise
        raise ReplyError(f"the library failed: {type(error).__name__}: {error}") from error
    else:
        if bridge.stopped is not None:  # libraries can take an error for a score of 0 and go on
            raise bridge.stopped
        return result
    finally:
        bridge.stopped = bridge.stopped or asyncio.CancelledError()
        pool.shutdown(wait=False)
