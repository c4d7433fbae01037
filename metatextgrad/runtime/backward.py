"""The backward pass: from what the metric said about an answer to feedback on every text behind it (paper 8.3).

Feedback on an output becomes, in one call per invocation, feedback on the instructions of its component, or on each
text of a wrapped runnable, and on each output that it read, and so on backwards. Components that call no model pass
feedback on to all their sources. Feedback of several examples on one text stays apart. A reply that cannot be used
loses what it would have said, and that is kept too.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.identity import Value
from metatextgrad.core.program import Wrapped
from metatextgrad.core.trial import Feedback, Gradients, brief
from metatextgrad.runtime.evaluation import Attempt
from metatextgrad.runtime.gathering import gather_all
from metatextgrad.runtime.interpreter import Execution, Invocation
from metatextgrad.runtime.ledger import Ledger
from metatextgrad.runtime.prompts import BACKWARD, BACKWARD_AGENT, section
from metatextgrad.runtime.resources import Resources
from metatextgrad.runtime.structured import ask_for


class Blame(Value):
    """The form of the reply."""

    instructions: str = ""
    reads: dict[str, str] = {}


class AgentBlame(Value):
    """The form of the reply about a run of a wrapped runnable."""

    texts: dict[str, str] = {}
    reads: dict[str, str] = {}


@dataclass
class _Flow:
    """What one example's criticism became on its way back."""

    notes: list[tuple[str, Feedback]] = field(default_factory=list)
    """Feedback by the address of its text, in the order of the program."""
    lost: list[str] = field(default_factory=list)


def failed(attempt: Attempt) -> bool:
    """Tell whether an attempt gives feedback: it was scored, and not fully right."""
    return attempt.result.score is not None and attempt.result.score < 1


@dataclass
class Backward:
    """The backward pass of one step, which goes on while other examples are still on their way forward."""

    resources: Resources
    sample: int
    _flows: dict[str, _Flow] = field(default_factory=dict)

    async def through(self, attempt: Attempt) -> None:
        """Send the criticism of one example backwards; a right answer gives none and costs no call."""
        if failed(attempt) and attempt.execution and attempt.example.id not in self._flows:
            self._flows[attempt.example.id] = await _flow(self.resources, attempt, attempt.execution, self.sample)

    def gradients(self, program: str, attempts: list[Attempt]) -> Gradients:
        """Return the gradient of a program on these examples, in their order, whichever was through first."""
        return _gathered(program, attempts, self._flows)


async def gradients_of(resources: Resources, program: str, attempts: list[Attempt], sample: int) -> Gradients:
    """Return the textual gradient of a program on a batch that is through forward."""
    backward = Backward(resources, sample)
    await gather_all(backward.through(attempt) for attempt in attempts)
    return backward.gradients(program, attempts)


def _gathered(program: str, attempts: list[Attempt], passed: Mapping[str, _Flow]) -> Gradients:
    wrong = [(attempt, attempt.execution) for attempt in attempts if failed(attempt) and attempt.execution]
    flows = [passed[attempt.example.id] for attempt, _ in wrong]
    components: dict[str, list[Feedback]] = defaultdict(list)
    for _, execution in wrong:
        for call in execution.invocations:
            for text in call.texts:
                components.setdefault(text.name, [])
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
    return (
        said or f"The answer is wrong (score {attempt.result.score:g}). The right answer is: {attempt.example.target}"
    )


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
            notes += [
                (text.name, _note(attempt, call, blame.texts[text.name]))
                for text in call.texts
                if text.trainable and blame.texts.get(text.name, "").strip()
            ]
            for source in call.sources:
                if blame.reads.get(source, "").strip():
                    pending[source].append(blame.reads[source])
        flow.notes = notes + flow.notes
    return flow


async def _blame(
    resources: Resources, call: Invocation, feedback: list[str], outputs: dict[str, str], sample: int
) -> AgentBlame | str:
    """Return the model's criticism of one call, or why there is none."""
    if not call.sources and not any(text.trainable for text in call.texts):
        return AgentBlame()
    said = "\n".join(f"[{number}] {text}" for number, text in enumerate(feedback, 1))
    reads = "\n".join(section("READ", outputs[source], name=source) for source in call.sources)
    try:
        return await blamed(resources.ledger, resources.context.optimizer_temperature, call, said, reads, sample)
    except ReplyError as error:
        return brief(str(error))


async def blamed(
    ledger: Ledger, temperature: float | None, call: Invocation, feedback: str, reads: str, sample: int
) -> AgentBlame:
    """Ask what is to blame for the feedback on one call: which of its texts, and which of the texts that it read.

    Raises:
        ReplyError: the second reply could not be used either.
    """
    asked = {"role": call.component.role, "input": call.messages[-1][1], "output": call.output}
    if isinstance(call.component, Wrapped):
        texts = "\n".join(section("TEXT", text.instructions, name=text.name, role=text.role) for text in call.texts)
        trace = section("TRACE", call.trace)
        messages = BACKWARD_AGENT.messages(**asked, texts=texts, trace=trace, feedback=feedback, reads=reads)
        names = {text.name for text in call.texts}
        return await ask_for(
            AgentBlame, lambda blame: _known(blame, names), ledger, "optimizer", messages, temperature, sample
        )
    part = call.component
    messages = BACKWARD.messages(**asked, instructions=part.instructions, feedback=feedback, reads=reads)

    def used(blame: Blame) -> AgentBlame:
        return AgentBlame(texts={part.name: blame.instructions}, reads=blame.reads)

    return await ask_for(Blame, used, ledger, "optimizer", messages, temperature, sample)


def _known(blame: AgentBlame, names: set[str]) -> AgentBlame:
    """Refuse feedback on texts that there are not: it would be lost."""
    if wrong := sorted(set(blame.texts) - names):
        raise ReplyError(f"there is no text {wrong[0]!r}; the texts are {', '.join(sorted(names))}")
    return blame


def _note(attempt: Attempt, call: Invocation, feedback: str) -> Feedback:
    return Feedback(example=attempt.example.id, input=call.messages[-1][1], output=call.output, feedback=feedback)
