"""LLM programs as data.

A program is an ordered list of components. Each reads named values (the question, other fields of the
example, or what an earlier component wrote) and writes one value under its own name: a text, or a list
of texts. Nothing here is executed as code, so a program proposed by a model is as safe as any JSON.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from metatextgrad.core.identity import Content, Value
from metatextgrad.core.template import slots

Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$", max_length=64)]
FORMAT: Literal["metatextgrad.program/1"] = "metatextgrad.program/1"


class Demonstration(Value):
    """One worked example shown to the model before the real input."""

    input: str
    output: str


class Llm(Value):
    """Call the model once, or `samples` times."""

    kind: Literal["llm"] = "llm"
    name: Name
    role: str = ""
    """What the component is for, in a phrase; shown to whoever improves it."""
    instructions: str
    """The system prompt. Literal text: braces in it mean nothing."""
    template: str = "{question}"
    """The user message; `{name}` is filled with a named value."""
    demonstrations: tuple[Demonstration, ...] = ()
    samples: Annotated[int, Field(ge=1)] = 1
    """With more than one, the component writes a list."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """None takes the run's setting."""
    trainable: bool = True

    def reads(self) -> tuple[str, ...]:
        return slots(self.template)

    def writes_list(self) -> bool:
        return self.samples > 1


class Select(Value):
    """Let the model choose the best of a list; writes the chosen text."""

    kind: Literal["select"] = "select"
    name: Name
    over: Name
    role: str = "chooses the best of several answers"
    instructions: str
    template: str = "{question}"
    """The user message; the numbered candidates follow it."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    trainable: bool = True

    def reads(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*slots(self.template), self.over)))

    def writes_list(self) -> bool:
        return False


class Split(Value):
    """Cut a text into a list; empty pieces are dropped."""

    kind: Literal["split"] = "split"
    name: Name
    text: Name
    by: Literal["lines", "paragraphs", "commas", "words"] = "lines"
    most: Annotated[int, Field(ge=1, le=1000)] = 8
    """Pieces past this number stay together in the last one, so no text is lost."""

    def reads(self) -> tuple[str, ...]:
        return (self.text,)

    def writes_list(self) -> bool:
        return True


class Join(Value):
    """Fill a template without calling a model; list values are joined by the separator."""

    kind: Literal["join"] = "join"
    name: Name
    template: str
    separator: str = "\n"

    def reads(self) -> tuple[str, ...]:
        return slots(self.template)

    def writes_list(self) -> bool:
        return False


class Extract(Value):
    """Take the text between two markers; without the marker, the whole text.

    Markers are literal and not regular expressions: a model may write them, and a pattern can be made to run for ever.
    """

    kind: Literal["extract"] = "extract"
    name: Name
    text: Name
    after: str = "Answer:"
    before: str = "\n"
    which: Literal["first", "last"] = "last"

    def reads(self) -> tuple[str, ...]:
        return (self.text,)

    def writes_list(self) -> bool:
        return False


class Vote(Value):
    """Take the most common answer of a list; the first seen wins a tie. Writes that whole text."""

    kind: Literal["vote"] = "vote"
    name: Name
    over: Name
    after: str = "Answer:"
    """The answer is what follows the last such marker; without one, the whole text."""

    def reads(self) -> tuple[str, ...]:
        return (self.over,)

    def writes_list(self) -> bool:
        return False


class Map(Value):
    """Run components once for each item of a list; writes the list of the last one's values."""

    kind: Literal["map"] = "map"
    name: Name
    over: Name
    item: Name = "item"
    body: "tuple[Component, ...]"

    def reads(self) -> tuple[str, ...]:
        inner = {self.item, *(part.name for part in self.body)}
        outer = [name for part in self.body for name in part.reads() if name not in inner]
        return tuple(dict.fromkeys((self.over, *outer)))

    def writes_list(self) -> bool:
        return True


Component = Annotated[
    Llm | Select | Split | Join | Extract | Vote | Map,
    Field(discriminator="kind"),
]
Caller = Llm | Select
"""The components that call a model and so have instructions to improve."""
Map.model_rebuild()


class Program(Content):
    """An LLM program: components in order; the value named by `output` is the answer."""

    format: Literal["metatextgrad.program/1"] = FORMAT
    name: str
    purpose: str = ""
    inputs: tuple[Name, ...] = ("question",)
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    output: str = ""
    """Empty means the last component."""

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
        return tuple(part for part in walk(self.components) if isinstance(part, Llm | Select))

    def trainable(self) -> dict[str, Caller]:
        """Return the components whose instructions may change, by name."""
        return {part.name: part for part in self.callers() if part.trainable}

    def with_instructions(self, texts: Mapping[str, str]) -> "Program":
        """Return a copy with the instructions of the named components replaced."""
        return self._replace({name: {"instructions": text} for name, text in texts.items()})

    def with_demonstrations(self, shown: Mapping[str, tuple[Demonstration, ...]]) -> "Program":
        """Return a copy with the demonstrations of the named components replaced."""
        return self._replace({name: {"demonstrations": demos} for name, demos in shown.items()})

    def _replace(self, changes: Mapping[str, Mapping[str, object]]) -> "Program":
        return self.model_copy(update={"components": tuple(_replaced(part, changes) for part in self.components)})

    def calls_per_example(self) -> int:
        """Count the model calls one example can need at the most."""
        return _most_calls(self.components, {})


def walk(components: tuple[Component, ...]) -> Iterator[Component]:
    """Yield every component in order, a map before its body."""
    for part in components:
        yield part
        if isinstance(part, Map):
            yield from walk(part.body)


def _check(components: tuple[Component, ...], known: dict[str, bool]) -> dict[str, bool]:
    """Check that names are read after they are written; return name -> is a list."""
    known = dict(known)
    for part in components:
        missing = [name for name in part.reads() if name not in known]
        if missing:
            raise ValueError(f"component {part.name!r} reads {missing[0]!r}, but only {', '.join(sorted(known))} are known there")
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
    "Llm",
    "Map",
    "Program",
    "Select",
    "Split",
    "Vote",
    "chain_of_thought",
    "walk",
]
