"""Replies of models: what is kept, and what cannot be used."""

import re
from typing import Any

from langchain_core.messages import AIMessage

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.identity import Value
from metatextgrad.runtime.chat import kept

_REASONING = re.compile(r"\s*<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_OPENED = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_CLOSED = re.compile(r"</(think|thinking|reasoning)>", re.IGNORECASE)
_CUT_OFF = {"length", "max_tokens", "MAX_TOKENS"}


class Reply(Value):
    """A model's reply as the ledger keeps it: raw, with what it cost."""

    text: str
    finish: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    """Input tokens that the provider had in its cache; they are among `input_tokens` and cost less."""
    counted: bool = True
    """Whether the provider told the tokens; if not, the price of the call is not known."""
    refusal: str = ""
    """What the model said when it would not answer."""
    message: dict[str, Any] | None = None
    """The whole message, with tool calls, where an agent asked."""

    def usable(self) -> str:
        """Return the text without the reasoning that it begins with.

        Raises:
            ReplyError: the reply is cut off by length, empty, refused, or has a reasoning tag without its partner.
        """
        if self.finish in _CUT_OFF:
            raise ReplyError(f"the reply was cut off by length after {self.output_tokens} tokens; raise max_tokens")
        text = _without_reasoning(self.text).strip()
        if len(_OPENED.findall(text)) != len(_CLOSED.findall(text)):
            raise ReplyError("the reply has a reasoning tag without its partner")
        if not text and self.refusal:
            raise ReplyError(f"the model refused: {self.refusal}")
        if not text:
            filtered = ": the provider's content filter stopped it" if self.finish == "content_filter" else ""
            raise ReplyError(f"the reply was empty{filtered}")
        return text


def _without_reasoning(text: str) -> str:
    """Leave out the reasoning at the begin. Tags further on are text, as in a prompt that names them."""
    if not _OPENED.search(text) and len(closed := list(_CLOSED.finditer(text))) == 1:
        # Some chat templates put the opening tag into the prompt, so that only the closing one is in the reply.
        return text[closed[0].end() :]
    while found := _REASONING.match(text):
        text = text[found.end() :]
    return text


def reply_from(message: AIMessage, *, whole: bool = False) -> Reply:
    """Keep of a message what the project uses, or the whole of it too."""
    usage = message.usage_metadata
    told = message.response_metadata
    details = usage.get("input_token_details", {}) if usage else {}
    return Reply(
        # A model may write half of a surrogate pair, which no store can hold.
        text=message.text.encode("utf-8", "replace").decode("utf-8"),
        finish=str(told.get("finish_reason") or told.get("stop_reason") or ""),
        input_tokens=usage["input_tokens"] if usage else 0,
        output_tokens=usage["output_tokens"] if usage else 0,
        cached_tokens=details.get("cache_read", 0) or 0,
        counted=usage is not None,
        refusal=str(message.additional_kwargs.get("refusal") or ""),
        message=kept(message) if whole else None,
    )
