"""Proposals of instructions that are grounded in the data, the program and worked examples (MIPROv2; paper 7.2)."""

from random import Random
from typing import NamedTuple

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.identity import Value
from metatextgrad.core.program import Demonstration, Learnable
from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example
from metatextgrad.runtime.gathering import gather_all
from metatextgrad.runtime.prompts import GROUNDED, SUMMARY, section
from metatextgrad.runtime.structured import ask_for
from metatextgrad.stages.demonstrations import Pool
from metatextgrad.stages.kind import Proposing
from metatextgrad.stages.structure import written
from metatextgrad.stages.textual_gradient import accepted_text

DESCRIBED = 10
"""Training examples from which the data are described; MIPROv2's first view has as many."""
DEMONSTRATED = 3
"""Worked examples shown with one proposal, as in MIPROv2."""
TIPS = (
    "",
    "Dare to be inventive.",
    "Be brief and plain.",
    "Be detailed: say all that helps with such inputs.",
    "Say how much depends on a right result.",
    "Begin by giving the model a role that suits the work.",
)
"""One is drawn for each proposal, so that proposals differ in kind."""


class Summarised(Value):
    """The form of a description."""

    summary: str


class Proposed(Value):
    """The form of a proposal."""

    proposed_text: str


class Proposal(NamedTuple):
    """A text, or why there is none."""

    text: str
    reason: str = ""


async def instruction_candidates(
    given: Proposing, pool: Pool, number: int, temperature: float | None
) -> dict[str, tuple[str, ...]]:
    """Return up to `number` different instructions for each component; the first are always the present ones.

    Raises:
        ReplyError: not one usable proposal came back.
    """
    data = await _described(given, temperature)
    parts = given.program.trainable()
    wanted = [(part, place) for part in parts.values() for place in range(1, number)]
    proposals = await gather_all(_proposed(given, pool, data, part, place, temperature) for part, place in wanted)
    if wanted and not any(proposal.text for proposal in proposals):
        raise ReplyError(proposals[0].reason)
    texts = {name: [part.instructions] for name, part in parts.items()}
    for (part, _), proposal in zip(wanted, proposals, strict=True):
        if proposal.text:
            texts[part.name].append(proposal.text)
    return {name: tuple(dict.fromkeys(found)) for name, found in texts.items()}


async def _described(given: Proposing, temperature: float | None) -> str:
    """Return a description of the data; none when no usable one came back, since proposals can do without."""
    context, task = given.resources.context, given.resources.task
    drawn = derive(context.seed, "described", given.step).sample(task.trainset, min(DESCRIBED, len(task.trainset)))
    messages = SUMMARY.messages(question_type=task.question_type, examples="\n".join(shown(item) for item in drawn))
    try:
        return await ask_for(
            Summarised,
            lambda reply: reply.summary,
            given.resources.ledger,
            "optimizer",
            messages,
            temperature,
            given.step,
        )
    except ReplyError:
        return ""


def shown(example: Example) -> str:
    """Write a training example as a section."""
    return section("EXAMPLE", f"{section('QUESTION', example.input)}\n{section('ANSWER', example.target)}")


async def _proposed(
    given: Proposing, pool: Pool, data: str, part: Learnable, place: int, temperature: float | None
) -> Proposal:
    rng = derive(given.resources.context.seed, "grounded", given.step, part.name, place)
    messages = GROUNDED.messages(
        instructions=given.stage.instructions,
        tip=rng.choice(TIPS),
        question_type=given.resources.task.question_type,
        data=section("DATA", data),
        program=written(given.program),
        component=part.name,
        role=part.role,
        text=part.instructions,
        demonstrations="\n".join(_worked(demo) for demo in _some(pool, part.name, rng)),
    )

    def used(reply: Proposed) -> str:
        return accepted_text(part.instructions, reply.proposed_text)

    ledger, sample = given.resources.ledger, sample_of(given.step, place)
    try:
        return Proposal(await ask_for(Proposed, used, ledger, "optimizer", messages, temperature, sample))
    except ReplyError as error:
        return Proposal("", str(error))


def sample_of(step: int, place: int) -> int:
    """Number the draws of one step, so that two proposals with the same prompt are two draws."""
    return step * 1000 + place


def _some(pool: Pool, name: str, rng: Random) -> list[Demonstration]:
    calls = [demo for trace in pool.traces.values() for demo in trace.get(name, ())[:1]]
    return rng.sample(calls, min(DEMONSTRATED, len(calls)))


def _worked(demonstration: Demonstration) -> str:
    return section(
        "DEMONSTRATION", f"{section('INPUT', demonstration.input)}\n{section('OUTPUT', demonstration.output)}"
    )
