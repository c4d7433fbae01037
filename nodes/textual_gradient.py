"""The textual gradient of the current program on a batch of training examples."""

from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from metatextgrad.core.program import Program
from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.backward import Backward, failed
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.evaluation import Attempt, attempt_all
from metatextgrad.runtime.events import Event, emit
from metatextgrad.runtime.resources import Resources, resources


class Reads(TypedDict, total=False):
    """What `textual_gradient` reads."""

    current: str
    step: int
    path: str


class Writes(TypedDict):
    """What `textual_gradient` writes."""

    gradients: str


async def textual_gradient(state: Reads, runtime: Runtime[Context]) -> Writes:
    """Run the current program forward on a batch, and criticism backward through its components.

    The criticism of one example is on its way back while others are still on their way forward.

    Draws another batch while every answer is right, up to the setting `batch_draws`: right answers give no feedback. A
    provider that fails pauses the run, as in `evaluate`: its examples would otherwise pass for right ones.
    """
    given = await resources(runtime, state)
    program = await get(given.store, Program, state["current"])
    backward, attempts = Backward(given, state["step"]), list[Attempt]()
    for batch in batches(given, state["step"]):
        attempts += await attempt_all(given, program, batch, then=backward.through)
        if any(failed(attempt) for attempt in attempts):
            break
    gradients = backward.gradients(program.id, attempts)
    emit(
        runtime,
        Event(
            type="gradient",
            path=state.get("path", ""),
            step=state["step"],
            done=len(gradients.failed),
            of=len(attempts),
        ),
    )
    return Writes(gradients=await put(given.store, gradients))


def batches(given: Resources, step: int) -> list[tuple[Example, ...]]:
    """Return the batches of a step, disjoint as far as the training set reaches.

    They depend on the seed and the step alone, so that optimizers compared with each other see the same examples.
    """
    context, examples = given.context, list(given.task.trainset)
    derive(context.seed, "batch", step).shuffle(examples)
    size = context.batch_size
    drawn = [tuple(examples[begin : begin + size]) for begin in range(0, size * context.batch_draws, size)]
    return [batch for batch in drawn if batch]
