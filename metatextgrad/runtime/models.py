"""The models of a run, one a level, and the one way to ask them."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig

from metatextgrad.core.errors import InputError, MetaTextGradError
from metatextgrad.core.identity import content_id
from metatextgrad.runtime import unwatched
from metatextgrad.runtime.chat import Chat
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.failures import failure_of, is_no_completion, not_built, refuses_temperature
from metatextgrad.runtime.meter import Level
from metatextgrad.runtime.places import time_limit
from metatextgrad.runtime.prices import SIMULATED, price
from metatextgrad.runtime.reply import Reply, reply_from
from metatextgrad.runtime.simulated import SimulatedModel, simulated_model

if TYPE_CHECKING:
    from metatextgrad.runtime.transport import LimitedClient

_ROLES: Mapping[str, type[BaseMessage]] = {"system": SystemMessage, "human": HumanMessage, "ai": AIMessage}
_THREADS = 64
"""Calls in flight of a model that only blocks."""
_LONGEST_RETRY_AFTER = 120
"""Seconds that openai's client waits at a server's word; it gives up when it is told to wait longer."""


@dataclass
class Models:
    """A chat model for each level, with the name that the ledger and reports use."""

    chat: Mapping[Level, BaseChatModel]
    names: Mapping[Level, str]
    request_seconds: float = 120.0
    retries: int = 6
    _clients: "Sequence[LimitedClient]" = ()
    """The HTTP clients that were made for these models; `aclose` closes them."""
    _bare: dict[str, BaseChatModel] = field(default_factory=dict)
    """Models that refused a temperature, without one; reasoning models do."""
    _threads: ThreadPoolExecutor | None = None

    def name(self, level: Level) -> str:
        return self.names[level]

    def identity(self, level: Level) -> str:
        """Name a level's model and its server: two servers may call different models by one name."""
        server = getattr(self.chat[level], "openai_api_base", None)
        return f"{self.names[level]} at {server}" if server else self.names[level]

    @property
    def simulated(self) -> bool:
        """Whether any level is simulated, so that every output must say so."""
        return any(isinstance(model, SimulatedModel) for model in self.chat.values())

    @property
    def requests(self) -> int:
        """How many requests were sent, retries among them; 0 where the models bring their own client."""
        return sum(client.requests for client in self._clients)

    @property
    def pace(self) -> dict[str, int]:
        """How many requests at once their servers take of the models that were refused any, as far as is known."""
        used = {self.names[level]: getattr(model, "http_async_client", None) for level, model in self.chat.items()}
        pacers = {name: client.pacer for name, at in used.items() for client in self._clients if client is at}
        return {name: pacer.limit for name, pacer in pacers.items() if pacer.refusals}

    async def aclose(self) -> None:
        """Close the connections that were opened for these models; whoever built the models calls it at the end."""
        for client in self._clients:
            await client.aclose()

    async def ask(
        self,
        level: Level,
        messages: Sequence[tuple[str, str]] | Chat,
        temperature: float | None,
        max_tokens: int | None,
        draw: list[int],
        config: RunnableConfig | None = None,
    ) -> Reply:
        """Ask a level's model once; retries are the client library's, at that one layer.

        What an agent asks is a run of its own already, so it is not shown again.

        Raises:
            ProviderError: the call failed for good; with the provider's own message.
            ReplyError: the provider refused these very messages, as when they are too long for the model.
        """
        name = self.names[level]
        options: dict[str, Any] = {} if max_tokens is None else {"max_tokens": max_tokens}
        if isinstance(self.chat[level], SimulatedModel):
            options["draw"] = content_id(draw)
        if temperature is not None:
            options["temperature"] = temperature
        if isinstance(messages, Chat):
            rendered, config = list(messages.messages), None
            options |= messages.options
        else:
            rendered = [_ROLES[role](text) for role, text in messages]
        try:
            answer = await self._answer(level, rendered, config, options)
            return reply_from(answer, whole=isinstance(messages, Chat))
        except MetaTextGradError:
            raise
        except Exception as error:
            # Without the cause: a provider's own message may hold the key, and a traceback would show it.
            raise failure_of(error, name, self.chat[level]) from None

    async def _answer(
        self, level: Level, messages: list[BaseMessage], config: RunnableConfig | None, options: dict[str, Any]
    ) -> AIMessage:
        name = self.names[level]
        bare_options = {option: value for option, value in options.items() if option != "temperature"}
        if name in self._bare:
            return await self._whole(self._bare[name], messages, config, bare_options)
        model = self.chat[level]
        try:
            return await self._whole(model, messages, config, options)
        except Exception as error:
            if not refuses_temperature(error):
                raise
        bare = model.model_copy(update={"temperature": None}) if hasattr(model, "temperature") else model
        answer = await self._whole(bare, messages, config, bare_options)
        self._bare[name] = bare
        return answer

    async def _whole(
        self, model: BaseChatModel, messages: list[BaseMessage], config: RunnableConfig | None, options: dict[str, Any]
    ) -> AIMessage:
        """Ask; an answer that is no completion is asked for once more, because no client library retries it."""
        try:
            return await self._limited(model, messages, config, options)
        except Exception as error:
            if not is_no_completion(error):
                raise
        return await self._limited(model, messages, config, options)

    async def _limited(
        self, model: BaseChatModel, messages: list[BaseMessage], config: RunnableConfig | None, options: dict[str, Any]
    ) -> AIMessage:
        """Ask within a limit that leaves the client all its retries: it ends what no client would.

        It stands still while a request waits for its place on the wire, which `places` sees to the end of.
        """
        async with time_limit(self.request_seconds * (self.retries + 1) + _LONGEST_RETRY_AFTER * self.retries):
            if getattr(type(model), "_agenerate", None) is not BaseChatModel._agenerate:
                return await unwatched.ask(model, messages, config, options)
            # A model that only blocks, and not in the loop's own threads: nodes of agents may wait there for its reply.
            self._threads = self._threads or ThreadPoolExecutor(_THREADS)
            ask = partial(copy_context().run, partial(model.invoke, messages, config, **options))
            return await asyncio.get_running_loop().run_in_executor(self._threads, ask)


def names_for(context: Context) -> dict[Level, str]:
    """Return the name of each level's model, as the ledger and reports use it."""
    optimizer = context.optimizer_model or context.program_model
    asked: dict[Level, str] = {
        "program": context.program_model,
        "optimizer": optimizer,
        "meta": context.meta_model or optimizer,
        "judge": context.judge_model or optimizer,
    }
    return {level: f"{SIMULATED}:{level}" if name == SIMULATED else name for level, name in asked.items()}


def models_for(context: Context, *, lasting: bool = True) -> Models:
    """Build the models that the settings name.

    Args:
        context: the settings.
        lasting: whether the caller keeps the models and closes them by `aclose`. Otherwise, as under a server where
            nobody knows when a run is over, OpenAI's models share langchain's own client, which is slower.

    Raises:
        InputError: a name that is not provider:model, an unknown provider, or a missing package or key.
    """
    names = names_for(context)
    clients: list[LimitedClient] = []
    built = {name: _chat_model(name, context, clients if lasting else None) for name in sorted(set(names.values()))}
    for name in built:
        price(name, 1, 1)  # reads the table of prices here, in a thread, and not at the first call in the event loop
    return Models(
        chat={level: built[name] for level, name in names.items()},
        names=names,
        request_seconds=context.request_seconds,
        retries=context.retries,
        _clients=clients,
    )


def _chat_model(name: str, context: Context, clients: "list[LimitedClient] | None") -> BaseChatModel:
    provider, _, model = name.partition(":")
    if provider == SIMULATED and model:
        return simulated_model(model)
    if not provider or not model:
        msg = f"Model {name!r} is not of the form provider:model, such as openai:gpt-4o-mini, or 'simulated'."
        raise InputError(msg)
    from langchain.chat_models import init_chat_model

    options: dict[str, Any] = {"max_retries": context.retries, "timeout": context.request_seconds}
    try:
        if provider == "openai":
            options |= _of_openai(context, clients)
        built: BaseChatModel = init_chat_model(model, model_provider=provider, **options)
    except Exception as error:
        raise not_built(error, name, provider) from None
    if provider == "openai":
        _lighten(built)
    return built


def _lighten(model: Any) -> None:
    """Let a ChatOpenAI send completions with less work a call."""
    from metatextgrad.runtime.completions import Completions

    model.async_client = Completions(model.root_async_client)


def _of_openai(context: Context, clients: "list[LimitedClient] | None") -> dict[str, Any]:
    """Return what OpenAI-compatible models are built with besides."""
    bare: dict[str, Any] = {"temperature": None}  # langchain would put 1 for o1, which some servers refuse
    if clients is None:
        return bare
    from metatextgrad.runtime.transport import LimitedClient

    proxy = os.environ.get("OPENAI_PROXY")  # langchain takes either this or a client
    clients.append(LimitedClient(context.request_seconds, context.concurrency, proxy))
    # Without socket options: with them langchain warns of proxies that its blocking client, unused here, would pass by.
    return bare | {"http_async_client": clients[-1], "openai_proxy": "", "http_socket_options": ()}
