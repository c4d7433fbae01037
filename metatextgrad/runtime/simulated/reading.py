"""What a prompt means to a simulated model: which mistakes its sentences address, and how many are beside the point.

Nothing here knows who wrote a prompt or which method it comes from. A sentence addresses a mistake when its words do;
a second sentence about the same mistake adds less than the first, and a sentence about everything adds less to each.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from metatextgrad.runtime.simulated.lexicon import CONCEPTS, Concept
from metatextgrad.runtime.simulated.questions import Kind

FIRST_EFFECT = 0.55
"""How much of a mistake the first sentence about it takes away."""
FADING = 0.5
"""How much less each further sentence does."""
FULL_ATTENTION = 2
"""So many mistakes one sentence can address in full."""
LONG_PROMPT = 14
"""Sentences past this number are read with half an eye and count as a little beside the point."""

_END = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[A-Za-z]{2,}")
_FRAME = re.compile(
    r"\W*(?:\d+\W+)?(?:you(?:'ll| will| are| get| see)\b|your (?:role|task|job)|answer\b|think\b|reason\b|solve\b|read\b|"
    r"given\b|the last line|the final line|work\b|use the|end with|follow\b|give the|this is|here\b|the question|"
    r"the input|write (?:the|down)|then\b|first\b|finally\b)",
    re.IGNORECASE,
)
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
    """Cut a text into sentences; lines end a sentence too."""
    return [piece.strip() for piece in _END.split(text) if len(_WORD.findall(piece)) > 1]


@lru_cache(maxsize=65536)
def concepts_of(kind: Kind, sentence: str) -> tuple[str, ...]:
    """Return the concepts that one sentence is about."""
    return tuple(concept.name for concept in CONCEPTS[kind] if concept.pattern.search(sentence))


def is_stray(kind: Kind, sentence: str) -> bool:
    """Whether a sentence is beside the point for questions of this kind."""
    if concepts_of(kind, sentence):
        return False
    return bool(_MANNERS.search(sentence)) or not _FRAME.match(sentence)


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


def concept_named(kind: Kind, name: str) -> Concept:
    """Return a concept of a kind."""
    return next(concept for concept in CONCEPTS[kind] if concept.name == name)
