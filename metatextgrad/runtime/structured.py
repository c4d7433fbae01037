"""Ask a model for one JSON object of a given form."""

import json
import re
from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.template import render
from metatextgrad.core.trial import brief
from metatextgrad.runtime.ledger import Call, Ledger, Message
from metatextgrad.runtime.meter import Level
from metatextgrad.runtime.prompts import AGAIN

_QUOTED = 120
M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL and halves of surrogate pairs: JSON can write them, and no database can keep them."""


async def ask_for(
    form: type[M],
    use: Callable[[M], T],
    ledger: Ledger,
    level: Level,
    messages: tuple[Message, ...],
    temperature: float | None,
    sample: int,
) -> T:
    """Return what `use` makes of the validated reply; one that cannot be used is asked for once more, with the error.

    Args:
        form: the form of the reply.
        use: turns a reply of that form into what is wanted; raises ReplyError when it cannot.
        ledger: makes the calls.
        level: who is asked.
        messages: what is asked.
        temperature: how much chance takes part.
        sample: which draw it is.

    Raises:
        ReplyError: the second reply could not be used either.
    """
    first = await ledger.complete(Call(level, messages, temperature, sample, form.__name__))
    try:
        return use(parsed(form, first.usable()))
    except ReplyError as error:
        again = (*messages, ("ai", first.text or "(empty)"), ("human", render(AGAIN, {"error": str(error)})))
    second = await ledger.complete(Call(level, again, temperature, sample, form.__name__))
    return use(parsed(form, second.usable()))


def parsed(form: type[M], text: str) -> M:
    """Read the first JSON object of a text and validate it. Nothing is repaired.

    Raises:
        ReplyError: there is no JSON object, or it is not of the form; says where.
    """
    begin = text.find("{")
    if begin < 0:
        raise ReplyError(f"the reply has no JSON object; it begins {text[:_QUOTED]!r}")
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text[begin:])
        _check_characters(value)
    except (ValueError, RecursionError) as error:  # not only JSONDecodeError: a number can be too long to read
        raise ReplyError(f"the reply is not valid JSON: {error}") from None
    try:
        return form.model_validate(value)
    except ValidationError as error:
        raise ReplyError(first_problem(error)) from None


def _check_characters(value: object) -> None:
    match value:
        case str():
            if found := _UNSTORABLE.search(value):
                raise ReplyError(f"the reply has the character U+{ord(found.group()):04X}, which cannot be stored")
        case list():
            for item in value:
                _check_characters(item)
        case dict():
            for key, item in value.items():
                _check_characters(key)
                _check_characters(item)


def first_problem(error: ValidationError) -> str:
    """Say in one sentence what is wrong, and where."""
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the object"
    return brief(f"{place}: {problem['msg'].removeprefix('Value error, ')}")
