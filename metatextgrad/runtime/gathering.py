"""Run coroutines side by side so that nothing that was started is thrown away."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def gather_all(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Wait for all, then return the results in order or raise the first error.

    Unlike `asyncio.gather`, an error does not abandon the others: calls in flight finish and are kept (design 4).
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
