"""How a client keeps to what a server takes, over a real socket; nothing is asserted of how long it takes."""

import asyncio
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from metatextgrad.api import aevaluate
from metatextgrad.core.errors import ProviderError
from metatextgrad.runtime.models import Models, models_for
from metatextgrad.runtime.transport import wait_in
from tests.loopback import settings, small_task
from tests.openai_server import Server


async def asked(models: Models, calls: int, level: Any = "program") -> list[str]:
    """Ask that many different questions, all at once; a call that fails for good is told by its error."""
    questions = [(("human", f"Sort the following words alphabetically: List: b a {n}"),) for n in range(calls)]
    asking = (models.ask(level, question, 0.0, None, [0, 0]) for question in questions)
    return [
        type(answer).__name__ if isinstance(answer, BaseException) else answer.usable()
        for answer in await asyncio.gather(*asking, return_exceptions=True)
    ]


def refused(server: Server) -> int:
    return len(server.lines("failed"))


async def test_a_server_that_refuses_nothing_is_sent_as_many_requests_as_the_user_allows(server: Server) -> None:
    server.latency = 0.05
    models = models_for(settings(concurrency=8))
    await asked(models, 24)
    await models.aclose()
    assert server.most_at_once == 8
    assert models.pace == {}


async def test_a_hidden_limit_is_found_for_about_as_many_refusals_as_requests_were_too_many(server: Server) -> None:
    server.latency, server.most = 0.03, 4
    models = models_for(settings(concurrency=32))
    answers = await asked(models, 200)
    await models.aclose()
    assert ProviderError.__name__ not in answers
    assert 28 <= refused(server) <= 28 + 12  # and one for each of the trials, which are ever fewer
    assert 4 <= models.pace["openai:program"] <= 5


async def test_each_refusal_is_one_place_less_and_so_a_total_429_is_no_storm(server: Server) -> None:
    server.total_429 = True
    models = models_for(settings(concurrency=16, retries=2))
    answers = await asked(models, 16)
    await models.aclose()
    assert answers == [ProviderError.__name__] * 16
    assert server.requests == 16 * 3
    assert models.pace == {"openai:program": 1}


async def test_after_a_retry_after_no_request_runs_into_the_same_wall(server: Server) -> None:
    server.most_in = (20, 0.5)
    models = models_for(settings(concurrency=8))
    answers = await asked(models, 60)
    await models.aclose()
    assert ProviderError.__name__ not in answers
    assert refused(server) <= 2 * 8  # no more than were on the way each time the window was used up


async def test_models_of_one_server_are_paced_each_by_itself(server: Server) -> None:
    server.most, server.latency = 4, 0.03
    models = models_for(settings(concurrency=16))
    answers = await asyncio.gather(asked(models, 60), asked(models, 60, "optimizer"))
    await models.aclose()
    assert ProviderError.__name__ not in [answer for found in answers for answer in found]
    assert refused(server) < 120  # fewer than calls, though each has to find what the other leaves
    assert set(models.pace) == {"openai:program", "openai:optimizer"}


async def test_a_call_that_sleeps_before_its_retry_holds_no_place(server: Server) -> None:
    server.at = {1: "429"}
    models = models_for(settings(concurrency=1))
    answers = await asked(models, 2)
    await models.aclose()
    assert ProviderError.__name__ not in answers
    assert [body["messages"][0]["content"][-1] for body in server.bodies] == ["0", "1", "0"]


async def test_a_wait_for_a_place_counts_neither_for_a_request_nor_for_a_call(server: Server) -> None:
    """Of six calls, one at a time, the last waits longer than a whole call may take."""
    server.latency = 0.3
    models = models_for(settings(concurrency=1, request_seconds=1.0, retries=0))
    answers = await asked(models, 6)
    await models.aclose()
    assert ProviderError.__name__ not in answers
    assert server.requests == 6


async def test_a_request_that_is_cancelled_or_out_of_time_gives_its_place_back(server: Server) -> None:
    server.at = {1: "hang", 2: "hang"}
    models = models_for(settings(concurrency=1, request_seconds=0.3, retries=0))
    cancelled = asyncio.create_task(asked(models, 1))
    await asyncio.sleep(0.1)
    cancelled.cancel()
    assert await asked(models, 1) == [ProviderError.__name__]
    assert ProviderError.__name__ not in await asked(models, 1)
    await models.aclose()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "40", "retry-after": "1"}, 0.04),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": "inf"}, math.inf),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"x-ratelimit-reset-requests": "6m0s"}, 0.0),
    ],
)
def test_how_long_to_wait_is_read_as_openai_s_client_reads_it(headers: dict[str, str], seconds: float) -> None:
    assert wait_in(headers) == seconds


def test_a_date_says_how_long_to_wait_too() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < wait_in({"retry-after": at}) <= 60


async def test_an_evaluation_at_a_server_that_refuses_some_comes_to_the_same_score(
    server: Server, tmp_path: Path
) -> None:
    server.latency = 0.01
    scores = []
    for limit in (None, 3):
        server.most = limit
        found = await aevaluate(
            small_task(40), split="val", settings=settings(concurrency=16), workspace=tmp_path / str(limit)
        )
        scores.append((found.scored, found.score))
    assert scores[0] == scores[1]
    assert scores[0][0] == 40
    assert refused(server) <= 40
