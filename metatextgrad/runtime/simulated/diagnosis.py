"""Say from texts alone what is wrong with an output: compare it with what the criticism says was expected."""

import re
from collections import Counter

from metatextgrad.runtime.simulated.dyck import BRACKETS, CLOSER, closers, evidence_in
from metatextgrad.runtime.simulated.lexicon import CONCEPTS
from metatextgrad.runtime.simulated.questions import Kind
from metatextgrad.runtime.simulated.reading import concepts_of, sentences

_ANSWER = re.compile(r"\banswer\W{0,3}:(.*)", re.IGNORECASE)
_EXPECTED = re.compile(
    r"(?:missing closers are|sorted list is|expected answer is|right answer is:?)\s*"
    r"(?:'([^']*(?:'\w[^']*)*)'|([^\n]+))",
    re.IGNORECASE,
)


def faults_in(kind: Kind, output: str, criticism: str) -> list[str]:
    """Return the concepts that the output falls short of, the plainest first; none when the texts do not say."""
    expected = _EXPECTED.search(criticism)
    if not expected:
        return mentioned(kind, criticism)
    stated = _ANSWER.findall(output)
    if not stated:
        return ["format"]
    right, said = expected[1] or expected[2] or "", stated[-1]
    if kind == "dyck":
        return _dyck_faults(_brackets(right), _brackets(said), output)
    return _sorting_faults(_words(right), _words(said))


def mentioned(kind: Kind, text: str) -> list[str]:
    """Return the concepts that a text speaks of, the most frequent first."""
    votes = Counter(name for sentence in sentences(text) for name in concepts_of(kind, sentence))
    return [name for name, _ in votes.most_common()]


def _dyck_faults(right: list[str], said: list[str], output: str) -> list[str]:
    if any(bracket in CLOSER for bracket in said):
        return ["echo"]
    state = evidence_in(output).state
    lost_track = ["tracking"] if state is not None and list(closers(state)) != right else []
    if sorted(said) == sorted(right):
        return [*lost_track, "order"]
    if said == right[: len(said)]:
        return [*lost_track, "missing"]
    if right == said[: len(right)]:
        return [*lost_track, "extra"]
    if len(said) == len(right):
        return [*lost_track, "types"]
    return [*lost_track, "missing" if len(said) < len(right) else "extra", "order"]


def _sorting_faults(right: list[str], said: list[str]) -> list[str]:
    lacking, surplus = Counter(right) - Counter(said), Counter(said) - Counter(right)
    found = ["lost"] if lacking else []
    if surplus:
        found.append("repeated" if set(surplus) <= set(right) else "chatter")
    wrong = [(wanted, met) for wanted, met in zip(right, said, strict=False) if wanted != met]
    if wrong and not found:
        found.append("letters" if wrong[0][0][0] == wrong[0][1][0] else "placing")
    return found


def _brackets(text: str) -> list[str]:
    return [symbol for symbol in text if symbol in BRACKETS]


def _words(text: str) -> list[str]:
    return [word for word in (piece.strip(".;:()'\"*") for piece in text.replace(",", " ").lower().split()) if word]


def known(kind: Kind) -> list[str]:
    """Return the names of all concepts of a kind."""
    return [concept.name for concept in CONCEPTS[kind]]
