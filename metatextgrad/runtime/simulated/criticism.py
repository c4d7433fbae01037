"""Criticise one call of a program: what its instructions, and the texts it read, should do differently."""

from metatextgrad.runtime.simulated.diagnosis import faults_in, known
from metatextgrad.runtime.simulated.focus import Author
from metatextgrad.runtime.simulated.questions import question_in
from metatextgrad.runtime.simulated.sections import Request, section, sections

MISTAKEN = 0.25
"""How often the diagnosis is a wrong guess."""
BLAMES_SOURCES = 0.6
"""How often a text that the call read gets its share of the criticism."""

NO_QUESTION = "The call does not see the question itself; the question should be passed on to it."


def criticise(request: Request, author: Author) -> dict[str, object]:
    """Return the feedback on the instructions, or on the texts of an agent, and on each text that was read."""
    output = section(request.user, "OUTPUT")
    found = faults_in(author.kind, output, section(request.user, "FEEDBACK")) or [author.rng.choice(known(author.kind))]
    if author.happens(MISTAKEN):
        found = [author.rng.choice(known(author.kind))]
    remarks = [author.rng.choice(author.concept(name).faults) for name in found[:2]]
    if question_in(section(request.user, "INPUT")) is None:
        remarks.insert(0, NO_QUESTION)
    reads = {
        read.attributes["name"]: author.rng.choice(author.concept(found[0]).faults)
        for read in sections(request.user, "READ")
        if "name" in read.attributes and author.happens(BLAMES_SOURCES)
    }
    said = [*remarks, "The instructions need a general strategy against this mistake.", *author.chatter()]
    if "texts" not in request.keys:
        return {"instructions": " ".join(said), "reads": reads}
    names = [text.attributes["name"] for text in sections(request.user, "TEXT") if "name" in text.attributes]
    blamed = [name for name in names if author.happens(BLAMES_SOURCES)] or [author.rng.choice(names)]
    return {"texts": dict.fromkeys(blamed, " ".join(said)), "reads": reads}
