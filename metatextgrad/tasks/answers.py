"""Where a reply states its answer, and how the verdict on it is worded."""

import re
from typing import NamedTuple

from metatextgrad.core.task import Score

MARKER = re.compile(r"\banswer[*_`]*\s*:", re.IGNORECASE)
"""Models write `**Answer:**` and `answer:` too; only the content of the answer is on trial."""
UNMARKED = "The reply has no line 'Answer: ...', so all of it was read as the answer; end the reply with such a line."


class Answer(NamedTuple):
    """What a reply states as its answer."""

    text: str
    marked: bool
    """False when there is no marker, so that `text` is the whole reply."""


def last_answer(reply: str) -> Answer:
    """Return the text after the last `Answer:`; without one, the whole reply.

    The last and not the first: a reply may quote `Answer:` while it still thinks (paper 6).
    """
    end = max((match.end() for match in MARKER.finditer(reply)), default=None)
    if end is None:
        return Answer(reply.strip(), marked=False)
    return Answer(reply[end:].strip(), marked=True)


def right(answer: Answer) -> Score:
    """Return 1, with a word on the form if that was wrong."""
    return Score(value=1.0, feedback="Correct." if answer.marked else f"Correct. {UNMARKED}")


def wrong(answer: Answer, expected: str, difference: str) -> Score:
    """Return 0 with feedback: what was expected, how the answer differs, and what is wrong with the form."""
    parts = (expected, difference, "" if answer.marked else UNMARKED)
    return Score(value=0.0, feedback=" ".join(part for part in parts if part))
