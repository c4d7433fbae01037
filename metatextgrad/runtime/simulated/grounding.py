"""Describe data and programs, and propose instructions from such descriptions, without any criticism."""

from metatextgrad.runtime.simulated.diagnosis import mentioned
from metatextgrad.runtime.simulated.focus import Author, votes
from metatextgrad.runtime.simulated.guidance import called_for
from metatextgrad.runtime.simulated.reading import read
from metatextgrad.runtime.simulated.rewriting import ATTENTION, KNOWN_ALREADY, joined, thinned
from metatextgrad.runtime.simulated.sections import Request, section

ABOUT = {
    "dyck": "Each input is a bracket sequence that has to be completed.",
    "sorting": "Each input is a list of words to be sorted.",
}


def describe(request: Request, author: Author) -> dict[str, object]:
    """Return what the examples have in common, as far as the author sees it, and which mistakes are likely."""
    if observed := section(request.user, "OBSERVATIONS"):
        return {"summary": observed}
    faults = [author.rng.choice(author.concept(name).faults) for name in called_for(request, author)]
    said = " ".join([ABOUT[author.kind], *faults, *author.chatter()])
    return dict.fromkeys(request.keys & {"summary", "observations"}, said)


def describe_program(request: Request, author: Author) -> dict[str, object]:
    """Return what a program, or a part of one, is for."""
    wanted = request.keys & {"program_description", "module_description"}
    return dict.fromkeys(wanted, f"{ABOUT[author.kind]} The question is answered step by step.")


def ground(request: Request, author: Author) -> dict[str, object]:
    """Return new instructions: the present ones, with advice on what the description of the data speaks of."""
    text = section(request.user, "TEXT") or section(request.user, "BASIC_INSTRUCTION")
    data = section(request.user, "DATA") or section(request.user, "DATASET_DESCRIPTION")
    weights = votes(mentioned(author.kind, data))
    for name in author.focus:
        weights[name] = weights.get(name, 0.0) + ATTENTION
    addressed = read(author.kind, text)
    for name in weights:
        weights[name] *= 1.0 if addressed.left[name] == 1 else KNOWN_ALREADY * addressed.left[name]
    kept = thinned(text, author)
    added = [author.advice(name, without=kept) for name in author.draw(weights, author.capacity())]
    proposed = joined(kept, [*added, *author.chatter()])
    return dict.fromkeys(request.keys & {"proposed_text", "proposed_instruction"}, proposed)
