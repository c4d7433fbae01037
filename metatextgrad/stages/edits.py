"""Check what a person made of a candidate, as any proposal is checked: form, limits, kinds, and no new code."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from metatextgrad.core.approval import Approval, Decision
from metatextgrad.core.errors import InputError, ReplyError
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program, Wrapped
from metatextgrad.runtime.structured import first_problem
from metatextgrad.stages import checked
from metatextgrad.stages.limits import checked_schedule, checked_structure

KINDS: Mapping[str, type[Program] | type[Optimizer]] = {"program": Program, "optimizer": Optimizer}


def edited(asked: Approval, decision: Decision) -> Program | Optimizer | None:
    """Return what the candidate was edited to; None where the decision is no edit.

    Raises:
        InputError: the edit is not a program or optimizer that can take the candidate's place.
    """
    if decision.value is None:
        return None
    try:
        value = KINDS[asked.level].model_validate(decision.value)
        return checked_optimizer(value) if isinstance(value, Optimizer) else _program(asked.value, value)
    except ValidationError as error:
        raise InputError(f"The edited {asked.level} cannot be used: {first_problem(error)}.") from None
    except ReplyError as error:
        raise InputError(f"The edited {asked.level} cannot be used: {error}.") from None


def checked_optimizer(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer when its schedule is within the limits and its stages can run here."""
    checked_schedule(optimizer.schedule)
    return checked(optimizer)


def _program(before: Mapping[str, Any], program: Program) -> Program:
    """Check what an edit may not change: the inputs, which the task gives, and the code that runs."""
    original = Program.model_validate(before)
    if program.inputs != original.inputs:
        raise ReplyError(f"its inputs are {program.inputs!r}, and the task gives {original.inputs!r}")
    if unknown := sorted(_factories(program) - _factories(original)):
        raise ReplyError(f"it names the factory {unknown[0]!r}, which the candidate has not")
    return checked_structure(program)


def _factories(program: Program) -> set[str]:
    return {part.factory for part in program.callers() if isinstance(part, Wrapped)}
