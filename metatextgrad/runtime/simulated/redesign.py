"""Design a new program from the current one and the feedback on it."""

import json
from collections.abc import Callable
from typing import Any

from metatextgrad.runtime.simulated.diagnosis import faults_in, mentioned
from metatextgrad.runtime.simulated.focus import COMMON, Author, votes
from metatextgrad.runtime.simulated.parts import Parts, adapted, task_stages
from metatextgrad.runtime.simulated.reading import concepts_of, sentences
from metatextgrad.runtime.simulated.sections import Request, section, sections

MENDS = 0.55
"""How often a program that has several calls already is changed in one place, and not designed anew."""
REMEMBERS = 0.5
"""How often a sentence of the old prompts that helps finds its way into a new design."""
MOST_STAGES = 3
WHOLE_QUESTION = "whole question"

Component = dict[str, Any]


def redesign(request: Request, author: Author) -> dict[str, object]:
    """Return the components of the new program."""
    current = _current(request)
    blamed = _blamed(request, author)
    whole = WHOLE_QUESTION in request.system.lower() or "passed on to it" in request.user
    callers = [part for part in current if part.get("kind") == "llm"]
    if len(callers) > 1 and author.happens(MENDS):
        return {"components": adapted(current, Parts(author, blamed, whole))}
    parts = Parts(author, blamed, whole, remembered=_remembered(callers, author))
    stages = task_stages(author, blamed, MOST_STAGES)
    if stages:
        return {"components": parts.pipeline(stages)}
    shape = author.rng.choice(SHAPES)
    return {"components": shape(parts)}


def _current(request: Request) -> list[Component]:
    try:
        read = json.loads(section(request.user, "PROGRAM"))
    except json.JSONDecodeError:
        return []
    return [part for part in read if isinstance(part, dict)] if isinstance(read, list) else []


def _blamed(request: Request, author: Author) -> dict[str, float]:
    """Weigh the concepts by the feedback on the answers and on the components."""
    names: list[str] = []
    for found in sections(request.user, "FEEDBACK"):
        names += faults_in(author.kind, section(found.text, "OUTPUT"), section(found.text, "CRITICISM"))[:1]
    for found in sections(request.user, "COMPONENT_FEEDBACK"):
        names += mentioned(author.kind, found.text)[:2]
    weights = votes(names)
    for name in author.focus:
        weights[name] = weights.get(name, 0.0) + 1.0
    return weights


def _remembered(callers: list[Component], author: Author) -> list[str]:
    texts = [str(part.get("instructions", "")) for part in callers]
    helping = [
        sentence
        for text in texts
        for sentence in sentences(text)
        if set(concepts_of(author.kind, sentence)) - COMMON and author.happens(REMEMBERS)
    ]
    return list(dict.fromkeys(helping))


def _plan_and_solve(parts: Parts) -> list[Component]:
    return [
        parts.call("plan", "Make a plan for answering the question. Do not answer it yet."),
        parts.final("solve", "Answer the question by following the plan.", ("Plan", "plan")),
    ]


def _solve_and_check(parts: Parts) -> list[Component]:
    return [
        parts.final("solve", "Answer the question step by step."),
        parts.final("check", "Check the draft answer and correct it.", ("Draft", "solve")),
    ]


def _plan_solve_check(parts: Parts) -> list[Component]:
    return [
        parts.call("plan", "Break the question down into steps. Do not answer it yet."),
        parts.final("solve", "Answer the question by following the plan.", ("Plan", "plan")),
        parts.final("check", "Review the draft answer and correct it.", ("Draft", "solve")),
    ]


def _step_by_step(parts: Parts) -> list[Component]:
    return [
        parts.call("plan", "Break the question down into a few steps, one on each line. Do not answer it yet."),
        {"kind": "split", "name": "steps", "text": "plan", "by": "lines", "most": 4},
        {
            "kind": "map",
            "name": "work",
            "over": "steps",
            "item": "step",
            "body": [
                parts.call(
                    "carry_out",
                    "Carry out this step of the solution. Do not answer the question yet.",
                    ("Step", "step"),
                )
            ],
        },
        parts.final("conclude", "Answer the question, using the results of the steps.", ("Results", "work")),
    ]


def _several_and_vote(parts: Parts) -> list[Component]:
    samples = parts.author.rng.choice((3, 5))
    return [
        parts.final("solve", "Answer the question step by step.") | {"samples": samples},
        {"kind": "vote", "name": "agree", "over": "solve"},
    ]


def _analyse_and_solve(parts: Parts) -> list[Component]:
    return [
        parts.call("analyse", "Analyse the question and describe its main points. Do not answer it yet."),
        parts.final("solve", "Answer the question, using the analysis.", ("Analysis", "analyse")),
    ]


SHAPES: tuple[Callable[[Parts], list[Component]], ...] = (
    _plan_and_solve,
    _solve_and_check,
    _plan_solve_check,
    _step_by_step,
    _several_and_vote,
    _analyse_and_solve,
)
"""What comes to mind for any task."""
