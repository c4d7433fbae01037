"""The models of a run, one a level, and the one way to ask them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from metatextgrad.core.errors import InputError, ProviderError
from metatextgrad.core.identity import content_id
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import Level
from metatextgrad.runtime.prices import SIMULATED
from metatextgrad.runtime.reply import Reply, reply_from
from metatextgrad.runtime.simulated import SimulatedModel, simulated_model

_ROLES: Mapping[str, type[BaseMessage]] = {"system": SystemMessage, "human": HumanMessage, "ai": AIMessage}


@dataclass
class Models:
    """A chat model for each level, with the name that the ledger and reports use."""

    chat: Mapping[Level, BaseChatModel]
    names: Mapping[Level, str]
    request_seconds: float = 120.0
    retries: int = 6
    _no_temperature: set[str] = field(default_factory=set)
    """Models that refused a temperature; reasoning models do."""

    def name(self, level: Level) -> str:
        return self.names[level]

    @property
    def simulated(self) -> bool:
        """Whether any level is simulated, so that every output must say so."""
        return any(isinstance(model, SimulatedModel) for model in self.chat.values())

    async def ask(
        self,
        level: Level,
        messages: Sequence[tuple[str, str]],
        temperature: float | None,
        max_tokens: int | None,
        draw: list[int],
    ) -> Reply:
        """Ask a level's model once; retries are the client library's, at that one layer.

        Raises:
            ProviderError: with the provider's own message.
        """
        model = self.chat[level]
        options: dict[str, Any] = {} if max_tokens is None else {"max_tokens": max_tokens}
        if isinstance(model, SimulatedModel):
            options["draw"] = content_id(draw)
        if temperature is not None and self.names[level] not in self._no_temperature:
            options["temperature"] = temperature
        rendered = [_ROLES[role](text) for role, text in messages]
        try:
            return reply_from(await self._invoke(level, model, rendered, options))
        except ProviderError:
            raise
        except Exception as error:
            msg = f"{self.names[level]}: {type(error).__name__}: {error}"
            raise ProviderError(msg) from error

    async def _invoke(
        self, level: Level, model: BaseChatModel, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AIMessage:
        try:
            async with asyncio.timeout(self.request_seconds * (self.retries + 1) + 60 * self.retries):
                return await model.ainvoke(messages, **options)
        except Exception as error:
            if "temperature" in options and _refuses_temperature(error):
                self._no_temperature.add(self.names[level])
                options.pop("temperature")
                return await self._invoke(level, model, messages, options)
            raise


def _refuses_temperature(error: Exception) -> bool:
    return getattr(error, "status_code", None) == 400 and "temperature" in str(error).lower()


def models_for(context: Context) -> Models:
    """Build the models that the settings name.

    Raises:
        InputError: a name that is not provider:model, an unknown provider, or a missing key.
    """
    asked: dict[Level, str] = {
        "program": context.program_model,
        "optimizer": context.optimizer_model,
        "meta": context.meta_model,
        "judge": context.judge_model or context.optimizer_model,
    }
    names: dict[Level, str] = {
        level: f"{SIMULATED}:{level}" if name == SIMULATED else name for level, name in asked.items()
    }
    built: dict[str, BaseChatModel] = {name: _chat_model(name, context) for name in set(names.values())}
    chat = {level: built[name] for level, name in names.items()}
    return Models(chat=chat, names=names, request_seconds=context.request_seconds, retries=context.retries)


def _chat_model(name: str, context: Context) -> BaseChatModel:
    if name.startswith(f"{SIMULATED}:"):
        return simulated_model(name.partition(":")[2])
    provider, colon, model = name.partition(":")
    if not colon or not model:
        raise InputError(f"Model {name!r} is not of the form provider:model, such as openai:gpt-4o-mini, or 'simulated'.")
    from langchain.chat_models import init_chat_model

    options: dict[str, Any] = {"max_retries": context.retries, "timeout": context.request_seconds}
    if provider == "openai":
        from openai import DefaultAioHttpClient

        options["http_async_client"] = DefaultAioHttpClient(timeout=context.request_seconds)
    try:
        built: BaseChatModel = init_chat_model(model, model_provider=provider, **options)
    except (ImportError, ValueError) as error:
        raise InputError(f"Model {name!r} cannot be used: {str(error).splitlines()[0]}") from error
    except Exception as error:
        msg = f"Model {name!r} cannot be built: {str(error).splitlines()[0]} Is the provider's key set in the environment?"
        raise InputError(msg) from error
    return built
