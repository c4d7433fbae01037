"""Limits on what a model may propose, so that a proposal cannot explode the bill (design 7)."""

from dataclasses import dataclass

from pydantic import ValidationError

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.optimizer import Alternate, BestOf, Chain, OnPlateau, Repeat, Schedule, stages_of
from metatextgrad.core.program import Component, Llm, Map, Program, Wrapped, walk
from metatextgrad.runtime.structured import first_problem


@dataclass(frozen=True)
class ProgramLimits:
    """The largest program that is taken from a model."""

    components: int = 16
    samples: int = 8
    calls: int = 24
    nesting: int = 2
    characters: int = 40_000

    def sentence(self) -> str:
        return (
            f"Use at most {self.components} components, {self.samples} samples, and {self.calls} model calls for one "
            f"question (a map makes one for each piece); maps may stand inside maps {self.nesting - 1} deep."
        )


@dataclass(frozen=True)
class OptimizerLimits:
    """The largest schedule that is taken from a model."""

    stages: int = 12
    nesting: int = 5
    times: int = 20
    best_of: int = 3
    characters: int = 40_000

    def sentence(self) -> str:
        return (
            f"Use at most {self.stages} stages, {self.nesting} levels of nesting, {self.times} repetitions, and "
            f"{self.best_of} parts in a best_of."
        )


PROGRAM_LIMITS = ProgramLimits()
OPTIMIZER_LIMITS = OptimizerLimits()


def checked_program(base: Program, components: tuple[Component, ...]) -> Program:
    """Return the program of these components under the base's name and inputs.

    Raises:
        ReplyError: it is not a valid program, or larger than the limits.
    """
    try:
        program = Program(name=base.name, purpose=base.purpose, inputs=base.inputs, components=components)
    except ValidationError as error:
        raise ReplyError(first_problem(error)) from None
    if any(isinstance(part, Wrapped) for part in walk(components)):
        raise ReplyError("the proposal has a component of kind 'runnable'; only people may name code to run")
    _within("characters", len(program.model_dump_json()), PROGRAM_LIMITS.characters)
    return checked_structure(program)


def checked_structure(program: Program) -> Program:
    """Return the program when its structure is within the limits.

    Raises:
        ReplyError: it is larger, or calls no model.
    """
    parts = tuple(walk(program.components))
    _within("components", len(parts), PROGRAM_LIMITS.components)
    _within(
        "samples", max((part.samples for part in parts if isinstance(part, Llm)), default=1), PROGRAM_LIMITS.samples
    )
    _within("levels of maps", _depth(program.components), PROGRAM_LIMITS.nesting)
    _within("model calls for one question", program.calls_per_example(), PROGRAM_LIMITS.calls)
    if not program.callers():
        raise ReplyError("the program calls no model")
    return program


def checked_schedule(schedule: Schedule) -> Schedule:
    """Return the schedule when it is within the limits.

    Raises:
        ReplyError: it is larger.
    """
    _within("stages", sum(1 for _ in stages_of(schedule)), OPTIMIZER_LIMITS.stages)
    _within("levels of nesting", _height(schedule), OPTIMIZER_LIMITS.nesting)
    _within("characters", len(schedule.model_dump_json()), OPTIMIZER_LIMITS.characters)
    _check_sizes(schedule)
    return schedule


def _within(what: str, found: int, most: int) -> None:
    if found > most:
        raise ReplyError(f"the proposal has {found} {what}; at most {most} are taken")


def _depth(components: tuple[Component, ...]) -> int:
    return max((1 + _depth(part.body) for part in components if isinstance(part, Map)), default=0)


def _height(schedule: Schedule) -> int:
    return 1 + max((_height(part) for part in _parts(schedule)), default=0)


def _check_sizes(schedule: Schedule) -> None:
    if isinstance(schedule, Repeat):
        _within("repetitions", schedule.times, OPTIMIZER_LIMITS.times)
    if isinstance(schedule, BestOf):
        _within("parts in a best_of", len(schedule.parts), OPTIMIZER_LIMITS.best_of)
    for part in _parts(schedule):
        _check_sizes(part)


def _parts(schedule: Schedule) -> tuple[Schedule, ...]:
    match schedule:
        case Repeat():
            return (schedule.part,)
        case OnPlateau():
            return schedule.first, schedule.then
        case Chain() | Alternate() | BestOf():
            return schedule.parts
        case _:
            return ()
