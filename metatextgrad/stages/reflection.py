"""Reflection: rewrite one call's instructions by what happened on a few examples, from a parent on the Pareto front.

This is GEPA's step (arXiv 2507.19457). The parent is not always the best program: whoever is best on some validation
example may have found something that the best one lacks. The new program must first do better on the few examples
themselves before it is worth a whole validation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from metatextgrad.core.estimate import up_to
from metatextgrad.core.program import Learnable, Program
from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example
from metatextgrad.core.trial import Evaluation
from metatextgrad.runtime.artifacts import get
from metatextgrad.runtime.backward import criticism, failed
from metatextgrad.runtime.evaluation import Attempt, attempt_all
from metatextgrad.runtime.interpreter import Invocation
from metatextgrad.runtime.prompts import REFLECT, section
from metatextgrad.runtime.resources import Resources
from metatextgrad.runtime.structured import ask_for
from metatextgrad.stages.grounding import sample_of
from metatextgrad.stages.kind import Cost, NothingToProposeError, Proposing, Settings, Situation, StageKind
from metatextgrad.stages.pareto import drawn_parent
from metatextgrad.stages.textual_gradient import Rewritten, accepted_text

INSTRUCTIONS = """You write new instructions for one call of a language model program. Reflect on what happened with the
present ones: see what such inputs are like, what the program must know about them, and which strategy works."""


class ReflectionSettings(Settings):
    """Settings of the stage."""

    minibatch: Annotated[int, Field(ge=1, le=50)] = 3
    """Training examples that are reflected on, and on which the new program must do better (GEPA's 3)."""


@dataclass(frozen=True)
class Record:
    """What happened in one call."""

    input: str
    output: str
    answer: str
    """The program's answer."""
    said: str
    """What was said about the answer."""
    trace: str = ""
    """What happened inside, where the call is a run of a runnable."""


async def propose(given: Proposing) -> Program:
    """Return a program with one text rewritten that does better on its minibatch than its parent.

    Each batch that a textual gradient could draw is tried once, with a parent of its own, until one brings a gain: next
    to a whole validation it costs little.
    """
    settings = ReflectionSettings.model_validate(given.stage.settings)
    reason = ""
    for number, batch in enumerate(batches(given.resources, given.step, settings.minibatch)):
        try:
            return await _better(given, await _parent(given, number), batch, sample_of(given.step, number))
        except NothingToProposeError as nothing:
            reason = str(nothing)
    raise NothingToProposeError(reason)


async def _better(given: Proposing, parent: Program, batch: tuple[Example, ...], sample: int) -> Program:
    """Reflect on what the parent does on a batch, and return the new program when it does strictly better there."""
    attempts = await attempt_all(given.resources, parent, batch)
    if all(attempt.result.score == 1 for attempt in attempts):
        raise NothingToProposeError("no example of its minibatch was answered wrongly")
    component = _turn(given, parent, attempts)
    text = await reflected(given, component, records_of(attempts, component.name), sample)
    proposed = parent.with_instructions({component.name: text})
    before, after = total(attempts), total(await attempt_all(given.resources, proposed, batch))
    if after <= before:
        raise NothingToProposeError(f"no gain on its minibatch: {after:g} vs {before:g} of {len(batch)}")
    return proposed


def total(attempts: Sequence[Attempt]) -> float:
    """Add up the scores; an example without one adds nothing."""
    return sum(attempt.result.score or 0.0 for attempt in attempts)


async def reflected(given: Proposing, component: Learnable, records: Sequence[Record], sample: int) -> str:
    """Ask for new instructions of one component, in the light of these records.

    Raises:
        ReplyError: no usable text came back.
    """
    messages = REFLECT.messages(
        instructions=given.stage.instructions,
        role=component.role,
        text=component.instructions,
        feedback="\n".join(_shown(record, number) for number, record in enumerate(records, 1)),
    )
    context = given.resources.context
    ledger, temperature = given.resources.ledger, context.optimizer_temperature

    def used(reply: Rewritten) -> str:
        return accepted_text(component.instructions, reply.improved_text)

    return await ask_for(Rewritten, used, ledger, "optimizer", messages, temperature, sample)


def records_of(attempts: Sequence[Attempt], component: str) -> list[Record]:
    """Return every call of a component, right answers and wrong ones, in order."""
    return [
        Record(call.messages[-1][1], call.output, attempt.result.prediction, said_of(attempt), call.trace)
        for attempt in attempts
        for call in _calls(attempt)
        if component in [text.name for text in call.texts]
    ]


def said_of(attempt: Attempt) -> str:
    """Return what to tell about an answer; of one that has no score, why."""
    if attempt.result.score is None:
        return f"There is no score: {attempt.result.feedback}"
    return criticism(attempt) if failed(attempt) else attempt.result.feedback or "The answer is right."


def scores_of(evaluations: Mapping[str, Evaluation]) -> dict[str, list[float | None]]:
    """Return the scores of each program on each example."""
    return {name: [result.score for result in found.results] for name, found in evaluations.items()}


async def _parent(given: Proposing, number: int) -> Program:
    """Draw the program to start from among all that this loop has scored; the current one when it has scored none."""
    evaluations: dict[str, Evaluation] = {}
    for item in (item for trial in given.history for item in trial.candidates):
        if item["id"] and item["evaluation"] and item["status"] == "scored":
            evaluations[item["id"]] = await get(given.resources.store, Evaluation, item["evaluation"])
    if not evaluations:
        return given.program
    rng = derive(given.resources.context.seed, "parent", given.step, number)
    return await get(given.resources.store, Program, drawn_parent(scores_of(evaluations), rng))


def batches(resources: Resources, step: int, size: int) -> list[tuple[Example, ...]]:
    """Return the batches of a step: those that a textual gradient of that size would see."""
    context, examples = resources.context, list(resources.task.trainset)
    derive(context.seed, "batch", step).shuffle(examples)
    drawn = [tuple(examples[begin : begin + size]) for begin in range(0, size * context.batch_draws, size)]
    return [batch for batch in drawn if batch]


def _turn(given: Proposing, parent: Program, attempts: Sequence[Attempt]) -> Learnable:
    """Return the component whose turn it is: they take turns over the steps in which this stage proposed."""
    called = {text.name for attempt in attempts for call in _calls(attempt) for text in call.texts}
    parts = [part for name, part in parent.trainable().items() if name in called]
    if not parts:
        raise NothingToProposeError("no component whose instructions may change was called on its minibatch")
    label = given.stage.label
    turns = sum(any(item["stage"] == label for item in trial.candidates) for trial in given.history if trial.step)
    return parts[turns % len(parts)]


def _calls(attempt: Attempt) -> tuple[Invocation, ...]:
    return attempt.execution.invocations if attempt.execution else ()


def _shown(record: Record, number: int) -> str:
    answer = record.answer if record.answer != record.output else ""
    parts = [
        section("INPUT", record.input),
        section("TRACE", record.trace),
        section("OUTPUT", record.output),
        section("ANSWER", answer),
        section("CRITICISM", record.said),
    ]
    return section("FEEDBACK", "\n".join(part for part in parts if part), number=str(number))


def cost(given: Situation) -> Cost:
    """Count each batch under a parent and under the new program, and a call for each."""
    drawn = min(given.settings.minibatch * given.draws, given.train)
    return Cost(runs=up_to(drawn, 2 * drawn), asked=up_to((1 + given.draws) / 2, given.draws))


KIND = StageKind(
    name="reflection",
    improves="prompts",
    purpose="rewrites the instructions of one call by reflecting on a few examples, starting from any program that is "
    "best on some of them, and proposes only what does better on those few",
    instructions=INSTRUCTIONS,
    needs_gradient=False,
    settings=ReflectionSettings,
    propose=propose,
    cost=cost,
    needs_all_trials=True,
)
