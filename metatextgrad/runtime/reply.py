"""Replies of models: what is kept, and what cannot be used."""

import re

from langchain_core.messages import AIMessage

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.identity import Value

_REASONING = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_REASONING_TAG = re.compile(r"</?(think|thinking|reasoning)>", re.IGNORECASE)
_CUT_OFF = {"length", "max_tokens", "MAX_TOKENS"}


class Reply(Value):
    """A model's reply as the ledger keeps it: raw, with what it cost."""

    text: str
    finish: str
    input_tokens: int
    output_tokens: int

    def usable(self) -> str:
        """Return the text without its reasoning.

        Raises:
            ReplyError: the reply is cut off by length, empty, or has a reasoning tag without its partner.
        """
        if self.finish in _CUT_OFF:
            raise ReplyError(f"the reply was cut off by length after {self.output_tokens} tokens; raise max_tokens")
        text = _REASONING.sub("", self.text).strip()
        if _REASONING_TAG.search(text):
            raise ReplyError("the reply has a reasoning tag without its partner")
        if not text:
            raise ReplyError("the reply was empty")
        return text


def reply_from(message: AIMessage) -> Reply:
    """Keep of a message what the project uses."""
    usage = message.usage_metadata
    finish = message.response_metadata.get("finish_reason") or message.response_metadata.get("stop_reason") or ""
    return Reply(
        text=message.text,
        finish=str(finish),
        input_tokens=usage["input_tokens"] if usage else 0,
        output_tokens=usage["output_tokens"] if usage else 0,
    )
