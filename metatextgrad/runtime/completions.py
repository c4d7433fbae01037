"""How ChatOpenAI sends a chat completion: by openai's client, without its walk over the types of each message.

That walk takes more than half of a call's time on the CPU (`docs/performance.md`). LangChain has put the request into
plain JSON already, and reads the answer as plain JSON too. Retries, keys, time limits and errors stay openai's own.
"""

from dataclasses import dataclass
from typing import Any

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from metatextgrad.runtime.transport import Response

_MORE = frozenset({"extra_headers", "extra_query", "extra_body", "timeout"})
"""Parts of a payload that are no part of the request's body."""


@dataclass(frozen=True)
class Answer:
    """An answer that is not read yet, as LangChain takes it."""

    http_response: Any

    @property
    def headers(self) -> Any:
        return self.http_response.headers

    def parse(self) -> Any:
        """Read the answer as JSON.

        Raises:
            ValueError: it is none.
        """
        read = self.http_response.json()
        # LangChain takes a refusal only from an answer of openai's own type.
        return ChatCompletion.construct(**read) if _refuses(read) else read


def _refuses(read: Any) -> bool:
    try:
        return any(choice["message"].get("refusal") for choice in read["choices"])
    except (LookupError, TypeError, AttributeError):
        return False  # it is no completion, which LangChain says better


@dataclass(frozen=True)
class RawCompletions:
    """Takes the place of `client.chat.completions.with_raw_response`."""

    client: AsyncOpenAI

    async def create(self, **payload: Any) -> Any:
        """Send a request; one that is streamed, or has more to it than a body, goes openai's usual way.

        Raises:
            openai.APIError: what openai's client raises.
        """
        if payload.get("stream") or _MORE & payload.keys():
            return await self.client.chat.completions.with_raw_response.create(**payload)
        return Answer(await self.client.post("/chat/completions", body=payload, cast_to=Response))


@dataclass(frozen=True)
class Completions:
    """Takes the place of `client.chat.completions` in a ChatOpenAI."""

    client: AsyncOpenAI

    @property
    def with_raw_response(self) -> RawCompletions:
        return RawCompletions(self.client)

    async def create(self, **payload: Any) -> Any:
        """Send a request openai's usual way: LangChain streams so."""
        return await self.client.chat.completions.create(**payload)
