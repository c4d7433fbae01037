"""Measure how close calls come to what a server allows that answers 429 above a limit it does not tell.

    python benchmarks/pacing.py [SECONDS]

For each limit: with pacing, without it, and, where the limit is a number of requests at once, with that number told
beforehand, which is the best there is. 64 calls are in flight at any time. What is allowed follows from the limit and
the time that an answer takes. A call is given up when its request was refused seven times.
"""

import asyncio
import os
import sys
import time
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
from refusing import serving

from metatextgrad import Context
from metatextgrad.core.errors import ProviderError
from metatextgrad.runtime.meter import Level
from metatextgrad.runtime.models import Models, models_for
from metatextgrad.runtime.pacing import Pacer, Sent
from metatextgrad.runtime.places import Places

CEILING, SETTLING = 64, 5.0
Way = Literal["paced", "not paced", "told"]


class Careless(Pacer):
    """Heeds no refusal."""

    def refused(self, sent: Sent, now: float, wait: float = 0.0) -> None:
        """Free the place, and that is all."""
        self.lost()


@dataclass(frozen=True)
class Case:
    """Limits, one after another in the same run."""

    name: str
    limits: tuple[dict[str, float], ...]
    latency: float = 0.1
    levels: tuple[Level, ...] = ("program",)

    def ways(self) -> tuple[Way, ...]:
        """Only a single number of requests at once can be told."""
        told = len(self.limits) == 1 and "at_once" in self.limits[0]
        return ("paced", "not paced", "told") if told else ("paced", "not paced")

    def allowed(self, limit: dict[str, float]) -> float:
        """Return the calls a second that a limit allows."""
        if "rate" in limit:
            return limit["rate"]
        if "window" in limit:
            return limit["many"] / limit["window"]
        return limit.get("at_once", CEILING) / self.latency


CASES = (
    Case("12 at once, 50 ms", ({"at_once": 12},), 0.05),
    Case("12 at once, 100 ms", ({"at_once": 12},)),
    Case("12, 24, 8 at once", ({"at_once": 12}, {"at_once": 24}, {"at_once": 8})),
    Case("12 at once, two models", ({"at_once": 12},), levels=("program", "optimizer")),
    Case("100 a second, 20 in store", ({"rate": 100, "store": 20},)),
    Case("500 in 5 s", ({"window": 5, "many": 500},)),
    Case("8 a second, 8 in store", ({"rate": 8, "store": 8},)),
    Case("no limit, 250 ms", ({},), 0.25),
)


@dataclass(frozen=True)
class Counts:
    """What came of the calls until a moment."""

    answered: int
    given_up: int
    refused: int
    at: float

    def since(self, other: "Counts") -> "Counts":
        return Counts(
            self.answered - other.answered,
            self.given_up - other.given_up,
            self.refused - other.refused,
            self.at - other.at,
        )


def main(seconds: str = "10") -> None:
    """Print a line for each limit and way."""
    os.environ |= {"OPENAI_API_KEY": "none", "NO_PROXY": "127.0.0.1"}
    print(f"a free place costs {cost() * 1e6:.1f} microseconds of CPU")
    print("| limit | way | allowed /s | answered /s | share | 429 until settled | 429 a call after that | given up |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with serving() as address:
        os.environ["OPENAI_BASE_URL"] = f"{address}/v1"
        for case in CASES:
            for way in case.ways():
                asyncio.run(Measurement(case, way, address).carry_out(float(seconds)))


def cost(requests: int = 50_000) -> float:
    """Return the CPU seconds of a request's way through a place that is free."""

    async def taken() -> float:
        places = Places(Pacer(CEILING))
        begin = time.process_time()
        for _ in range(requests):
            places.took(await places.take())
        return (time.process_time() - begin) / requests

    return asyncio.run(taken())


class Measurement:
    """Keeps calls in flight and counts what comes of them."""

    def __init__(self, case: Case, way: Way, address: str) -> None:
        self._case = case
        self._way: Way = way
        self._address = address
        self._answered = self._given_up = 0

    async def carry_out(self, seconds: float) -> None:
        """Print a line for each of the limits."""
        case, models = self._case, built(self._way)
        flight = int(case.limits[0]["at_once"]) if self._way == "told" else CEILING
        async with aiohttp.ClientSession(self._address) as session:
            await session.put("/limit", json={"latency": case.latency, **case.limits[0]})
            levels: list[Level] = [case.levels[n % len(case.levels)] for n in range(flight)]
            tasks = [asyncio.create_task(self._calling(models, level)) for level in levels]
            for limit in case.limits:
                await session.put("/limit", json={"latency": case.latency, **limit})
                begin = await self._counts(session)
                await asyncio.sleep(SETTLING)
                settled = await self._counts(session)
                await asyncio.sleep(seconds)
                self._print(limit, settled.since(begin), (await self._counts(session)).since(settled))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await models.aclose()

    async def _calling(self, models: Models, level: Level) -> None:
        while True:
            try:
                await models.ask(level, [("human", "Is it so?")], 0.0, None, [0, 0])
            except ProviderError:
                self._given_up += 1
            else:
                self._answered += 1

    async def _counts(self, session: aiohttp.ClientSession) -> Counts:
        async with session.get("/seen") as answer:
            seen: dict[str, Any] = await answer.json()
        return Counts(self._answered, self._given_up, seen["refused"], time.monotonic())

    def _print(self, limit: dict[str, float], first: Counts, then: Counts) -> None:
        allowed, rate = self._case.allowed(limit), then.answered / then.at
        name = self._case.name + (f": {limit['at_once']:g}" if len(self._case.limits) > 1 else "")
        share = then.refused / max(1, then.answered + then.given_up)
        cells = (name, self._way, f"{allowed:.0f}", f"{rate:.1f}", f"{rate / allowed:.2f}", first.refused)
        print("|", " | ".join(map(str, (*cells, f"{share:.3f}", first.given_up + then.given_up))), "|", flush=True)


def built(way: Way) -> Models:
    """Return models of the server, one for each level."""
    named = {f"{level}_model": f"openai:{level}" for level in ("program", "optimizer")}
    models = models_for(Context.model_validate({**named, "concurrency": CEILING}))
    for client in models._clients:
        if way == "not paced":
            client._places = Places(Careless(CEILING))
    return models


if __name__ == "__main__":
    main(*sys.argv[1:])
