"""LLM programs as data.

A program is an ordered list of components. Each reads named values (the question, other fields of the
example, or what an earlier component wrote) and writes one value under its own name: a text, or a list
of texts. Nothing here is executed as code, so a program proposed by a model is as safe as any JSON.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from metatextgrad.core.components import (
    Caller,
    Component,
    Demonstration,
    Extract,
    Join,
    Learnable,
    Llm,
    Map,
    Select,
    Split,
    Vote,
    walk,
)
from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import Content
from metatextgrad.core.template import Name
from metatextgrad.core.wrapped import MEMORY, Build, Variable, Wrapped, wrapped

FORMAT: Literal["metatextgrad.program/1"] = "metatextgrad.program/1"


class Program(Content):
    """An LLM program: components in order; the value named by `output` is the answer."""

    format: Literal["metatextgrad.program/1"] = FORMAT
    name: str
    purpose: str = ""
    inputs: tuple[Name, ...] = ("question",)
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    output: str = ""
    """Empty means the last component."""
    _builds: dict[str, Build] = PrivateAttr(default_factory=dict)
    """The factories that exist in this process alone, by name; no file has them."""

    @classmethod
    def from_factory(
        cls,
        factory: str,
        variables: Mapping[str, str | Variable],
        *,
        name: str = "agent",
        purpose: str = "",
        **how: Any,
    ) -> "Program":
        """Return the program that a runnable of yours is: a chain, a graph or an agent.

        Args:
            factory: `module:function`. It is called with the texts by name and, where it takes a second argument, with
                a chat model whose calls are in the ledger; it returns the runnable.
            variables: the texts that may change, by name; a `Variable` says more about its text.
            name: the name of the component.
            purpose: what the runnable is for, in a phrase.
            how: `template`, `takes`, `gives` and `calls` of `metatextgrad.core.wrapped.Wrapped`.

        Raises:
            InputError: the factory or the variables are not of their form.
        """
        part = wrapped(factory, variables, name=name, role=purpose, **how)
        return cls(name=name, purpose=purpose, inputs=part.reads(), components=(part,))

    @classmethod
    def from_runnable(
        cls,
        build: Build,
        variables: Mapping[str, str | Variable],
        *,
        name: str = "agent",
        purpose: str = "",
        **how: Any,
    ) -> "Program":
        """Return the program that a runnable in memory is; its JSON names `build` and cannot hold it.

        Arguments are those of `from_factory`, with the function itself. To resume a run, give the program again.

        Raises:
            InputError: it is no function, or the variables are not of their form.
        """
        if not callable(build) or hasattr(build, "invoke"):
            raise InputError(
                f"A {type(build).__name__} was given; expected the function that builds it, to build it with "
                "other texts: def build(texts, model): return create_agent(model, system_prompt=texts['system'])."
            )
        made = cls.from_factory(f"{MEMORY}{name}", variables, name=name, purpose=purpose, **how)
        return made.knowing({f"{MEMORY}{name}": build})

    def knowing(self, builds: Mapping[str, Build]) -> "Program":
        """Return a copy that has these factories at hand."""
        copy = self.model_copy()
        copy._builds = {**self._builds, **builds}
        return copy

    @property
    def builds(self) -> Mapping[str, Build]:
        """The factories at hand, by name."""
        return self._builds

    @field_validator("components")
    @classmethod
    def _names_are_unique(cls, components: tuple[Component, ...]) -> tuple[Component, ...]:
        names = [part.name for part in walk(components)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"component names must be unique, but {', '.join(twice)} occur twice")
        return components

    @model_validator(mode="after")
    def _reads_are_written_before(self) -> Self:
        known = _check(self.components, dict.fromkeys(self.inputs, False))
        if self.answer not in known:
            raise ValueError(f"output {self.answer!r} is not written; written values: {', '.join(sorted(known))}")
        if known[self.answer]:
            raise ValueError(f"output {self.answer!r} is a list; end with a vote, select, join or llm component")
        return self

    @property
    def answer(self) -> str:
        """The name of the value that is the program's answer."""
        return self.output or self.components[-1].name

    def callers(self) -> tuple[Caller, ...]:
        """Return the components that call a model, in order, those inside maps included."""
        return tuple(part for part in walk(self.components) if isinstance(part, Llm | Select | Wrapped))

    def texts(self) -> dict[str, Learnable]:
        """Return the texts that decide what models do, by address.

        The address of a component's instructions is the component's name; that of a text of a runnable has the text's
        name behind a dot.
        """
        found: list[Learnable] = []
        for part in self.callers():
            found.extend(part.texts() if isinstance(part, Wrapped) else (part,))
        return {text.name: text for text in found}

    def trainable(self) -> dict[str, Learnable]:
        """Return the texts that may change, by address."""
        return {address: text for address, text in self.texts().items() if text.trainable}

    def with_instructions(self, texts: Mapping[str, str]) -> "Program":
        """Return a copy with the texts at these addresses replaced."""
        changes: dict[str, Mapping[str, object]] = {name: {"instructions": text} for name, text in texts.items()}
        for part in self.callers():
            if isinstance(part, Wrapped):
                changes[part.name] = {"variables": part.with_texts(texts).variables}
        return self._replace(changes)

    def with_demonstrations(self, shown: Mapping[str, tuple[Demonstration, ...]]) -> "Program":
        """Return a copy with the demonstrations of the named components replaced."""
        return self._replace({name: {"demonstrations": demos} for name, demos in shown.items()})

    def _replace(self, changes: Mapping[str, Mapping[str, object]]) -> "Program":
        return self.model_copy(update={"components": tuple(_replaced(part, changes) for part in self.components)})

    def calls_per_example(self) -> int:
        """Count the model calls one example can need at the most."""
        return _most_calls(self.components, {})


def _check(components: tuple[Component, ...], known: dict[str, bool]) -> dict[str, bool]:
    """Check that names are read after they are written; return name -> is a list."""
    known = dict(known)
    for part in components:
        missing = [name for name in part.reads() if name not in known]
        if missing:
            raise ValueError(
                f"component {part.name!r} reads {missing[0]!r}, but only {', '.join(sorted(known))} are known there"
            )
        if part.name in known:
            raise ValueError(f"component {part.name!r} would overwrite the value of that name")
        _check_shape(part, known)
        if isinstance(part, Map):
            inner = _check(part.body, {**known, part.item: False})
            if not part.body or inner[part.body[-1].name]:
                raise ValueError(f"the body of map {part.name!r} must end in a component that writes one text")
        known[part.name] = part.writes_list()
    return known


def _check_shape(part: Component, known: Mapping[str, bool]) -> None:
    if isinstance(part, Map | Vote | Select) and not known[part.over]:
        raise ValueError(f"component {part.name!r} goes over {part.over!r}, which is one text and not a list")
    if isinstance(part, Split | Extract) and known[part.text]:
        raise ValueError(f"component {part.name!r} reads {part.text!r}, which is a list; use a map or a join first")
    if isinstance(part, Map) and part.item in known:
        raise ValueError(f"map {part.name!r} names its item {part.item!r}, but that name is taken")


def _replaced(part: Component, changes: Mapping[str, Mapping[str, object]]) -> Component:
    if isinstance(part, Map):
        return part.model_copy(update={"body": tuple(_replaced(inner, changes) for inner in part.body)})
    return part.model_copy(update=dict(changes[part.name])) if part.name in changes else part


def _most_calls(components: tuple[Component, ...], lengths: dict[str, int]) -> int:
    """Count calls; `lengths` holds how long each list can be."""
    lengths, calls = dict(lengths), 0
    for part in components:
        match part:
            case Llm():
                calls += part.samples
                lengths[part.name] = part.samples
            case Select():
                calls += 1
            case Wrapped():
                calls += part.calls
            case Split():
                lengths[part.name] = part.most
            case Map():
                lengths[part.name] = lengths.get(part.over, 1)
                calls += lengths[part.name] * _most_calls(part.body, lengths)
            case _:
                pass
    return calls


def chain_of_thought(name: str, instructions: str, role: str = "answers the question") -> Program:
    """Return the paper's initial program: one trainable call on the question (paper 1.10)."""
    return Program(name=name, purpose=role, components=(Llm(name="answer", role=role, instructions=instructions),))


__all__ = [
    "Caller",
    "Component",
    "Demonstration",
    "Extract",
    "Join",
    "Learnable",
    "Llm",
    "Map",
    "Program",
    "Select",
    "Split",
    "Variable",
    "Vote",
    "Wrapped",
    "chain_of_thought",
    "walk",
]
