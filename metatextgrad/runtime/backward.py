"""The backward pass: from what the metric said about an answer to feedback on every text behind it (paper 8.3).

Feedback on an output becomes, in one call per invocation, feedback on the instructions of its component and on each
output that it read, and so on backwards. Components that call no model pass feedback on to all their sources. Feedback of
several examples on one text stays apart. A reply that cannot be used loses what it would have said, and that is kept too.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.identity import Value
from metatextgrad.core.trial import Feedback, Gradients, brief
from metatextgrad.runtime.evaluation import Attempt
from metatextgrad.runtime.gathering import gather_all
from metatextgrad.runtime.interpreter import Execution, Invocation
from metatextgrad.runtime.prompts import BACKWARD, section
from metatextgrad.runtime.resources import Resources
from metatextgrad.runtime.structured import ask_for


class Blame(Value):
    """The form of the reply."""

    instructions: str = ""
    reads: dict[str, str] = {}


@dataclass
class _Flow:
    """What one example's criticism became on its way back."""

    notes: list[tuple[str, Feedback]] = field(default_factory=list)
    """Feedback by component, in the order of the program."""
    lost: list[str] = field(default_factory=list)


def failed(attempt: Attempt) -> bool:
    """Tell whether an attempt gives feedback: it was scored, and not fully right."""
    return attempt.result.score is not None and attempt.result.score < 1


async def gradients_of(resources: Resources, program: str, attempts: list[Attempt], sample: int) -> Gradients:
    """Return the textual gradient of a program on a batch; right answers give no feedback and cost no call."""
    wrong = [(attempt, attempt.execution) for attempt in attempts if failed(attempt) and attempt.execution]
    flows = await gather_all(_flow(resources, attempt, execution, sample) for attempt, execution in wrong)
    components: dict[str, list[Feedback]] = defaultdict(list)
    for _, execution in wrong:
        for call in execution.invocations:
            components.setdefault(call.component.name, [])
    for flow in flows:
        for name, note in flow.notes:
            components[name].append(note)
    return Gradients(
        program=program,
        batch=tuple(attempt.example.id for attempt in attempts),
        failed=tuple(attempt.example.id for attempt, _ in wrong),
        lost=tuple(reason for flow in flows for reason in flow.lost),
        components={name: tuple(notes) for name, notes in components.items()},
        answer=tuple(
            Feedback(
                example=attempt.example.id,
                input=attempt.example.input,
                output=execution.answer,
                feedback=criticism(attempt),
            )
            for attempt, execution in wrong
        ),
    )


def criticism(attempt: Attempt) -> str:
    """Return the metric's words, or words of our own where it gave only a number."""
    said = attempt.result.feedback
    return said or f"The answer is wrong (score {attempt.result.score:g}). The right answer is: {attempt.example.target}"


async def _flow(resources: Resources, attempt: Attempt, execution: Execution, sample: int) -> _Flow:
    """Send one example's criticism backwards."""
    pending: dict[str, list[str]] = defaultdict(list)
    for source in execution.sources:
        pending[source].append(criticism(attempt))
    outputs = {call.id: call.output for call in execution.invocations}
    flow = _Flow()
    components = [list(calls) for _, calls in groupby(execution.invocations, key=lambda call: call.component.name)]
    for calls in reversed(components):
        reached = [call for call in calls if pending[call.id]]
        blames = await gather_all(_blame(resources, call, pending[call.id], outputs, sample) for call in reached)
        notes = []
        for call, blame in zip(reached, blames, strict=True):
            if isinstance(blame, str):
                flow.lost.append(f"feedback on {call.id} for example {attempt.example.id}: {blame}")
                continue
            if blame.instructions.strip() and call.component.trainable:
                notes.append((call.component.name, _note(attempt, call, blame.instructions)))
            for source in call.sources:
                if blame.reads.get(source, "").strip():
                    pending[source].append(blame.reads[source])
        flow.notes = notes + flow.notes
    return flow


async def _blame(
    resources: Resources, call: Invocation, feedback: list[str], outputs: dict[str, str], sample: int
) -> Blame | str:
    """Return the model's criticism of one call, or why there is none."""
    if not call.sources and not call.component.trainable:
        return Blame()
    numbered = "\n".join(f"[{number}] {text}" for number, text in enumerate(feedback, 1))
    messages = BACKWARD.messages(
        role=call.component.role,
        instructions=call.component.instructions,
        input=call.messages[-1][1],
        output=call.output,
        feedback=numbered,
        reads="\n".join(section("READ", outputs[source], name=source) for source in call.sources),
    )
    temperature = resources.context.optimizer_temperature
    try:
        return await ask_for(Blame, _as_it_is, resources.ledger, "optimizer", messages, temperature, sample)
    except ReplyError as error:
        return brief(str(error))


def _as_it_is(blame: Blame) -> Blame:
    return blame


def _note(attempt: Attempt, call: Invocation, feedback: str) -> Feedback:
    return Feedback(example=attempt.example.id, input=call.messages[-1][1], output=call.output, feedback=feedback)
