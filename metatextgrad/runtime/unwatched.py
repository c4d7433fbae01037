"""A model asked past LangChain's callbacks where nobody listens to them: they are a good part of a call's own time.

Nothing else is left out: a model with a cache, a rate limiter, streaming or a way of its own is asked as ever.
"""

from functools import cache
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig, ensure_config

_WAYS = ("ainvoke", "agenerate_prompt", "agenerate", "_agenerate_with_cache", "_should_stream")


async def ask(
    model: BaseChatModel, messages: list[BaseMessage], config: RunnableConfig | None, options: dict[str, Any]
) -> AIMessage:
    """Return a model's answer, as `ainvoke` does; only its run id is missing where nobody could see the run.

    Without a config the call is no run of its own, as one that an agent made: it is shown already.
    """
    if not _is_usual(type(model)) or _has_more(model) or _is_watched(model, config):
        return await model.ainvoke(messages, config, **options)
    result = await model._agenerate(messages, **options)
    generation = result.generations[0]
    message = generation.message
    if not isinstance(message, AIMessage):
        raise TypeError(f"Expected an answer of type 'ai', got one of type {message.type!r}.")
    told = {**(generation.generation_info or {}), **message.response_metadata}
    message.response_metadata = {**(result.llm_output or {}), **told}
    return message


@cache
def _is_usual(kind: type[BaseChatModel]) -> bool:
    """Tell whether a model leaves all but the call itself to LangChain."""
    return all(getattr(kind, way) is getattr(BaseChatModel, way) for way in _WAYS)


def _has_more(model: BaseChatModel) -> bool:
    keeps = model.cache not in (None, False) or (model.cache is None and get_llm_cache() is not None)
    streams = getattr(model, "streaming", False) or model.output_version not in (None, "v0")
    return bool(keeps or model.rate_limiter or streams)


def _is_watched(model: BaseChatModel, config: RunnableConfig | None) -> bool:
    """Tell whether anything would learn of the call: tracing, a stream, a counter of tokens, a handler."""
    if config is None:
        return bool(model.callbacks or model.verbose)
    inherited = ensure_config(config).get("callbacks")
    return bool(AsyncCallbackManager.configure(inherited, model.callbacks, model.verbose).handlers)
