"""Exact scorers for any task: the whole answer, a letter, a number, or a text the answer must contain."""

import re
import unicodedata
from decimal import Decimal

from metatextgrad.core.task import Example, Score
from metatextgrad.tasks.answers import MARKER, last_answer, right, wrong

EDGES = " \t\r\n.*_`\"'"
"""Punctuation and Markdown around an answer; not part of it."""
LETTER = re.compile(MARKER.pattern + r"[\s*_`(]*([a-z])\b", re.IGNORECASE)
BARE_LETTER = re.compile(r"[\s*_`(]*([a-z])[\s*_`).]*", re.IGNORECASE)
NUMBER = re.compile(
    r"(?:(?<![\w.)])[-+\u2212])?"  # a sign, but not the minus of `10-4`
    r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
    r"(?:e[-+]?[0-9]{1,3}(?![0-9]))?",
    re.IGNORECASE,
)


def exact(prediction: str, example: Example) -> Score:
    """Score 1 when the last answer is the target; case, spacing, quotes and Markdown around it do not count."""
    answer = last_answer(prediction)
    target, given = normal(last_answer(example.target).text), normal(answer.text)
    if given == target:
        return right(answer)
    difference = f"The answer is {answer.text!r}." if answer.marked else ""
    return wrong(answer, f"The expected answer is {example.target!r}.", difference)


def letter(prediction: str, example: Example) -> Score:
    """Score 1 when the last `Answer: X` names the target's letter.

    The last and not the first: an earlier one may be quoted while the reply still thinks (paper 6).
    """
    answer = last_answer(prediction)
    target, given = _letter(example.target), _letter(prediction)
    if not target:
        raise ValueError(f"the target {example.target!r} of example {example.id!r} is not a single letter from A to Z")
    if given == target:
        return right(answer)
    difference = f"The answer is {given}." if given else "The answer names no letter."
    return wrong(answer, f"The right choice is {target}.", difference)


def number(prediction: str, example: Example) -> Score:
    """Score 1 when the last number of the last answer equals the target's; `1,000` equals `1000.0`."""
    answer = last_answer(prediction)
    target, given = _number(last_answer(example.target).text), _number(answer.text)
    if target is None:
        raise ValueError(f"the target {example.target!r} of example {example.id!r} holds no number")
    if given == target:
        return right(answer)
    difference = "The answer holds no number." if given is None else f"The answer's last number is {given}."
    return wrong(answer, f"The right number is {target}.", difference)


def contains(prediction: str, example: Example) -> Score:
    """Score 1 when the last answer contains the target as whole words; case and spacing do not count."""
    text = last_answer(prediction).text
    target = normal(last_answer(example.target).text)
    if not target:
        raise ValueError(f"the target of example {example.id!r} is empty, and every answer contains it")
    if re.search(rf"(?<!\w){re.escape(target)}(?!\w)", folded(text)):
        return Score(value=1.0, feedback="Correct.")
    return Score(value=0.0, feedback=f"The answer must contain {example.target!r}, and it does not.")


def folded(text: str) -> str:
    """Return the text in one case, one Unicode form and with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def normal(text: str) -> str:
    """Return the folded text without punctuation around it; a text of punctuation alone stays."""
    whole = folded(text)
    return whole.strip(EDGES) or whole


def _letter(text: str) -> str:
    found = LETTER.findall(text)
    if found:
        return str(found[-1]).upper()
    bare = BARE_LETTER.fullmatch(text)
    return bare.group(1).upper() if bare else ""


def _number(text: str) -> Decimal | None:
    found = NUMBER.findall(text)
    return Decimal(found[-1].replace(",", "").replace("\u2212", "-")) if found else None
