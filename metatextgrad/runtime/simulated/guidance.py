"""Write better instructions for an optimizer: analyse an example, and say what to pay attention to."""

import re

from metatextgrad.runtime.simulated.focus import Author
from metatextgrad.runtime.simulated.lexicon import CONCEPTS, GENERIC
from metatextgrad.runtime.simulated.questions import Question, question_in
from metatextgrad.runtime.simulated.reading import concepts_of, sentences
from metatextgrad.runtime.simulated.sections import Request, section, sections

MISSES_THE_POINT = 0.12
"""How often the analysis comes to nothing that has to do with the task."""
KEEPS = 0.75
"""How often an aim that the instructions have already stays in them."""
UNSEEN = 0.35
"""What a concept that the example does not call for keeps of its chance to be named."""
WHOLE_QUESTION = "Pass the whole question on to every component."

_STRUCTURE = re.compile(r"improves the structure|improve the structure|the structure of the program", re.IGNORECASE)


def guide(request: Request, author: Author) -> dict[str, object]:
    """Return the whole new instructions."""
    structure = bool(_STRUCTURE.search(request.system))
    base = _kept(section(request.user, "INSTRUCTIONS"), author)
    if author.happens(MISSES_THE_POINT):
        return {"improved_instructions": "\n".join([*base, *author.rng.sample(GENERIC, 2)])}
    aims: list[str] = []
    for name in called_for(request, author):
        concept = author.concept(name)
        aims.append(author.rng.choice(concept.aims))
        if structure and concept.stage and author.happens(0.6):
            aims.append(f"Give the program a component for this: {concept.duty}")
    if structure and author.happens(0.5):
        aims.append(WHOLE_QUESTION)
    fresh = [aim for aim in dict.fromkeys([*aims, *author.chatter()]) if aim not in base]
    return {"improved_instructions": "\n".join([*base, *fresh])}


def _kept(instructions: str, author: Author) -> list[str]:
    """Return the sentences that stay; what is no aim of the task stays always."""
    return [
        sentence
        for sentence in sentences(instructions)
        if not concepts_of(author.kind, sentence) or author.happens(KEEPS)
    ]


def called_for(request: Request, author: Author) -> list[str]:
    """Return the concepts that the analysis of the examples brings up, in random order."""
    seen: set[str] = set()
    for example in sections(request.user, "EXAMPLE"):
        question = question_in(section(example.text, "QUESTION"))
        if question:
            seen |= _needs(question, section(example.text, "ANSWER"))
    depth = author.rng.uniform(0.15, 0.85)
    named = [
        concept.name
        for concept in CONCEPTS[author.kind]
        if concept.name != "format" and author.happens(depth * (1 if concept.name in seen else UNSEEN))
    ]
    author.rng.shuffle(named)
    return named


def _needs(question: Question, answer: str) -> set[str]:
    """Return what makes this example hard, as far as it shows."""
    items, due = question.items, answer.split()
    if question.kind == "dyck":
        found = {"echo"} if len(items) < 8 else {"tracking", "extra"}
        found |= {"order", "missing"} if len(due) > 1 else set()
        return found | ({"types"} if len(set(items)) > 3 else set())
    found = {"lost", "placing", "repeated"} if len(items) > 8 else {"chatter"}
    alike = len({word[0] for word in items}) < len(items)
    return found | ({"letters"} if alike else set())
