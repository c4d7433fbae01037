"""Demonstrations from what the program itself got right, as DSPy bootstraps them (paper 7.2).

The program runs on training examples; of each run that the metric calls right, every call becomes a worked example of
its component. A program of a single call can be shown training examples with their answers besides.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from metatextgrad.core.program import Demonstration, Llm, Program
from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example
from metatextgrad.core.template import render
from metatextgrad.runtime.evaluation import Attempt, attempt_all, verdict
from metatextgrad.runtime.interpreter import Invocation
from metatextgrad.runtime.resources import Resources

Shown = dict[str, tuple[Demonstration, ...]]
"""Demonstrations by the name of their component."""


@dataclass(frozen=True)
class Pool:
    """What demonstrations can be taken from."""

    traces: dict[str, Shown]
    """By training example that came out right: the calls behind the answer, by component."""
    labelled: dict[str, Demonstration]
    """By training example: the question with its answer; empty for programs of several calls."""


async def bootstrapped(resources: Resources, program: Program, runs: int, step: int, *, labelled: bool = False) -> Pool:
    """Run the program on training examples and keep what came out right.

    Which examples are run follows from the seed and the step alone, so that optimizers compared see the same.

    Args:
        resources: what the run stands on.
        program: what runs.
        runs: on how many examples at the most.
        step: the step of the loop.
        labelled: whether training examples with their answers are wanted too.
    """
    examples = list(resources.task.trainset)
    derive(resources.context.seed, "bootstrap", step).shuffle(examples)
    attempts = await attempt_all(resources, program, tuple(examples[:runs]))
    right = [attempt for attempt in attempts if attempt.result.score == 1]
    answers = _labelled(resources, program, examples) if labelled else {}
    return Pool({attempt.example.id: calls_of(attempt) for attempt in right}, answers)


def calls_of(attempt: Attempt) -> Shown:
    """Return the calls of one run as demonstrations, by component in the order of the program."""
    found: dict[str, tuple[Demonstration, ...]] = {}
    for call in attempt.execution.invocations if attempt.execution else ():
        if isinstance(call.component, Llm) and call.component.trainable:
            found[call.component.name] = (*found.get(call.component.name, ()), _demonstration(call))
    return found


def _demonstration(call: Invocation) -> Demonstration:
    return Demonstration(input=call.messages[-1][1], output=call.output)


def _labelled(resources: Resources, program: Program, examples: Iterable[Example]) -> dict[str, Demonstration]:
    """Return the training examples as demonstrations of a program's only call.

    The answer is written in the first form that the metric takes; a target in no such form would teach the wrong one.
    """
    callers = program.callers()
    if len(callers) != 1 or not isinstance(callers[0], Llm) or set(callers[0].reads()) - set(program.inputs):
        return {}
    found: dict[str, Demonstration] = {}
    for example in examples:
        forms = (f"Answer: {example.target}", example.target)
        output = next((form for form in forms if verdict(resources, form, example).value == 1), None)
        if output is not None:
            values = dict.fromkeys(program.inputs, "") | example.values()
            found[example.id] = Demonstration(input=render(callers[0].template, values), output=output)
    return found


def drawn_set(pool: Pool, components: Sequence[str], most: int, labelled: int, rng: Random) -> Shown:
    """Draw one set: up to `most` bootstrapped demonstrations, filled up with labelled ones to `labelled`.

    Where a component was called several times for one example, one of the calls is drawn.
    """
    chosen = rng.sample(list(pool.traces), min(most, len(pool.traces)))
    shown: dict[str, list[Demonstration]] = defaultdict(list)
    for example in chosen:
        for name in components:
            if calls := pool.traces[example].get(name):
                shown[name].append(rng.choice(calls))
    others = [example for example in pool.labelled if example not in chosen]
    for name in components if pool.labelled else ():
        more = min(max(0, labelled - len(shown[name])), len(others))
        shown[name].extend(pool.labelled[example] for example in rng.sample(others, more))
    return {name: tuple(demonstrations) for name, demonstrations in shown.items()}
