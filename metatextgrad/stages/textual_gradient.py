"""Textual gradient descent, TGD: rewrite each component's instructions by its feedback (TextGrad; paper 8.4)."""

from collections.abc import Mapping
from typing import Literal

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.estimate import up_to
from metatextgrad.core.identity import Value
from metatextgrad.core.program import Learnable, Program
from metatextgrad.core.template import lost_slots
from metatextgrad.core.trial import Feedback
from metatextgrad.runtime.gathering import gather_all
from metatextgrad.runtime.ledger import Ledger
from metatextgrad.runtime.prompts import REWRITE, section
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
from metatextgrad.stages.past import past_programs

LONGEST_TEXT = 20_000

INSTRUCTIONS = """You are part of a system that improves a text: the instructions of one call in a language model
program. Improve it creatively and critically, so that the criticism in the feedback is no longer earned."""


class TextualGradientSettings(Settings):
    """Settings of the stage."""

    history: PastSteps = 0
    """How many past versions of the text, with their scores, are shown (TextGrad's momentum; 0 as in the paper)."""
    texts: Literal["all", "in_turn", "most_criticized"] = "all"
    """Which texts one step rewrites: all that have feedback, one after the other, or the one with the most feedback."""


class Rewritten(Value):
    """The form of the reply."""

    improved_text: str


async def propose(given: Proposing) -> Program:
    """Rewrite every component that has feedback, each in one call."""
    assert given.gradients is not None, "the schedule sends this stage through textual_gradient"
    trainable = given.program.trainable()
    blamed = {name: notes for name, notes in given.gradients.components.items() if name in trainable and notes}
    if not blamed and given.gradients.lost:
        raise ReplyError(given.gradients.lost[0])
    if not blamed:
        raise NothingToProposeError("no example of the batch gave feedback on a component")
    chosen = _chosen(given, tuple(trainable), blamed)
    texts = await gather_all(_rewrite(given, trainable[name], blamed[name]) for name in chosen)
    return given.program.with_instructions(dict(zip(chosen, texts, strict=True)))


def _chosen(given: Proposing, order: tuple[str, ...], blamed: Mapping[str, tuple[Feedback, ...]]) -> tuple[str, ...]:
    """Return the texts to rewrite at this step, by the stage's setting; of equals the first in the program."""
    match TextualGradientSettings.model_validate(given.stage.settings).texts:
        case "all":
            return tuple(blamed)
        case "most_criticized":
            return (max(blamed, key=lambda name: len(blamed[name])),)
        case "in_turn":
            begin = (given.step - 1) % len(order)
            return (next(name for name in (*order[begin:], *order[:begin]) if name in blamed),)


async def _rewrite(given: Proposing, text: Learnable, notes: tuple[Feedback, ...]) -> str:
    ledger, temperature = given.resources.ledger, given.resources.context.optimizer_temperature
    past = await _past(given, text.name)
    return await rewritten(ledger, temperature, given.stage.instructions, text, notes, past, given.step)


async def rewritten(
    ledger: Ledger,
    temperature: float | None,
    instructions: str,
    text: Learnable,
    notes: tuple[Feedback, ...],
    past: str = "",
    sample: int = 0,
) -> str:
    """Ask for a better text, in the light of the feedback on it.

    Raises:
        ReplyError: no usable text came back.
    """
    before = text.instructions
    messages = REWRITE.messages(
        instructions=instructions, role=text.role, text=before, feedback=shown(notes), past=past
    )

    def used(reply: Rewritten) -> str:
        return accepted_text(before, reply.improved_text)

    return await ask_for(Rewritten, used, ledger, "optimizer", messages, temperature, sample)


def accepted_text(before: str, after: str) -> str:
    """Return the rewritten text when it can replace the old one.

    Raises:
        ReplyError: it is empty, too long, or lost a placeholder.
    """
    if not after.strip():
        raise ReplyError("the improved text is empty")
    if len(after) > LONGEST_TEXT:
        raise ReplyError(f"the improved text has {len(after)} characters; at most {LONGEST_TEXT} are taken")
    if lost := lost_slots(before, after):
        raise ReplyError(f"the improved text lost the placeholder {{{lost[0]}}}")
    return after.strip()


def shown(notes: tuple[Feedback, ...]) -> str:
    """Write feedback as numbered sections, each example's apart, in the given order."""
    return "\n".join(
        section(
            "FEEDBACK",
            "\n".join(
                [section("INPUT", note.input), section("OUTPUT", note.output), section("CRITICISM", note.feedback)]
            ),
            number=str(number),
        )
        for number, note in enumerate(notes, 1)
    )


async def _past(given: Proposing, name: str) -> str:
    texts = [(score, program.trainable().get(name)) for score, program in await past_programs(given)]
    return section("PAST_VERSIONS", "\n\n".join(f"{score}\n{text.instructions}" for score, text in texts if text))


def cost(given: Situation) -> Cost:
    """Count one reply for each text."""
    if given.settings.texts != "all":
        return Cost(asked=up_to(1, 1))
    return Cost(asked=up_to(given.texts.likely, given.texts.high))


KIND = StageKind(
    name="textual_gradient",
    improves="prompts",
    purpose="rewrites the instructions of each call, following criticism of its outputs on wrongly answered examples",
    instructions=INSTRUCTIONS,
    needs_gradient=True,
    settings=TextualGradientSettings,
    propose=propose,
    cost=cost,
)
