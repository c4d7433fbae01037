"""What a model call that failed says, in one sentence, and never with a key in it."""

import re
from collections.abc import Iterator

from langchain_core.exceptions import ContextOverflowError
from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr, ValidationError

from metatextgrad.core.errors import InputError, ProviderError, ReplyError

_KEY = re.compile(r"\b(?:sk|pk|rk|gsk|xai|key|hf|nvapi|pplx|fw)[-_][-_A-Za-z0-9]{12,}|\bAIza[-_A-Za-z0-9]{20,}")
_BEARER = re.compile(r"(?<=Bearer )\S+", re.IGNORECASE)
_USER_OF_ADDRESS = re.compile(r"(?<=://)[^/@\s]+@")
_ABOUT_MESSAGES = {"context_length_exceeded", "string_above_max_length", "content_filter", "content_policy_violation"}
_LONGEST = 1000


def failure_of(error: Exception, name: str, model: BaseChatModel) -> ProviderError | ReplyError:
    """Return the project's error for what a provider's client raised.

    A provider that refuses these very messages, because they are too long or against its rules, has not failed: it is
    what was written that cannot be used. Any other error is the provider's.
    """
    said = f"{name}: {masked(_said(error), model)}"
    about_messages = isinstance(error, ContextOverflowError) or getattr(error, "code", None) in _ABOUT_MESSAGES
    return ReplyError(f"the messages were refused by {said}") if about_messages else ProviderError(said)


def refuses_temperature(error: Exception) -> bool:
    """Tell whether a model takes no temperature, or not this one."""
    if getattr(error, "status_code", None) != 400:
        return False
    return getattr(error, "param", None) == "temperature" or "temperature" in str(error).lower()


def is_no_completion(error: Exception) -> bool:
    """Tell whether a server answered, and with success, but not with a completion: half a body, or an error in it."""
    return isinstance(error, ValueError | TypeError | KeyError) and not hasattr(error, "status_code")


def masked(text: str, model: BaseChatModel) -> str:
    """Return the text with the model's own key, and whatever else looks like one, struck out."""
    for secret in _secrets(model):
        text = text.replace(secret, "***")
    return _USER_OF_ADDRESS.sub("***@", _BEARER.sub("***", _KEY.sub("***", text)))


def not_built(error: Exception, name: str, provider: str) -> InputError:
    """Return the error for a model that cannot be built; says what is missing and how to give it."""
    if isinstance(error, ValidationError):
        first = str(error.errors(include_url=False)[0]["msg"])
    else:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, ImportError) or first.startswith("Unsupported provider"):
        return InputError(f"Model {name!r} cannot be used: {first}")
    if provider == "openai":
        hint = "Set OPENAI_API_KEY, to any word for a server that asks for none; OPENAI_BASE_URL names the server."
    else:
        hint = "Is the provider's key set in the environment?"
    return InputError(f"Model {name!r} cannot be built: {first} {hint}")


def _secrets(model: BaseChatModel) -> Iterator[str]:
    for value in vars(model).values():
        if isinstance(value, SecretStr) and len(value.get_secret_value()) > 3:
            yield value.get_secret_value()


def _said(error: Exception) -> str:
    """Write the kind of error and its message; where a client wraps what happened on the way, that instead."""
    told = error if hasattr(error, "status_code") else _root(error)
    whole = f"{type(told).__name__}: {told}" if str(told) else f"{type(told).__name__}: no answer within the time limit"
    return whole if len(whole) <= _LONGEST else f"{whole[:_LONGEST]} ..."


def _root(error: BaseException) -> BaseException:
    """Return the deepest cause that says anything."""
    found, at = error, error
    while deeper := at.__cause__ or (None if at.__suppress_context__ else at.__context__):
        at = deeper
        found = at if str(at) else found
    return found
