"""What the loopback server of the tests answers: completions in OpenAI's form, right or wrong on purpose."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from metatextgrad.runtime.simulated import SimulatedModel, simulated_model

Transport = Literal["429", "429-after", "500", "reset", "hang", "drip", "not-json"]
"""What goes wrong before an answer: the client library retries these, except not-json."""
Content = Literal[
    "length", "empty", "null", "refusal", "filter", "parts", "invalid", "form", "open-think", "close-think"
]
"""What is wrong with an answer. parts: the content is a list of parts, which is right; close-think: only the end of the
reasoning is marked, as by chat templates that put the begin into the prompt."""
Fault = Transport | Content

LEVELS = ("optimizer", "meta", "judge", "program")
_ROLES: Mapping[str, type[BaseMessage]] = {
    "system": SystemMessage,
    "developer": SystemMessage,
    "user": HumanMessage,
    "assistant": AIMessage,
}


@dataclass(frozen=True)
class Asked:
    """What a handler sees of a request."""

    model: str
    messages: tuple[tuple[str, str], ...]
    """Role and text."""
    temperature: float | None

    @property
    def level(self) -> str:
        return next((level for level in LEVELS if level in self.model), "program")


Handler = Callable[[Asked], str]


ERRORS: Mapping[str, tuple[int, dict[str, Any]]] = {
    "401": (401, {
        "message": "Incorrect API key provided: {authorization}.",
        "type": "invalid_request_error", "param": None, "code": "invalid_api_key",
    }),
    "404": (404, {
        "message": "The model `nowhere` does not exist or you do not have access to it.",
        "type": "invalid_request_error", "param": None, "code": "model_not_found",
    }),
    "temperature-value": (400, {
        "message": "Unsupported value: 'temperature' does not support this value with this model. "
        "Only the default (1) value is supported.",
        "type": "invalid_request_error", "param": "temperature", "code": "unsupported_value",
    }),
    "temperature": (400, {
        "message": "Unsupported parameter: 'temperature' is not supported with this model.",
        "type": "invalid_request_error", "param": "temperature", "code": "unsupported_parameter",
    }),
    "context": (400, {
        "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in more.",
        "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded",
    }),
    "429": (429, {
        "message": "Rate limit reached.", "type": "requests", "param": None, "code": "rate_limit_exceeded",
    }),
    "429-after": (429, {
        "message": "Rate limit reached.", "type": "requests", "param": None, "code": "rate_limit_exceeded",
    }),
    "500": (500, {
        "message": "The server had an error.", "type": "server_error", "param": None, "code": None,
    }),
}  # fmt: skip


def asked_of(body: Mapping[str, Any]) -> Asked:
    """Read a request's body."""
    messages = tuple((str(message["role"]), str(message["content"])) for message in body["messages"])
    return Asked(model=str(body["model"]), messages=messages, temperature=body.get("temperature"))


def completion(
    body: Mapping[str, Any], number: int, text: str, fault: str, usage_changes: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the JSON of a chat completion."""
    content, finish, refusal = _content(text, fault)
    used, made = sum(len(str(message["content"]).split()) for message in body["messages"]), len(text.split())
    answer: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": refusal},
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
    }
    if usage_changes is not None:
        usage = {"prompt_tokens": used, "completion_tokens": made, "total_tokens": used + made}
        answer["usage"] = {**usage, **usage_changes}
    return answer


def _content(text: str, fault: str) -> tuple[Any, str, str | None]:
    """Return content, finish reason and refusal."""
    wrong: dict[str, tuple[Any, str, str | None]] = {
        "length": (text[: len(text) // 2], "length", None),
        "empty": ("", "stop", None),
        "null": (None, "stop", None),
        "refusal": (None, "stop", "I can't help with that."),
        "filter": (None, "content_filter", None),
        "parts": ([{"type": "text", "text": text}], "stop", None),
        "invalid": ('{"improved_text": "half', "stop", None),
        "form": ('{"something_else": 1}', "stop", None),
        "open-think": (f"<think>Let me see. {text}", "stop", None),
        "close-think": (f"Let me see.</think>\n{text}", "stop", None),
    }
    return wrong.get(fault, (text, "stop", None))


@cache
def _model(level: str) -> SimulatedModel:
    return simulated_model(level)


def simulated(asked: Asked) -> str:
    """Answer with the simulated model of the level that the model's name holds."""
    messages: Sequence[BaseMessage] = [_ROLES[role](text) for role, text in asked.messages]
    temperature = 1.0 if asked.temperature is None else asked.temperature
    return _model(asked.level).reply(messages, "", temperature)
