"""Build the runnables that components name: import the factory, call it with the texts, see what it takes and gives."""

import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import Runnable
from langchain_core.runnables.base import coerce_to_runnable
from pydantic import BaseModel

from metatextgrad.core.errors import InputError
from metatextgrad.core.template import Text, render
from metatextgrad.core.wrapped import MEMORY, Build, Wrapped
from metatextgrad.runtime.chat import plain


@dataclass(frozen=True)
class Built:
    """A runnable, ready to be asked."""

    runnable: Runnable[Any, Any]
    takes: Literal["messages", "text", "values"]
    only: str = ""
    """The one key that its input has, where it has one."""
    own_model: bool = False
    """Whether the factory brought a model of its own, whose calls do not go through the ledger."""


def factory_of(part: Wrapped, builds: Mapping[str, Build]) -> Build:
    """Return the function that builds a component's runnable; importing its module runs the user's code.

    Raises:
        InputError: it is not there.
    """
    if part.factory.startswith(MEMORY):
        if part.factory not in builds:
            raise InputError(
                f"Component {part.name!r} was built in memory, as {part.factory!r}, and its factory is not at hand; "
                "give the program of `Program.from_runnable` again, or name a factory as 'module:function'."
            )
        return builds[part.factory]
    module_name, _, function_name = part.factory.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # as with `python -m`; a console command has only its own folder there
        sys.path.append(here)
    try:
        found = getattr(import_module(module_name), function_name)
    except Exception as error:
        raise InputError(
            f"Component {part.name!r}: the factory {part.factory!r} cannot be imported "
            f"({type(error).__name__}: {error}). Give 'module:function' of a module that this folder or the "
            "environment has."
        ) from error
    if not callable(found):
        raise InputError(f"Component {part.name!r}: {part.factory!r} is {found!r}; expected a function.")
    return found  # type: ignore[no-any-return]  # callable, and its arguments are looked at where it is called


def version_of(factory: Build) -> str:
    """Hash the source of a factory's module, so that what an edited agent did is not mixed with what it did before."""
    try:
        source = Path(inspect.getsourcefile(inspect.unwrap(factory)) or "").read_bytes()
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(source).hexdigest()[:8]


def built(part: Wrapped, factory: Build, model: BaseChatModel) -> Built:
    """Call the factory; what it raises passes through.

    Raises:
        InputError: it takes other arguments, or returns no runnable.
    """
    texts = {variable.name: variable.text for variable in part.variables}
    takes_model = _takes_model(part, factory)
    made = factory(texts, model) if takes_model else factory(texts)
    if inspect.isawaitable(made) or not (isinstance(made, Runnable) or callable(made)):
        if inspect.iscoroutine(made):
            made.close()
        raise InputError(
            f"Component {part.name!r}: {part.factory!r} returned a {type(made).__name__}; expected a Runnable, such as "
            f"a chain, a compiled graph or an agent.{' Call its compile().' if hasattr(made, 'compile') else ''}"
        )
    runnable: Runnable[Any, Any] = coerce_to_runnable(made)
    takes, only = _input_of(runnable) if part.takes == "auto" else (part.takes, "")
    return Built(runnable, takes, only, own_model=not takes_model)


def _takes_model(part: Wrapped, factory: Build) -> bool:
    """Tell whether a factory takes a model after the texts: a second argument that it needs, or that has that name."""
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [each for each in inspect.signature(factory).parameters.values() if each.kind in places]
    needed = [each.name for each in parameters if each.default is inspect.Parameter.empty]
    if not parameters or len(needed) > 2:
        raise InputError(
            f"Component {part.name!r}: {part.factory!r} takes {len(parameters)} arguments; expected (texts) or "
            "(texts, model): the texts by name, and the chat model whose calls are in the ledger."
        )
    return len(needed) == 2 or (len(parameters) > 1 and parameters[1].name == "model")


def _input_of(runnable: Runnable[Any, Any]) -> tuple[Literal["messages", "text", "values"], str]:
    """Tell by a runnable's own schema what it takes, and the key of its only value, if it has but one."""
    try:
        keys = [key for key in runnable.get_input_jsonschema().get("properties", {}) if key != "root"]
    except Exception:  # a schema that cannot be made says nothing
        keys = []
    if "messages" in keys:
        return "messages", ""
    return ("values", keys[0] if len(keys) == 1 else "") if keys else ("text", "")


def input_for(part: Wrapped, made: Built, values: Mapping[str, Text]) -> Any:
    """Return what the runnable is given."""
    asked = render(part.template, values)
    match made.takes:
        case "messages":
            return {"messages": [HumanMessage(asked)]}
        case "text":
            return asked
        case "values":
            read = {name: values[name] for name in part.reads()}
            return {made.only: asked} if made.only and made.only not in read else read


def answer_in(output: Any, part: Wrapped) -> str:
    """Return the text of the answer in what a runnable gave back.

    Raises:
        InputError: there is none, or it waits for a person.
    """
    if isinstance(output, Mapping) and output.get("__interrupt__"):
        raise InputError(
            f"Component {part.name!r} stopped to ask a person, and here nobody answers; build it without interrupts."
        )
    if part.gives:
        if not isinstance(output, Mapping) or part.gives not in output:
            raise InputError(f"Component {part.name!r} gave no {part.gives!r}; it gave {_shape(output)}.")
        return _text(output[part.gives])
    if isinstance(output, Mapping) and not isinstance(output, BaseModel):
        if output.get("messages"):
            return _text(output["messages"][-1])
        if len(output) != 1:
            raise InputError(f"Component {part.name!r} gave {_shape(output)}; say by `gives` which key has the answer.")
        return _text(next(iter(output.values())))
    return _text(output)


def _shape(output: Any) -> str:
    return f"the keys {', '.join(map(str, output))}" if isinstance(output, Mapping) else f"a {type(output).__name__}"


def _text(value: Any) -> str:
    if isinstance(value, BaseMessage):
        return value.text
    return str(plain(value)) if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
