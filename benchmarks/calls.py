"""Measure what a call costs on the CPU at each layer, from the bare socket up.

    python benchmarks/calls.py

One question over a socket to a server that answers at once, 32 at a time; milliseconds of CPU of this process a call.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from endless import FILLER
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from loopback import serving

from metatextgrad import Context
from metatextgrad.runtime import unwatched
from metatextgrad.runtime.models import models_for
from metatextgrad.runtime.transport import Response

CALLS, AT_ONCE, RUNS = 600, 32, 5
MESSAGES = [SystemMessage(f"{FILLER} [0]"), HumanMessage("val question 1")]


def main() -> None:
    """Print one line a layer."""
    with serving(0.0):
        asyncio.run(measured())


async def measured() -> None:
    """Ask at each layer."""
    models = await asyncio.to_thread(models_for, Context(program_model="openai:endless", concurrency=AT_ONCE))
    light = models.chat["program"]
    assert isinstance(light, ChatOpenAI)
    client = light.root_async_client
    usual = light.model_copy(update={"async_client": client.chat.completions})
    body = usual._get_request_payload(MESSAGES)
    url = f"{client.base_url}chat/completions"
    async with aiohttp.ClientSession() as session:

        async def bare() -> Any:
            async with session.post(url, json=body) as answer:
                return await answer.json()

        await told("aiohttp alone", bare)
    await told("the HTTP client under openai's, paced", lambda: light.http_async_client.post(url, json=body))
    await told(
        "openai's client, answer as it came", lambda: client.post(body=body, cast_to=Response, path="/chat/completions")
    )
    await told("openai's client as usual", lambda: client.chat.completions.create(**body))
    await told("ChatOpenAI._agenerate as usual", lambda: usual._agenerate(MESSAGES))
    await told("ChatOpenAI.ainvoke as usual", lambda: usual.ainvoke(MESSAGES))
    await told("ChatOpenAI.ainvoke, light sender", lambda: light.ainvoke(MESSAGES))
    await told("the same where nobody listens", lambda: unwatched.ask(light, list(MESSAGES), {"tags": []}, {}))
    await models.aclose()


async def told(layer: str, ask: Callable[[], Awaitable[Any]]) -> None:
    """Print the least of some runs: other work on the machine only adds."""
    print(f"{layer:<40} {min([await _cost(ask) for _ in range(RUNS)]):6.3f} ms")


async def _cost(ask: Callable[[], Awaitable[Any]]) -> float:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with gate:
            await ask()

    used = time.process_time()
    await asyncio.gather(*(one() for _ in range(CALLS)))
    return (time.process_time() - used) * 1000 / CALLS


if __name__ == "__main__":
    main()
