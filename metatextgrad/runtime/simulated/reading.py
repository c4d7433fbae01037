"""What a prompt means to a simulated model: which mistakes its sentences address, and how many are beside the point.

Nothing here knows who wrote a prompt or which method it comes from. A sentence addresses a mistake when its words do;
a second sentence about the same mistake adds less than the first, and a sentence about everything adds less to each.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from metatextgrad.runtime.simulated.lexicon import CONCEPTS
from metatextgrad.runtime.simulated.questions import Kind

FIRST_EFFECT = 0.45
"""How much of a mistake the first sentence about it takes away."""
FADING = 0.5
"""How much less each further sentence does."""
FULL_ATTENTION = 2
"""So many mistakes one sentence can address in full."""
LONG_PROMPT = 14
"""Sentences past this number are read with half an eye and count as a little beside the point."""

_END = re.compile(r"(?<=[.!?])\s+|\n+(?![ ]*[a-z])")
_WORD = re.compile(r"[A-Za-z]{2,}")
_FRAME = re.compile(
    r"\W*(?:\d+\W+)?(?:you(?:'ll| will| are| get| see)|your (?:role|task|job)|answer|think|reason|solve|read|given|"
    r"work|use|end|follow|give|this|here|write|then|first|finally|make sure|be (?:as )?careful|"
    r"pay (?:close )?attention|avoid|take care)\b",
    re.IGNORECASE,
)
_TOPIC: dict[str, re.Pattern[str]] = {
    kind: re.compile(rf"\b(?:question|answer|steps?|input|output|plan|result|draft|order|{own})\b", re.IGNORECASE)
    for kind, own in (
        ("dyck", r"brackets?|sequence|parenthes[ie]s|closers?|openers?|nesting"),
        ("sorting", r"words?|list|letters?|alphabet|alphabetical|alphabetically|sort(?:ed|ing)?"),
    )
}
_MANNERS = re.compile(
    r"friend|engag|\btone\b|audience|polite|creativ|enthusias|humou?r|story|emoji|inspir|eloquen|empath|cultur|histor|"
    r"grammar|citation|citing|metaphor|vivid|formal|warm|elegan|summary|summari[sz]e|imagin|confiden|professional",
    re.IGNORECASE,
)


class Reading(NamedTuple):
    """How a text bears on questions of one kind."""

    left: Mapping[str, float]
    """By concept: the share of the mistake that is left; 1 where no sentence addresses it."""
    stray: float
    """Sentences beside the point."""

    def addresses(self, name: str) -> bool:
        return self.left[name] < 1

    @property
    def concepts(self) -> tuple[str, ...]:
        """The concepts that some sentence addresses."""
        return tuple(name for name, left in self.left.items() if left < 1)


def sentences(text: str) -> list[str]:
    """Cut a text into sentences; a line ends one too, unless the next line goes on in lower case."""
    return [piece.strip() for piece in _END.split(text) if len(_WORD.findall(piece)) > 1]


@lru_cache(maxsize=65536)
def concepts_of(kind: Kind, sentence: str) -> tuple[str, ...]:
    """Return the concepts that one sentence is about."""
    flat = " ".join(sentence.split())
    return tuple(concept.name for concept in CONCEPTS[kind] if concept.pattern.search(flat))


def is_stray(kind: Kind, sentence: str) -> bool:
    """Whether a sentence is beside the point for questions of this kind."""
    if concepts_of(kind, sentence):
        return False
    if _MANNERS.search(sentence):
        return True
    return not _FRAME.match(sentence) and not _TOPIC[kind].search(sentence)


@lru_cache(maxsize=8192)
def read(kind: Kind, text: str) -> Reading:
    """Read a text as instructions for questions of a kind."""
    left = {concept.name: 1.0 for concept in CONCEPTS[kind]}
    seen = dict.fromkeys(left, 0)
    stray = 0.0
    lines = list(dict.fromkeys(sentences(text)))
    for position, sentence in enumerate(lines):
        found = concepts_of(kind, sentence)
        stray += 1.0 if not found and is_stray(kind, sentence) else 0.0
        stray += 0.25 if position >= LONG_PROMPT else 0.0
        attention = min(1.0, FULL_ATTENTION / len(found)) if found else 0.0
        for name in found:
            left[name] *= 1 - FIRST_EFFECT * attention * FADING ** seen[name]
            seen[name] += 1
    return Reading(left, stray)
