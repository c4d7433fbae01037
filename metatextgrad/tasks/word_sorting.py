"""Word Sorting in BIG-Bench Hard's form: put a list of words in alphabetical order."""

import random
from collections import Counter

from metatextgrad.core.task import Example, Score
from metatextgrad.tasks.answers import Answer, last_answer, right, wrong
from metatextgrad.tasks.draws import distinct
from metatextgrad.tasks.words import WORDS

PREFIX = "Sort the following words alphabetically: List: "
EDGES = ".;:*_`\"'()[]"
"""Punctuation and Markdown around a word; not part of it."""


def generate(seed: int, count: int = 250) -> tuple[Example, ...]:
    """Generate distinct examples in the form of the published file."""
    return distinct(_draw, name="word_sorting", seed=seed, count=count)


def solve(question: str) -> str:
    """Return the question's words in alphabetical order, by character code, separated by spaces."""
    return " ".join(sorted(question.rpartition("List:")[2].split()))


def word_sorting(prediction: str, example: Example) -> Score:
    """Score 1 when the last answer lists the target's words in order; commas, case and Markdown do not count."""
    answer = last_answer(prediction)
    target, given = words(example.target), words(answer.text)
    if not target:
        raise ValueError(f"the target {example.target!r} of example {example.id!r} holds no word")
    if given == target:
        return right(answer)
    return wrong(answer, f"The sorted list is '{' '.join(target)}'.", _difference(answer, target, given))


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, cut at spaces and commas."""
    bare = (piece.strip(EDGES) for piece in text.lower().replace("\u2019", "'").replace(",", " ").split())
    return [word for word in bare if word]


def _difference(answer: Answer, target: list[str], given: list[str]) -> str:
    if not given:
        return "The answer holds no word."
    missing = list((Counter(target) - Counter(given)).elements())
    extra = list((Counter(given) - Counter(target)).elements())
    if not answer.marked and extra:
        return ""  # the words of the reasoning are mixed with those of the answer
    if not missing and not extra:
        return f"The answer has the right words in the wrong order: {_first_fault(target, given)}."
    parts = [f"lacks {_quoted(missing)}"] if missing else []
    if extra:
        parts.append(f"has {_quoted(extra)} too many")
    kept = [word for word in given if word in set(target)]
    order = "" if kept == sorted(kept, key=target.index) else ", and its order is wrong"
    return f"The answer {' and '.join(parts)}{order}."


def _first_fault(target: list[str], given: list[str]) -> str:
    place = next(i for i, (wanted, found) in enumerate(zip(target, given, strict=True)) if wanted != found)
    return f"place {place + 1} has '{given[place]}', where '{target[place]}' belongs"


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _draw(rng: random.Random) -> tuple[str, str]:
    shown = rng.sample(WORDS, rng.randint(2, 20))
    return PREFIX + " ".join(shown), " ".join(sorted(shown))
