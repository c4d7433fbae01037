"""Dyck Languages in BIG-Bench Hard's form: close what is still open in a bracket sequence."""

import random

from metatextgrad.core.task import Example, Score
from metatextgrad.tasks.answers import Answer, last_answer, right, wrong
from metatextgrad.tasks.draws import distinct

PREFIX = "Complete the rest of the sequence, making sure that the parentheses are closed properly. Input: "
CLOSER = {"(": ")", "[": "]", "{": "}", "<": ">"}
BRACKETS = frozenset((*CLOSER, *CLOSER.values()))
LONGEST = (4, 5, 8, 12, 20, 36, 50)
"""Upper limits on the pairs of a sequence, one of which is drawn: most published ones are short, few have 50 pairs."""


def generate(seed: int, count: int = 250) -> tuple[Example, ...]:
    """Generate distinct examples in the form of the published file."""
    return distinct(_draw, name="dyck_languages", seed=seed, count=count)


def solve(question: str) -> str:
    """Return the closers that complete the question's sequence, separated by spaces.

    Raises:
        ValueError: a closer in the sequence does not match.
    """
    waiting: list[str] = []
    for bracket in brackets(question.rpartition("Input:")[2]):
        if bracket in CLOSER:
            waiting.append(CLOSER[bracket])
        elif not waiting or waiting.pop() != bracket:
            raise ValueError(f"the sequence {question!r} has a {bracket!r} that closes nothing")
    return " ".join(reversed(waiting))


def dyck(prediction: str, example: Example) -> Score:
    """Score 1 when the brackets of the last answer are the target's, in order; all else in the answer is ignored."""
    answer = last_answer(prediction)
    target, given = brackets(example.target), brackets(answer.text)
    if not target:
        raise ValueError(f"the target {example.target!r} of example {example.id!r} holds no bracket")
    if given == target:
        return right(answer)
    return wrong(answer, f"The missing closers are '{' '.join(target)}'.", _difference(answer, target, given))


def brackets(text: str) -> list[str]:
    """Return the brackets of a text in order."""
    return [character for character in text if character in BRACKETS]


def _difference(answer: Answer, target: list[str], given: list[str]) -> str:
    if not given:
        return "The answer holds no bracket."
    if not answer.marked and not BRACKETS.issuperset("".join(answer.text.split())):
        return ""  # brackets of the reasoning are mixed with those of the answer
    said = f"The answer '{' '.join(given)}'"
    if any(bracket in CLOSER for bracket in given):
        return f"{said} has opening brackets; only the closers that are still missing belong in it."
    if given == target[: len(given)]:
        return f"{said} stops early: '{' '.join(target[len(given) :])}' must follow."
    if target == given[: len(target)]:
        return f"{said} goes on too long: '{' '.join(given[len(target) :])}' closes nothing."
    if sorted(given) == sorted(target):
        return f"{said} has the right closers in the wrong order; the bracket opened last is closed first."
    return f"{said} {_first_fault(target, given)}"


def _first_fault(target: list[str], given: list[str]) -> str:
    place = next(i for i, (wanted, found) in enumerate(zip(target, given, strict=False)) if wanted != found)
    fault = f"has '{given[place]}' at place {place + 1}, where '{target[place]}' belongs"
    if len(given) == len(target):
        return f"{fault}."
    return f"{fault}, and has {len(given)} closers where {len(target)} are needed."


def _draw(rng: random.Random) -> tuple[str, str]:
    pairs = rng.randint(2, rng.choice(LONGEST))
    missing = min(pairs, rng.choice((1, 2, 3)))
    shown, waiting = _unfinished(rng, pairs, missing)
    return PREFIX + " ".join(shown), " ".join(reversed(waiting))


def _unfinished(rng: random.Random, pairs: int, missing: int) -> tuple[list[str], list[str]]:
    """Open `pairs` brackets and close all but `missing`; return the sequence and the closers it waits for."""
    shown: list[str] = []
    waiting: list[str] = []
    to_open, to_close = pairs, pairs - missing
    urge_to_open = rng.choice((50, 60, 70, 80))
    while to_open or to_close:
        # Above the outermost bracket there is mostly one left open, as in the published sequences.
        closable = to_close > 0 and len(waiting) > (1 if to_open and rng.randrange(4) else 0)
        if to_open and (not closable or rng.randrange(100) < urge_to_open):
            kind = rng.choice(tuple(CLOSER))
            shown.append(kind)
            waiting.append(CLOSER[kind])
            to_open -= 1
        else:
            shown.append(waiting.pop())
            to_close -= 1
    return shown, waiting
