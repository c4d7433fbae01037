"""A runnable of the user's as a component: a chain, a graph or an agent whose texts are named, and how to build it.

The component says where the runnable comes from, and holds the texts that it is built from. Nothing is imported here:
`metatextgrad.runtime.wrapping` does that when the program runs, and no model may propose such a component.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import Value
from metatextgrad.core.template import Name, slots

MEMORY = "memory:"
"""How the factory of a runnable begins that exists in this process alone."""
_FACTORY = r"^(memory:[^:]+|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$"
Build = Callable[..., Any]
"""Builds the runnable from its texts by name and, where it takes a second argument, from a chat model."""


class Variable(Value):
    """One of the texts that a runnable is built from: a prompt, the description of a tool, worked examples."""

    name: Name = "text"
    text: str
    role: str = ""
    """What the text is for, in a phrase; shown to whoever improves it."""
    trainable: bool = True


class NamedText(Value):
    """A variable under its address, in the form that the instructions of other components have."""

    name: str
    """The address: the component's name, a dot, the variable's."""
    role: str
    instructions: str
    trainable: bool = True


class Wrapped(Value):
    """Run a Runnable of the user's: an LCEL chain, a LangGraph graph, an agent."""

    kind: Literal["runnable"] = "runnable"
    name: Name
    factory: Annotated[str, Field(pattern=_FACTORY, max_length=300)]
    """`module:function`, imported when the program runs; or memory:NAME, given in the process that runs it."""
    role: str = ""
    variables: Annotated[tuple[Variable, ...], Field(min_length=1)]
    template: str = "{question}"
    """What is asked; `{name}` is filled with a named value."""
    takes: Literal["auto", "messages", "text", "values"] = "auto"
    """The input: one human message under `messages`, a text, or the values that the template names under their names.
    auto tells by the runnable's own input schema."""
    gives: str = ""
    """The key of the output that has the answer; empty takes the last message, the text, or the only value."""
    calls: Annotated[int, Field(ge=1, le=1000)] = 4
    """About how many model calls one run makes. Only plans use it."""

    @field_validator("variables")
    @classmethod
    def _names_are_unique(cls, variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
        names = [variable.name for variable in variables]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the names of variables must be unique, but {', '.join(twice)} occur twice")
        return variables

    def reads(self) -> tuple[str, ...]:
        return slots(self.template)

    def writes_list(self) -> bool:
        return False

    def texts(self) -> tuple[NamedText, ...]:
        """Return the variables under their addresses."""
        return tuple(
            NamedText(
                name=f"{self.name}.{variable.name}",
                role=variable.role or f"the text {variable.name!r} of {self.role or self.name}",
                instructions=variable.text,
                trainable=variable.trainable,
            )
            for variable in self.variables
        )

    def with_texts(self, texts: Mapping[str, str]) -> "Wrapped":
        """Return a copy with the texts at these addresses replaced."""
        return self.model_copy(
            update={
                "variables": tuple(
                    variable.model_copy(update={"text": texts.get(f"{self.name}.{variable.name}", variable.text)})
                    for variable in self.variables
                )
            }
        )


def wrapped(
    factory: str,
    variables: Mapping[str, str | Variable],
    *,
    name: str = "agent",
    role: str = "",
    template: str = "{question}",
    takes: Literal["auto", "messages", "text", "values"] = "auto",
    gives: str = "",
    calls: int = 4,
) -> Wrapped:
    """Return the component of a runnable; a text alone is a variable without a role.

    Raises:
        InputError: the factory or the variables are not of their form.
    """
    if not re.fullmatch(_FACTORY, factory):
        raise InputError(f"The factory {factory!r} is not of the form 'module:function', such as 'my_agent:build'.")
    if not variables:
        raise InputError("No variables were given; name at least one text that may change: {'system': 'Be exact.'}.")
    for key, value in variables.items():
        if not isinstance(value, str | Variable):
            raise InputError(f"The variable {key!r} is a {type(value).__name__}; expected its text, or a Variable.")
    return Wrapped(
        name=name,
        factory=factory,
        role=role,
        variables=tuple(
            Variable(name=key, text=value)
            if isinstance(value, str)
            else Variable(name=key, text=value.text, role=value.role, trainable=value.trainable)
            for key, value in variables.items()
        ),
        template=template,
        takes=takes,
        gives=gives,
        calls=calls,
    )
