"""The programs that others are compared with, as data: built on a task's own initial program (paper 4.1, ADAS).

Each takes over the instructions, the template and so the answer format of the initial program, which must be one call.
The paper names zero-shot and 8-shot chain of thought, self-consistency (8) and best of N (8) as its baselines;
step-back, self-refine and debate are among the agents that ADAS starts from. Where the paper leaves something open, the
builder says what we chose.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from pydantic import ValidationError

from metatextgrad.core.errors import InputError, unknown
from metatextgrad.core.program import Component, Demonstration, Llm, Program, Select, Vote
from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example, Task
from metatextgrad.core.template import render

CHOOSE = (
    "Several candidate answers to the question are given. Check each of them for mistakes, and choose the one that is "
    "most likely right."
)
PRINCIPLE = (
    "Take a step back from the question. Name the general principle, rule or method that questions of this kind rest "
    "on, and say in a few sentences how it is applied. Do not answer the question itself."
)
WITH_PRINCIPLE = "A principle for such questions stands below the question; use it where it fits."
CRITIQUE = (
    "Review the draft answer to the question. Name each mistake in it and say how it is mended; if there is none, say "
    "so. Do not write a new answer."
)
WITH_CRITIQUE = (
    "A draft and a critique of it stand below the question. Check the draft against the critique, keep what is right, "
    "and correct what is wrong."
)
APPROACHES = (
    "Work forward, from what is given to the answer.",
    "Work backward, from what a right answer must satisfy.",
    "Look for what is easily overlooked, and then answer.",
)
"""Without different approaches, debaters at temperature 0 would all say the same."""
WITH_OTHERS = (
    "The answers of all debaters so far stand below the question. Use what is right in them, and correct what is wrong."
)
VERDICT = (
    "The answers of several debaters stand below the question. Weigh their reasons, and give the answer that holds."
)


def zero_shot(task: Task) -> Program:
    """Return the task's own initial program; for the built-in tasks that is zero-shot chain of thought (paper 1.10)."""
    return task.program


def few_shot(task: Task, *, shots: int = 8, seed: int = 0) -> Program:
    """Show worked examples before the question: 8-shot chain of thought.

    The examples are drawn from the training set alone, by the derived seed; a smaller set is shown whole. Each is the
    user message of its question, and 'Answer: ' with its target. The paper does not say whether the shown answers have
    reasoning, nor who would write it; here they have none, and the instructions still ask for it.
    """
    call = _call(task)
    drawn = derive(seed, "demonstrations", shots).sample(task.trainset, min(shots, len(task.trainset)))
    shown = call.model_copy(update={"demonstrations": tuple(_demonstration(call, example) for example in drawn)})
    return _program(task, f"{len(drawn)}-shot", "answers the question after worked examples", (shown,))


def self_consistency(task: Task, *, samples: int = 8) -> Program:
    """Answer several times and take the most common answer; the temperature is the run's `sample_temperature`."""
    tries = _call(task).model_copy(update={"name": "tries", "samples": samples})
    vote = Vote(name="voted", over="tries")
    return _program(task, "self-consistency", "takes the most common of several answers", (tries, vote))


def best_of_n(task: Task, *, samples: int = 8) -> Program:
    """Answer several times and let the same model choose; the paper does not say who chooses."""
    call = _call(task)
    tries = call.model_copy(update={"name": "tries", "samples": samples})
    chosen = Select(name="chosen", over="tries", instructions=CHOOSE, template=call.template)
    return _program(task, "best-of-n", "chooses the best of several answers", (tries, chosen))


def step_back(task: Task) -> Program:
    """Name the principle behind the question first, then answer with it."""
    call = _call(task)
    principle = Llm(
        name="principle", role="names the principle behind the question", instructions=PRINCIPLE, template=call.template
    )
    answer = _told(call, "answer_by_principle", WITH_PRINCIPLE, {"Principle": "principle"})
    return _program(task, "step-back", "answers the question by the principle behind it", (principle, answer))


def self_refine(task: Task, *, rounds: int = 1) -> Program:
    """Draft an answer, then criticize and revise it, `rounds` times."""
    call = _call(task)
    parts = [call.model_copy(update={"name": "draft"})]
    for number in range(1, rounds + 1):
        draft, critique = parts[-1].name, f"critique_{number}"
        template = _with(call.template, {"Draft": draft})
        parts.append(Llm(name=critique, role="finds mistakes in a draft", instructions=CRITIQUE, template=template))
        parts.append(_told(call, f"revision_{number}", WITH_CRITIQUE, {"Draft": draft, "Critique": critique}))
    return _program(task, "self-refine", "revises its answer after a critique", parts)


def debate(task: Task, *, debaters: int = 3, rounds: int = 2) -> Program:
    """Let debaters answer side by side, then again after they read each other, and let a judge give the answer."""
    call = _call(task)
    parts: list[Llm] = []
    heard: dict[str, str] = {}
    for turn in range(1, rounds + 1):
        said = {f"Debater {number}": f"debater_{number}_round_{turn}" for number in range(1, debaters + 1)}
        for number, name in enumerate(said.values(), 1):
            told = f"You are debater {number} of {debaters}. {APPROACHES[(number - 1) % len(APPROACHES)]}"
            parts.append(_told(call, name, f"{told} {WITH_OTHERS}" if heard else told, heard))
        heard = said
    parts.append(_told(call, "verdict", VERDICT, heard))
    return _program(task, "debate", "answers the question after a debate", parts)


Builder = Callable[[Task], Program]
PROGRAMS: Mapping[str, Builder] = MappingProxyType(
    {
        "cot": zero_shot,
        "few-shot": few_shot,
        "self-consistency": self_consistency,
        "best-of-n": best_of_n,
        "step-back": step_back,
        "self-refine": self_refine,
        "debate": debate,
    }
)


def program_named(name: str, task: Task) -> Program:
    """Build a program by its name on a task.

    Raises:
        InputError: there is no such program, or the task's initial program is not one call.
    """
    if name not in PROGRAMS:
        raise unknown("program", name, list(PROGRAMS))
    return PROGRAMS[name](task)


def _call(task: Task) -> Llm:
    match task.program.components:
        case (Llm() as call,):
            return call
        case parts:
            raise InputError(
                f"Task {task.name!r} starts from a program of {len(parts)} components, {task.program.name!r}; programs "
                "by name are built on a single llm component, so give the task instructions and a template instead."
            )


def _demonstration(call: Llm, example: Example) -> Demonstration:
    values = {name: example.values().get(name, "") for name in call.reads()}
    return Demonstration(input=render(call.template, values), output=f"Answer: {example.target}")


def _told(call: Llm, name: str, told: str, shown: Mapping[str, str]) -> Llm:
    """Return the task's call with a further instruction and with earlier values below the question."""
    instructions, template = f"{call.instructions}\n\n{told}", _with(call.template, shown)
    return call.model_copy(update={"name": name, "instructions": instructions, "template": template})


def _with(template: str, shown: Mapping[str, str]) -> str:
    return template + "".join(f"\n\n{title}:\n{{{name}}}" for title, name in shown.items())


def _program(task: Task, name: str, purpose: str, parts: Sequence[Component]) -> Program:
    try:
        return Program(name=name, purpose=purpose, inputs=task.program.inputs, components=tuple(parts))
    except ValidationError as error:  # such as a field of the task with the name of a component
        said = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
        raise InputError(f"The program {name!r} cannot be built on task {task.name!r}: {said}.") from error
