"""Find a question that the simulated models cover in a text."""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

Kind = Literal["dyck", "sorting"]

_DYCK = re.compile(r"complete the rest of the sequence[^\n]*?input:[ ]*([()\[\]{}<> ]+)", re.IGNORECASE)
_SORTING = re.compile(r"sort the following words alphabetically[^\n]*?list:[ ]*([^\n<]+)", re.IGNORECASE)
_ABOUT: dict[Kind, re.Pattern[str]] = {
    "dyck": re.compile(
        r"\bbracket sequence|\bbrackets\b|\bparenthes[ie]s\b|\bdyck\b|\bclosers?\b|\bopeners?\b", re.IGNORECASE
    ),
    "sorting": re.compile(
        r"\balphabet|\bsort(?:ed|ing)? (?:an? |the |these )?(?:list|words)|\b(?:order|list) of words", re.IGNORECASE
    ),
}


class Question(NamedTuple):
    """A question as the model reads it."""

    kind: Kind
    items: tuple[str, ...]
    """Brackets or words, in the given order."""
    span: tuple[int, int]
    """Where it stands in the text."""


@lru_cache(maxsize=4096)
def question_in(text: str) -> Question | None:
    """Return the last question of a text, if there is one."""
    found: Question | None = None
    for match in _DYCK.finditer(text):
        found = Question("dyck", tuple(match[1].replace(" ", "")), match.span())
    for match in _SORTING.finditer(text):
        if found is None or match.start() > found.span[0]:
            found = Question("sorting", tuple(match[1].split()), match.span())
    return found


def kind_of_text(text: str) -> Kind | None:
    """Return which of the covered tasks a text is about, by its question or else by its words."""
    question = question_in(text)
    if question:
        return question.kind
    counts: dict[Kind, int] = {kind: len(pattern.findall(text)) for kind, pattern in _ABOUT.items()}
    best = max(counts, key=lambda kind: counts[kind])
    return best if counts[best] else None
