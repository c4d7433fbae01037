"""Run coroutines side by side so that nothing that was started is thrown away."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
A = TypeVar("A")


async def gather_all(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Wait for all, then return the results in order or raise the first error.

    Unlike `asyncio.gather`, an error does not abandon the others: calls in flight finish and are kept (design 4).
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def gather_in_turns(work: Callable[[A], Awaitable[T]], given: Iterable[A], at_once: int) -> list[T]:
    """Work on all that is given, so many at once, and return the results in order.

    After an error nothing further is begun; what is under way finishes, and then the error is raised. Only what is
    under way takes memory, besides the results.
    """
    waiting = enumerate(given)
    results: dict[int, T] = {}
    failed = False

    async def one_after_the_other() -> None:
        nonlocal failed
        for place, item in waiting:
            try:
                results[place] = await work(item)
            except BaseException:
                failed = True
                raise
            if failed:
                return

    await gather_all(one_after_the_other() for _ in range(at_once))
    return [results[place] for place in sorted(results)]
