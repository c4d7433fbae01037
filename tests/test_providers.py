"""Models behind a real socket: what goes wrong there, and how often it is asked for again."""

import asyncio
import gc
import logging
import traceback
import warnings
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from openai import DefaultAioHttpClient
from pydantic import SecretStr

from metatextgrad.api import aevaluate, evaluate
from metatextgrad.core.errors import InputError, ProviderError, ReplyError
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.ledger import Call
from metatextgrad.runtime.meter import LEVELS
from metatextgrad.runtime.models import Models, models_for
from metatextgrad.runtime.reply import Reply
from tests.loopback import KEY, settings, small_task
from tests.openai_server import Server
from tests.scripted import opened

QUESTION = (("system", "Answer."), ("human", "Sort the following words alphabetically: List: b a c"))


async def asked(temperature: float | None = 0.0, models: Models | None = None, **changes: Any) -> Reply:
    """Ask the program's model once, with models of its own unless some are given."""
    built = models or models_for(settings(**changes))
    try:
        return await built.ask("program", QUESTION, temperature, None, [0, 0])
    finally:
        if models is None:
            await built.aclose()


async def test_a_reply_comes_with_its_tokens(server: Server) -> None:
    server.usage = {"prompt_tokens_details": {"cached_tokens": 4}}
    reply = await asked()
    assert reply.usable().endswith("Answer: a b c")
    assert (reply.input_tokens, reply.output_tokens, reply.cached_tokens, reply.finish) == (10, 10, 4, "stop")
    assert reply.counted


async def test_a_reply_whose_tokens_are_not_told_says_so(server: Server) -> None:
    server.usage = None
    assert not (await asked()).counted


@pytest.mark.parametrize("fault", ["429", "429-after", "500", "reset", "hang", "drip", "not-json"])
async def test_what_passes_is_asked_for_again_once(server: Server, fault: Any) -> None:
    server.at = {1: fault}
    assert (await asked(request_seconds=0.3)).usable()
    assert server.requests == 2


@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_a_total_429_costs_one_call_its_retries_and_no_more(server: Server, retries: int) -> None:
    server.total_429 = True
    with pytest.raises(ProviderError, match=r"openai:program: .*429.*Rate limit reached"):
        await asked(retries=retries)
    assert server.requests == retries + 1


@pytest.mark.parametrize("fault", ["hang", "drip"])
async def test_a_connection_that_never_answers_is_given_up_after_the_retries(server: Server, fault: str) -> None:
    server.faults = {fault: 1.0}
    with pytest.raises(ProviderError, match=r"ReadTimeout: no answer within 0\.1 s"):
        await asked(request_seconds=0.1, retries=1)
    assert server.requests == 2


async def test_answers_that_are_no_completions_are_asked_for_once_more_only(server: Server) -> None:
    server.faults = {"not-json": 1.0}
    with pytest.raises(ProviderError):
        await asked(retries=5)
    assert server.requests == 2


async def test_a_server_that_says_to_wait_for_very_long_is_not_asked_again(server: Server) -> None:
    server.total_429, server.retry_after = True, "3600"
    with pytest.raises(ProviderError, match="Rate limit"):
        await asked(retries=5)
    assert server.requests == 1


async def test_a_server_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(ProviderError, match=r"Connect call failed \('127\.0\.0\.1', 9\)"):
        await asked(retries=0)


async def test_a_hidden_rate_limit_is_got_through(server: Server) -> None:
    server.most, server.latency = 4, 0.02
    models = models_for(settings(retries=6))
    messages = [(("human", f"Sort the following words alphabetically: List: b a {word}"),) for word in "cdefghijkl"]
    replies = await asyncio.gather(*(models.ask("program", each, 0.0, None, [0, 0]) for each in messages))
    await models.aclose()
    assert len(replies) == 10
    assert len(server.lines("failed")) > 0


async def test_an_evaluation_stops_early_when_the_provider_fails(server: Server, tmp_path: Path) -> None:
    """100 examples, 8 at once, 2 more begun, 5 tolerated: at most 10 + 5 are tried, each 1 + 2 times."""
    server.total_429 = True
    with pytest.raises(ProviderError) as failed:
        await aevaluate(
            small_task(100), split="val", settings=settings(concurrency=8, retries=2), workspace=tmp_path / "ws"
        )
    assert 6 * 3 <= server.requests <= (10 + 5) * 3
    assert f"of 100 examples ({server.requests} requests so far)" in str(failed.value)
    assert 85 <= int(str(failed.value).split(" were not started")[0].split()[-1]) <= 94


async def test_a_tolerated_failure_leaves_its_example_unscored(server: Server, tmp_path: Path) -> None:
    server.at = {3: "500"}
    evaluation = await aevaluate(small_task(20), split="val", settings=settings(retries=0), workspace=tmp_path / "ws")
    assert (evaluation.scored, evaluation.unscored("provider")) == (19, 1)


@pytest.mark.parametrize(("model", "status"), [("nowhere", 404), ("program", 401)])
async def test_what_is_wrong_for_good_fails_at_once_in_the_provider_s_words(
    server: Server, model: str, status: int
) -> None:
    server.key = "another" if status == 401 else ""
    said = {404: "The model `nowhere` does not exist", 401: "Incorrect API key provided"}[status]
    with pytest.raises(ProviderError, match=said) as failed:
        await asked(program_model=f"openai:{model}")
    assert server.requests == 1
    assert KEY not in "".join(traceback.format_exception(failed.value))


async def test_a_key_of_any_form_is_struck_out(server: Server) -> None:
    server.key = "another"
    client = DefaultAioHttpClient()
    model = ChatOpenAI(model="program", api_key=SecretStr("open sesame"), max_retries=0, http_async_client=client)
    given = Models(chat=dict.fromkeys(LEVELS, model), names=dict.fromkeys(LEVELS, "mine"), retries=0)
    with pytest.raises(ProviderError) as failed:
        await asked(models=given)
    await client.aclose()
    assert "mine: " in str(failed.value)
    assert "sesame" not in str(failed.value)


@pytest.mark.parametrize("model", ["o1-program", "o3-program"])
async def test_a_model_that_refuses_a_temperature_is_asked_without_one(server: Server, model: str) -> None:
    models = models_for(settings(program_model=f"openai:{model}"))
    await asked(0.0, models)
    await asked(0.0, models)
    await models.aclose()
    assert [body.get("temperature") for body in server.bodies] == [0.0, None, None]
    assert [line["event"] for line in server.lines() if line["event"] != "started"] == [
        "failed",
        "finished",
        "finished",
    ]


async def test_langchain_s_own_temperature_for_reasoning_models_is_left_out_too(server: Server) -> None:
    client = DefaultAioHttpClient()
    model = ChatOpenAI(model="o3-program", temperature=1, max_retries=0, http_async_client=client)
    given = Models(chat=dict.fromkeys(LEVELS, model), names=dict.fromkeys(LEVELS, "mine"))
    assert (await asked(None, given)).usable()
    await client.aclose()
    assert [body.get("temperature") for body in server.bodies] == [1, None]


async def test_a_refused_temperature_leaves_the_key_of_a_call_as_it_is(server: Server) -> None:
    models = models_for(settings(program_model="openai:o1-program"))
    resources = await opened(lambda messages, level: "", seed=0)
    resources.ledger.models = models
    call = Call("program", QUESTION, 0.0)
    before = resources.ledger.key(call)
    await resources.ledger.complete(call)
    await resources.ledger.complete(call)
    await models.aclose()
    assert resources.ledger.key(call) == before
    assert len(server.lines("finished")) == 1


async def test_messages_that_are_too_long_are_their_writer_s_fault(server: Server) -> None:
    models = models_for(settings())
    with pytest.raises(ReplyError, match="maximum context length"):
        await models.ask("program", [("human", "word " * 20_000)], 0.0, None, [0, 0])
    await models.aclose()
    assert server.requests == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("length", "cut off by length"),
        ("empty", "the reply was empty"),
        ("null", "the reply was empty"),
        ("filter", "content filter"),
        ("refusal", "the model refused: I can't help"),
        ("open-think", "reasoning tag without its partner"),
    ],
)
async def test_a_reply_that_cannot_be_used_says_why(server: Server, fault: Any, reason: str) -> None:
    server.at = {1: fault}
    reply = await asked()
    with pytest.raises(ReplyError, match=reason):
        reply.usable()
    assert server.requests == 1


@pytest.mark.parametrize("fault", ["parts", "close-think"])
async def test_unusual_replies_that_are_right_are_used(server: Server, fault: Any) -> None:
    server.at = {1: fault}
    assert (await asked()).usable() == "There are 3 words to order.\nAnswer: a b c"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gpt-4o-mini", "provider:model"),
        ("openai:", "provider:model"),
        (":gpt-4o-mini", "provider:model"),
        ("nobody:gpt-4o-mini", "Unsupported provider"),
        ("upstage:solar", "langchain-upstage"),
        ("simulated:wizard", "simulated model"),
    ],
)
async def test_a_model_that_cannot_be_is_refused_before_anything_starts(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        await aevaluate(small_task(), settings=Context(program_model=name), workspace=tmp_path / "ws")
    assert not (tmp_path / "ws").exists()


@pytest.mark.parametrize("key", [None, ""])
async def test_a_missing_key_is_one_clear_error_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path, key: str | None
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    if key is not None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(InputError, match="Set OPENAI_API_KEY"):
        await aevaluate(small_task(), settings=settings(), workspace=tmp_path / "ws")
    assert not (tmp_path / "ws").exists()
    assert server.requests == 0


def test_connections_are_closed_at_the_end(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.WARNING):
        warnings.simplefilter("always")
        for round_ in range(2):  # a second event loop in the same process, as in a notebook
            evaluate(small_task(4), settings=settings(seed=round_), workspace=tmp_path / "ws")
        gc.collect()
    assert [str(warning.message) for warning in warned if issubclass(warning.category, ResourceWarning)] == []
    assert caplog.messages == []


async def test_closed_connections_are_those_of_the_models_that_were_built(server: Server) -> None:
    models = models_for(settings())
    await asked(models=models)
    await models.aclose()
    assert all(client.is_closed for client in models._clients)
    assert models.requests == 1


async def test_a_proxy_for_openai_alone_is_heeded(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("OPENAI_PROXY", server.url.removesuffix("/v1"))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://openai.invalid/v1")
    monkeypatch.delenv("NO_PROXY")
    assert (await asked()).usable()


def test_where_nobody_closes_models_they_share_langchain_s_client(server: Server) -> None:
    first, second = (models_for(settings(), lasting=False).chat["program"] for _ in range(2))
    assert isinstance(first, ChatOpenAI) and isinstance(second, ChatOpenAI)
    assert first.root_async_client._client is second.root_async_client._client
