"""A program is a Runnable again: what was optimized goes back to where it came from."""

from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.store.memory import InMemoryStore

from metatextgrad.core.errors import AgentError, InputError
from metatextgrad.core.program import Program, Wrapped
from metatextgrad.execution import blocking
from metatextgrad.runtime.building import built, factory_of
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.failures import not_built
from metatextgrad.runtime.interpreter import Interpreter
from metatextgrad.runtime.meter import LEVELS
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.prices import SIMULATED
from metatextgrad.runtime.resources import ledger_of
from metatextgrad.runtime.simulated import simulated_model


def texts_of(program: Program) -> dict[str, str]:
    """Return the texts of a program by address: a component's name, or for a runnable `component.text`."""
    return {address: text.instructions for address, text in program.texts().items()}


def as_runnable(program: Program, model: BaseChatModel | str, *, settings: Context | None = None) -> Runnable[Any, Any]:
    """Return a program as a Runnable on a chat model, such as "openai:gpt-4o-mini", or "simulated".

    A program that is one runnable of yours gives that runnable, built with the program's texts: it takes and gives what
    it always did, and no ledger stands between it and the model. Any other program takes the question, or its inputs by
    name, and gives the answer.
    """
    chat = _chat_model(model)
    (part, *others) = program.components
    if isinstance(part, Wrapped) and not others:
        return built(part, factory_of(part, program.builds), chat).runnable
    context = (settings or Context()).building(program.builds)
    models = Models(chat=dict.fromkeys(LEVELS, chat), names=dict.fromkeys(LEVELS, _name_of(chat)))

    async def answer(given: str | Mapping[str, Any]) -> str:
        """Run the program once; nothing is kept."""
        interpreter = Interpreter(ledger_of(context, models, InMemoryStore(), "once"), context)
        execution = await interpreter.run(program, _values(program, given))
        if execution.error:
            raise AgentError(execution.error)
        return execution.answer

    def wait(given: str | Mapping[str, Any]) -> str:
        return blocking(answer(given))

    return RunnableLambda(wait, answer, name=program.name)


def _values(program: Program, given: str | Mapping[str, Any]) -> dict[str, str]:
    if not isinstance(given, str):
        return {name: str(value) for name, value in given.items()}
    if len(program.inputs) != 1:
        names = ", ".join(program.inputs)
        raise InputError(f"Program {program.name!r} has the inputs {names}; give them by name, and not one text.")
    return {program.inputs[0]: given}


def _chat_model(model: BaseChatModel | str) -> BaseChatModel:
    """Return the model that is named.

    Raises:
        InputError: there is no such model, or its package or key is missing.
    """
    if isinstance(model, BaseChatModel):
        return model
    provider, _, name = model.partition(":")
    if provider == SIMULATED:
        return simulated_model(name or "program")
    from langchain.chat_models import init_chat_model

    try:
        found: BaseChatModel = init_chat_model(model)
    except Exception as error:
        raise not_built(error, model, provider) from None
    return found


def _name_of(model: BaseChatModel) -> str:
    told = model._get_ls_params()
    return f"{told.get('ls_provider', 'unknown')}:{told.get('ls_model_name', 'unknown')}"
