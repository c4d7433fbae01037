"""The components that programs are made of. Each reads named values and writes one under its own name."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from metatextgrad.core.identity import Value
from metatextgrad.core.template import Name, slots
from metatextgrad.core.wrapped import NamedText, Wrapped


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
    Llm | Select | Split | Join | Extract | Vote | Map | Wrapped,
    Field(discriminator="kind"),
]
Caller = Llm | Select | Wrapped
"""The components that call a model."""
Learnable = Llm | Select | NamedText
"""A text with its role: a component's instructions, or one of the texts that a wrapped runnable is built from."""
Map.model_rebuild()


def walk(components: tuple[Component, ...]) -> Iterator[Component]:
    """Yield every component in order, a map before its body."""
    for part in components:
        yield part
        if isinstance(part, Map):
            yield from walk(part.body)
