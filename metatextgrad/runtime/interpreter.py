"""Run a program on one example, and keep the trace that a textual gradient flows back through."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from metatextgrad.core.errors import AgentError, ReplyError
from metatextgrad.core.program import (
    Caller,
    Component,
    Extract,
    Join,
    Learnable,
    Llm,
    Map,
    Program,
    Select,
    Split,
    Vote,
    Wrapped,
)
from metatextgrad.core.template import Text, render, slots
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.gathering import gather_all
from metatextgrad.runtime.ledger import Call, Ledger, Message
from metatextgrad.runtime.wrapping import Agents


@dataclass(frozen=True)
class Traced:
    """A text and the invocations that it came from, in order."""

    text: str
    sources: tuple[str, ...] = ()


TracedValue = Traced | tuple[Traced, ...]
Values = Mapping[str, TracedValue]


@dataclass(frozen=True)
class Invocation:
    """One model call that a program made, or one run of a wrapped runnable."""

    component: Caller
    place: tuple[int, ...]
    """Positions in the maps around it, then the sample's number."""
    messages: tuple[Message, ...]
    output: str
    sources: tuple[str, ...]
    """Ids of the invocations whose outputs this one read."""
    trace: str = ""
    """What happened inside a runnable, whole."""

    @property
    def id(self) -> str:
        """Name the call: the component's name with its positions, such as solve.2.0."""
        return ".".join([self.component.name, *map(str, self.place)])

    @property
    def texts(self) -> tuple[Learnable, ...]:
        """The texts that decided what was done."""
        part = self.component
        return part.texts() if isinstance(part, Wrapped) else (part,)


@dataclass(frozen=True)
class Execution:
    """A program's answer on one example, and every model call behind it in the order of the program."""

    answer: str
    sources: tuple[str, ...]
    invocations: tuple[Invocation, ...]
    error: str = ""
    """What a wrapped runnable raised on its own; there is no answer then."""


@dataclass
class Interpreter:
    """Runs the components of programs through the ledger."""

    ledger: Ledger
    context: Context
    agents: Agents | None = None
    _calls: dict[str, Invocation] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Build wrapped runnables once for all examples."""
        self.agents = self.agents or Agents(self.ledger, self.context)

    async def run(self, program: Program, values: Mapping[str, str]) -> Execution:
        """Run a program on the named values of one example.

        Raises:
            ProviderError: a model call failed.
            ReplyError: a reply could not be used.
            BudgetReachedError: a cap was reached.
        """
        inner = Interpreter(self.ledger, self.context, self.agents)
        start: Values = {name: Traced(values.get(name, "")) for name in program.inputs}
        try:
            end = await inner.through(program.components, start, ())
        except AgentError as error:
            return Execution("", (error.invocation,), inner.trace(program), str(error))
        answer = end[program.answer]
        assert isinstance(answer, Traced), "Program checks that its output is one text"
        return Execution(answer.text, answer.sources, inner.trace(program))

    def trace(self, program: Program) -> tuple[Invocation, ...]:
        """Return the calls in the order of the program, whichever finished first."""
        order = {part.name: position for position, part in enumerate(program.callers())}
        return tuple(sorted(self._calls.values(), key=lambda call: (order[call.component.name], call.place)))

    async def through(self, components: tuple[Component, ...], values: Values, place: tuple[int, ...]) -> Values:
        """Run components in order and return all values."""
        known = dict(values)
        for part in components:
            known[part.name] = await self.step(part, known, place)
        return known

    async def step(self, part: Component, values: Values, place: tuple[int, ...] = ()) -> TracedValue:
        """Run one component and return what it writes."""
        match part:
            case Llm():
                return await self._llm(part, values, place)
            case Select():
                return await self._select(part, values, place)
            case Map():
                return await self._map(part, values, place)
            case Join():
                return Traced(
                    render(part.template, _texts(values, part.reads()), part.separator), _sources(values, part.reads())
                )
            case Split():
                source = _one(values, part.text)
                return tuple(Traced(piece, source.sources) for piece in _pieces(source.text, part))
            case Extract():
                source = _one(values, part.text)
                return Traced(_between(source.text, part), source.sources)
            case Vote():
                return _winner(_many(values, part.over), part.after)
            case Wrapped():
                return await self._wrapped(part, values, place)

    async def _llm(self, part: Llm, values: Values, place: tuple[int, ...]) -> TracedValue:
        user = render(part.template, _texts(values, part.reads()))
        shown = [message for demo in part.demonstrations for message in (("human", demo.input), ("ai", demo.output))]
        messages = (("system", part.instructions), *shown, ("human", user))
        sources = _sources(values, part.reads())
        usual = self.context.sample_temperature if part.samples > 1 else self.context.program_temperature
        temperature = usual if part.temperature is None else part.temperature
        if part.samples == 1:
            return await self._call(part, (*place, 0), messages, temperature, sources)
        places = [(*place, sample) for sample in range(part.samples)]
        return tuple(await gather_all(self._call(part, where, messages, temperature, sources) for where in places))

    async def _select(self, part: Select, values: Values, place: tuple[int, ...]) -> Traced:
        candidates = _many(values, part.over)
        if len(candidates) == 1:
            return candidates[0]
        user = render(part.template, _texts(values, slots(part.template)))
        numbered = "\n\n".join(f"[{number}]\n{item.text}" for number, item in enumerate(candidates, 1))
        asked = f"{user}\n\nCandidates:\n\n{numbered}\n\nEnd with one line: Best: N, where N is a candidate's number."
        messages: tuple[Message, ...] = (("system", part.instructions), ("human", asked))
        usual = self.context.program_temperature
        temperature = usual if part.temperature is None else part.temperature
        sources = _sources(values, part.reads())
        reply = await self._call(part, (*place, 0), messages, temperature, sources)
        chosen = candidates[_chosen(reply.text, len(candidates))]
        return Traced(chosen.text, tuple(dict.fromkeys((*chosen.sources, *reply.sources))))

    async def _map(self, part: Map, values: Values, place: tuple[int, ...]) -> tuple[Traced, ...]:
        async def one(position: int, item: Traced) -> Traced:
            end = await self.through(part.body, {**values, part.item: item}, (*place, position))
            last = end[part.body[-1].name]
            assert isinstance(last, Traced), "Program checks that the body ends in one text"
            return last

        items = _many(values, part.over)
        return tuple(await gather_all(one(position, item) for position, item in enumerate(items)))

    async def _wrapped(self, part: Wrapped, values: Values, place: tuple[int, ...]) -> Traced:
        assert self.agents is not None, "set when the interpreter is made"
        texts = _texts(values, part.reads())
        outcome = await self.agents.run(part, texts)
        asked: tuple[Message, ...] = (("human", render(part.template, texts)),)
        output = f"It failed: {outcome.error}" if outcome.error else outcome.answer
        made = Invocation(part, (*place, 0), asked, output, _sources(values, part.reads()), outcome.trace)
        self._calls[made.id] = made
        if outcome.error:
            raise AgentError(outcome.error, made.id)
        return Traced(outcome.answer, (made.id,))

    async def _call(
        self,
        part: Caller,
        place: tuple[int, ...],
        messages: tuple[Message, ...],
        temperature: float | None,
        sources: tuple[str, ...],
    ) -> Traced:
        reply = await self.ledger.complete(Call("program", messages, temperature, place[-1], component=part.name))
        try:
            text = reply.usable()
        except ReplyError as error:
            raise ReplyError(f"component {part.name!r}: {error}") from None
        made = Invocation(part, place, messages, text, sources)
        self._calls[made.id] = made
        return Traced(text, (made.id,))


def _one(values: Values, name: str) -> Traced:
    value = values[name]
    assert isinstance(value, Traced), "Program checks the shapes of values"
    return value


def _many(values: Values, name: str) -> tuple[Traced, ...]:
    value = values[name]
    assert isinstance(value, tuple), "Program checks the shapes of values"
    return value or (Traced(""),)


def traced(value: Text) -> TracedValue:
    """Return a value that came from outside the program."""
    return Traced(value) if isinstance(value, str) else tuple(Traced(item) for item in value)


def plain(value: TracedValue) -> Text:
    """Return a value without its trace."""
    return value.text if isinstance(value, Traced) else [item.text for item in value]


def _texts(values: Values, names: tuple[str, ...]) -> dict[str, Text]:
    return {name: plain(values[name]) for name in names}


def _sources(values: Values, names: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for name in names:
        value = values[name]
        for item in (value,) if isinstance(value, Traced) else value:
            found.extend(item.sources)
    return tuple(dict.fromkeys(found))


_CUTS: Mapping[str, Callable[[str, int], list[str]]] = {
    "lines": lambda text, most: _cut(text, "\n", most),
    "paragraphs": lambda text, most: _cut(text, "\n\n", most),
    "commas": lambda text, most: _cut(text, ",", most),
    "words": lambda text, most: text.split(maxsplit=most - 1),
}


def _cut(text: str, mark: str, most: int) -> list[str]:
    pieces = [piece.strip() for piece in text.split(mark) if piece.strip()]
    return pieces if len(pieces) <= most else [*pieces[: most - 1], mark.join(pieces[most - 1 :])]


def _pieces(text: str, part: Split) -> list[str]:
    return _CUTS[part.by](text, part.most) or [text]


def _between(text: str, part: Extract) -> str:
    found = text.rfind(part.after) if part.which == "last" else text.find(part.after)
    if not part.after or found < 0:
        return text
    rest = text[found + len(part.after) :].lstrip()
    end = rest.find(part.before) if part.before else -1
    return (rest[:end] if end >= 0 else rest).strip()


def _winner(items: tuple[Traced, ...], after: str) -> Traced:
    answers = [" ".join(item.text.rpartition(after)[2].lower().split()) if after else item.text for item in items]
    winning = Counter(answers).most_common(1)[0][0]
    voters = [source for item in items for source in item.sources]
    return Traced(items[answers.index(winning)].text, tuple(dict.fromkeys(voters)))


def _chosen(text: str, candidates: int) -> int:
    """Return the position that the reply names; the first when it names none."""
    number = "".join(letter for letter in text.rpartition("Best:")[2].strip(" *[]().\n")[:3] if letter.isdecimal())
    return int(number) - 1 if number and 1 <= int(number) <= candidates else 0
