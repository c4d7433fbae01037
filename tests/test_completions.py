"""A completion sent and read with less work is the one that LangChain and openai's client make of it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, get_usage_metadata_callback
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import BadRequestError, InternalServerError

from metatextgrad.runtime import unwatched
from metatextgrad.runtime.completions import Completions
from metatextgrad.runtime.models import models_for
from tests.loopback import settings
from tests.openai_server import Server

MESSAGES = [SystemMessage("Answer."), HumanMessage("Sort the following words alphabetically: List: b a c")]


@pytest.fixture
async def light(server: Server) -> AsyncIterator[ChatOpenAI]:
    models = models_for(settings(retries=0))
    model = models.chat["program"]
    assert isinstance(model, ChatOpenAI)
    yield model
    await models.aclose()


@pytest.fixture
async def usual(server: Server, light: ChatOpenAI) -> ChatOpenAI:
    return light.model_copy(update={"async_client": light.root_async_client.chat.completions})


def form(message: AIMessage) -> dict[str, Any]:
    """Return all that a message says; openai's types fill up with what says nothing."""
    told = {key: value for key, value in message.response_metadata.items() if key != "id"}
    return said(message.model_dump(exclude={"id", "response_metadata"})) | {"told": said(told)}


def said(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    whole = {key: said(item) for key, item in value.items()}
    return {key: item for key, item in whole.items() if item}


@tool
def sort(words: str) -> str:
    """Sort words."""
    return words


@pytest.mark.parametrize("fault", ["", "length", "null", "refusal", "filter", "parts", "open-think"])
async def test_the_message_is_the_same(server: Server, light: ChatOpenAI, usual: ChatOpenAI, fault: Any) -> None:
    server.at = {1: fault, 2: fault}
    assert isinstance(light.async_client, Completions)
    assert form(await light.ainvoke(MESSAGES, temperature=0.5)) == form(await usual.ainvoke(MESSAGES, temperature=0.5))
    assert server.bodies[0] == server.bodies[1]


async def test_tools_and_streams_are_sent_alike(server: Server, light: ChatOpenAI, usual: ChatOpenAI) -> None:
    for model in (light, usual):
        await model.bind_tools([sort]).ainvoke(MESSAGES, stop=["\n\n"])
        with pytest.raises(Exception, match=r".*"):  # the server streams nothing: what counts is what was sent
            [chunk async for chunk in model.astream(MESSAGES)]
    half = len(server.bodies) // 2
    assert server.bodies[:half] == server.bodies[half:]


@pytest.mark.parametrize(("fault", "kind"), [("500", InternalServerError), ("context", BadRequestError)])
async def test_an_error_is_openais_own(
    server: Server, light: ChatOpenAI, usual: ChatOpenAI, fault: Any, kind: type[Exception]
) -> None:
    server.at = {1: fault, 2: fault}
    said = []
    for model in (light, usual):
        with pytest.raises(kind) as raised:
            await model.ainvoke(MESSAGES)
        said.append((type(raised.value), str(raised.value)))
    assert said[0] == said[1]


async def test_an_extra_header_goes_openais_way(server: Server, light: ChatOpenAI) -> None:
    answer = await light.bind(extra_headers={"X-Team": "us"}, extra_body={"top_k": 3}).ainvoke(MESSAGES)
    assert answer.text.endswith("Answer: a b c")
    assert server.bodies[-1]["top_k"] == 3


class Listener(AsyncCallbackHandler):
    def __init__(self) -> None:
        self.started = 0

    async def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        self.started += 1


async def test_where_nobody_listens_the_message_is_that_of_ainvoke(light: ChatOpenAI) -> None:
    asked = await unwatched.ask(light, MESSAGES, None, {"temperature": 0.5})
    invoked = await light.ainvoke(MESSAGES, temperature=0.5)
    assert form(asked) == form(invoked)
    assert asked.id is None or not asked.id.startswith("lc_run"), "it went past the callbacks"


async def test_who_listens_hears_the_call(light: ChatOpenAI) -> None:
    listener = Listener()
    await unwatched.ask(light, MESSAGES, {"callbacks": [listener]}, {})
    await unwatched.ask(light.model_copy(update={"callbacks": [listener]}), MESSAGES, None, {})
    with get_usage_metadata_callback() as counted:
        await unwatched.ask(light, MESSAGES, {"tags": ["program"]}, {})
    assert (listener.started, len(counted.usage_metadata)) == (2, 1)


class Own(ChatOpenAI):
    """Has a way of its own to be asked."""

    async def ainvoke(self, *_: Any, **__: Any) -> AIMessage:
        return AIMessage("my own way")


async def test_what_a_model_has_besides_is_not_gone_past(light: ChatOpenAI) -> None:
    limiter = InMemoryRateLimiter(requests_per_second=1000, check_every_n_seconds=0.001, max_bucket_size=1)
    limited: BaseChatModel = light.model_copy(update={"rate_limiter": limiter})
    await unwatched.ask(limited, MESSAGES, None, {})
    assert limiter.available_tokens < 1, "the limiter was asked"
    assert (await unwatched.ask(Own(model="program"), MESSAGES, None, {})).text == "my own way"
