"""Optimizers as data: a purpose and a schedule of stages.

A stage's `instructions` are what the meta-prompt optimizer may rewrite; the protocol around them (what is shown, what
must come back) belongs to the stage's kind, in `metatextgrad.stages`, and no model can edit it. The schedule says which
stage proposes at which step; `structure_merge` writes schedules (paper 3.3.2). The meaning of each combinator is in
`metatextgrad.core.schedule`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from metatextgrad.core.identity import Content, Value

FORMAT: Literal["metatextgrad.optimizer/1"] = "metatextgrad.optimizer/1"
Setting = bool | int | float | str


class Stage(Value):
    """One way to propose a better program."""

    op: Literal["stage"] = "stage"
    kind: str
    """A name in `metatextgrad.stages.KINDS`, such as textual_gradient or structure."""
    name: Annotated[str, Field(max_length=80)] = ""
    """What reports call it; empty means its kind."""
    instructions: str
    settings: dict[str, Setting] = {}

    @property
    def label(self) -> str:
        return self.name or self.kind


class Chain(Value):
    """One schedule after the other."""

    op: Literal["chain"] = "chain"
    parts: Annotated[tuple["Schedule", ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _every_part_is_reached(self) -> Self:
        for position, part in enumerate(self.parts[:-1]):
            if never_ends(part):
                raise ValueError(f"part {position} of a chain never ends ({part.op}): only the last part may be so")
        return self


class Repeat(Value):
    """A schedule several times over."""

    op: Literal["repeat"] = "repeat"
    part: "Schedule"
    times: Annotated[int, Field(ge=1, le=1000)]


class Alternate(Value):
    """One step of each part in turn, for ever."""

    op: Literal["alternate"] = "alternate"
    parts: Annotated[tuple["Schedule", ...], Field(min_length=2)]


class OnPlateau(Value):
    """`first` until `patience` steps in a row bring no improvement, then `then` for good."""

    op: Literal["on_plateau"] = "on_plateau"
    first: "Schedule"
    then: "Schedule"
    patience: Annotated[int, Field(ge=1, le=1000)] = 2


class BestOf(Value):
    """All parts propose at each step; every candidate is scored and the best one counts."""

    op: Literal["best_of"] = "best_of"
    parts: Annotated[tuple["Schedule", ...], Field(min_length=2)]


Schedule = Annotated[Stage | Chain | Repeat | Alternate | OnPlateau | BestOf, Field(discriminator="op")]
for _model in (Chain, Repeat, Alternate, OnPlateau, BestOf):
    _model.model_rebuild()


class Optimizer(Content):
    """What improves a program: a purpose in one sentence and a schedule of stages."""

    format: Literal["metatextgrad.optimizer/1"] = FORMAT
    name: str
    purpose: str
    schedule: Schedule

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages in the order in which the schedule names them."""
        return tuple(stages_of(self.schedule))

    def with_instructions(self, texts: Mapping[int, str]) -> "Optimizer":
        """Return a copy with the instructions of the stages at these positions replaced; nothing else changes."""
        counter = iter(range(len(self.stages())))

        def rewrite(stage: Stage) -> Stage:
            position = next(counter)
            return stage.model_copy(update={"instructions": texts[position]}) if position in texts else stage

        return self.model_copy(update={"schedule": _mapped(self.schedule, rewrite)})


def stages_of(schedule: Schedule) -> Iterator[Stage]:
    """Yield the stages of a schedule in reading order."""
    match schedule:
        case Stage():
            yield schedule
        case Repeat():
            yield from stages_of(schedule.part)
        case OnPlateau():
            yield from stages_of(schedule.first)
            yield from stages_of(schedule.then)
        case _:
            for part in schedule.parts:
                yield from stages_of(part)


def never_ends(schedule: Schedule) -> bool:
    """Tell whether a schedule goes on for ever, so that nothing can come after it."""
    match schedule:
        case Alternate() | OnPlateau():
            return True
        case Repeat():
            return never_ends(schedule.part)
        case Chain():
            return never_ends(schedule.parts[-1])
        case BestOf():
            return any(never_ends(part) for part in schedule.parts)
        case _:
            return False


def _mapped(schedule: Schedule, rewrite: Callable[[Stage], Stage]) -> Schedule:
    match schedule:
        case Stage():
            return rewrite(schedule)
        case Repeat():
            return schedule.model_copy(update={"part": _mapped(schedule.part, rewrite)})
        case OnPlateau():
            first = _mapped(schedule.first, rewrite)
            return schedule.model_copy(update={"first": first, "then": _mapped(schedule.then, rewrite)})
        case _:
            return schedule.model_copy(update={"parts": tuple(_mapped(part, rewrite) for part in schedule.parts)})


def chain(*parts: Schedule | Optimizer) -> Schedule:
    """Run one schedule after the other; the last one goes on when it is through."""
    return Chain(parts=_schedules(parts))


def repeat(part: Schedule | Optimizer, times: int) -> Schedule:
    """Run a schedule several times over."""
    return Repeat(part=_schedule(part), times=times)


def alternate(*parts: Schedule | Optimizer) -> Schedule:
    """Take one step of each part in turn."""
    return Alternate(parts=_schedules(parts))


def on_plateau(first: Schedule | Optimizer, then: Schedule | Optimizer, patience: int = 2) -> Schedule:
    """Change to `then` when `first` has brought no improvement for `patience` steps in a row."""
    return OnPlateau(first=_schedule(first), then=_schedule(then), patience=patience)


def best_of(*parts: Schedule | Optimizer) -> Schedule:
    """Let every part propose at each step and keep the best candidate. Costs one evaluation a part."""
    return BestOf(parts=_schedules(parts))


def _schedule(part: Schedule | Optimizer) -> Schedule:
    return part.schedule if isinstance(part, Optimizer) else part


def _schedules(parts: tuple[Schedule | Optimizer, ...]) -> tuple[Schedule, ...]:
    return tuple(_schedule(part) for part in parts)
