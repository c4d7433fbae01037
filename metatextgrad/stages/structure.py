"""Structure search, ADAS-TG: write a new program from the current one and the feedback on it (paper 1.9)."""

import json

from metatextgrad.core.estimate import up_to
from metatextgrad.core.identity import Value
from metatextgrad.core.program import Component, Map, Program, Wrapped
from metatextgrad.core.trial import Gradients
from metatextgrad.runtime.prompts import STRUCTURE, section
from metatextgrad.runtime.structured import ask_for
from metatextgrad.stages.kind import (
    Cost,
    NothingToProposeError,
    PastSteps,
    Proposing,
    Settings,
    Situation,
    StageKind,
)
from metatextgrad.stages.limits import PROGRAM_LIMITS, checked_program
from metatextgrad.stages.past import past_programs
from metatextgrad.stages.textual_gradient import shown

INSTRUCTIONS = """Write a better program. Where it helps, make it more systematic, or more hierarchical."""


class StructureSettings(Settings):
    """Settings of the stage."""

    history: PastSteps = 0
    """How many past programs, with their scores, are shown. Showing all of them was found worse than none."""


class Redesigned(Value):
    """The form of the reply."""

    components: tuple[Component, ...]


async def propose(given: Proposing) -> Program:
    """Ask for new components, once."""
    assert given.gradients is not None, "the schedule sends this stage through textual_gradient"
    if any(isinstance(part, Wrapped) for part in given.program.callers()):
        raise NothingToProposeError("the program has a runnable, whose structure is in its own code")
    if not given.gradients.failed:
        raise NothingToProposeError("no example of the batch was answered wrongly")
    messages = STRUCTURE.messages(
        instructions=given.stage.instructions,
        question_type=given.resources.task.question_type,
        program=written(given.program),
        feedback=feedback_on(given.gradients),
        past=await _past(given),
        limits=PROGRAM_LIMITS.sentence(),
    )
    context = given.resources.context
    ledger, temperature = given.resources.ledger, context.optimizer_temperature

    def used(reply: Redesigned) -> Program:
        return checked_program(given.program, reply.components)

    return await ask_for(Redesigned, used, ledger, "optimizer", messages, temperature, given.step)


def written(program: Program) -> str:
    """Write a program's components as the JSON that a model reads and answers in."""
    return json.dumps([_part(part) for part in program.components], indent=1, ensure_ascii=False)


def _part(part: Component) -> dict[str, object]:
    """Leave out what has its default, but never the kind, without which the JSON could not be read again."""
    fields = part.model_dump(mode="json", exclude_defaults=True)
    body = {"body": [_part(inner) for inner in part.body]} if isinstance(part, Map) else {}
    return {"kind": part.kind, **fields, **body}


def feedback_on(gradients: Gradients) -> str:
    """Write the feedback on the whole program, then on each component."""
    blocks = [shown(gradients.answer)]
    for name, notes in gradients.components.items():
        lines = "\n".join(f"[{number}] {note.feedback}" for number, note in enumerate(notes, 1))
        blocks.append(section("COMPONENT_FEEDBACK", lines, component=name))
    return "\n".join(block for block in blocks if block)


async def _past(given: Proposing) -> str:
    blocks = [f"{score}\n{written(program)}" for score, program in await past_programs(given)]
    return section("PAST_PROGRAMS", "\n\n".join(blocks))


def cost(given: Situation) -> Cost:
    """Count one reply."""
    del given  # the same for every program
    return Cost(asked=up_to(1, 1), grows=True)


KIND = StageKind(
    name="structure",
    improves="structure",
    purpose="redesigns the program: which calls there are, what each one does, and what they pass on",
    instructions=INSTRUCTIONS,
    needs_gradient=True,
    settings=StructureSettings,
    propose=propose,
    cost=cost,
)
