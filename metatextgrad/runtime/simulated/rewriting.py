"""Rewrite the instructions of one call by the criticism of its outputs."""

import re

from metatextgrad.runtime.simulated.criticism import MISTAKEN
from metatextgrad.runtime.simulated.diagnosis import faults_in, known, mentioned
from metatextgrad.runtime.simulated.focus import Author, votes
from metatextgrad.runtime.simulated.lexicon import GENERIC
from metatextgrad.runtime.simulated.reading import concepts_of, is_stray, read, sentences
from metatextgrad.runtime.simulated.sections import Request, section, sections

ATTENTION = 0.8
"""What a concept in the author's instructions weighs against one piece of criticism."""
KNOWN_ALREADY = 0.4
"""What a concept that the text addresses already keeps of its weight."""
LOSES = 0.06
"""How often a sentence that helps is lost in the rewriting."""
CLEARS = 0.15
CLEARS_IN_FOCUS = 0.6
"""How often a sentence beside the point is taken out, without and with a focus on the task."""
CATCHES_ON = 0.35
"""How often advice beside the point that stands in the feedback is taken over by an author without focus."""

_SLOT = re.compile(r"\{[a-z_]\w*\}")


def rewrite(request: Request, author: Author) -> dict[str, object]:
    """Return the whole new text."""
    text = section(request.user, "TEXT")
    criticism = [found.text for found in sections(request.user, "CRITICISM")]
    weights = votes(name for found in sections(request.user, "FEEDBACK") for name in _blamed(found.text, author))
    for name in author.focus:
        weights[name] = weights.get(name, 0.0) + ATTENTION
    addressed = read(author.kind, text)
    for name in weights:
        weights[name] *= 1.0 if addressed.left[name] == 1 else KNOWN_ALREADY * addressed.left[name]
    kept = thinned(text, author)
    added = [author.advice(name, without=kept) for name in author.draw(weights, author.capacity())]
    return {"improved_text": joined(kept, [*added, *_beside_the_point(criticism, author)])}


def _blamed(feedback: str, author: Author) -> list[str]:
    """Return what one piece of feedback is about.

    Criticism that speaks of no mistake, as a metric's own words do, has to be compared with the output first.
    """
    said = section(feedback, "CRITICISM")
    if spoken := mentioned(author.kind, said):
        return spoken
    output = section(feedback, "ANSWER") or section(feedback, "OUTPUT")
    found = faults_in(author.kind, output, said)
    return [author.rng.choice(known(author.kind))] if found and author.happens(MISTAKEN) else found


def thinned(text: str, author: Author) -> str:
    """Return the text without the sentences that the author takes out or loses."""
    for sentence in sentences(text):
        if _SLOT.search(sentence):
            continue
        found = concepts_of(author.kind, sentence)
        if is_stray(author.kind, sentence):
            gone = CLEARS_IN_FOCUS if author.focus else CLEARS
        else:
            gone = LOSES if found and "format" not in found else 0.0
        if author.happens(gone):
            text = text.replace(sentence, "", 1)
    return re.sub(r"[ ]{2,}", " ", re.sub(r"\n{2,}", "\n", text)).strip()


def joined(text: str, added: list[str]) -> str:
    """Put sentences before the last line of a text when that line is about the form of the answer, else after it."""
    fresh = [sentence for sentence in dict.fromkeys(added) if sentence not in text]
    lines = text.split("\n")
    place = len(lines) - 1 if len(lines) > 1 and "answer:" in lines[-1].lower() else len(lines)
    return "\n".join([*lines[:place], *fresh, *lines[place:]])


def _beside_the_point(criticism: list[str], author: Author) -> list[str]:
    met = [sentence for piece in criticism for sentence in GENERIC if sentence in piece]
    caught = [sentence for sentence in met if author.happens(0.05 if author.focus else CATCHES_ON)]
    return [*caught, *author.chatter()]
