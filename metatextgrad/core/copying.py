"""Notice texts that copy training answers: such a program scores well on what it has seen and only there (design 7)."""

from collections.abc import Iterable

from metatextgrad.core.program import Program
from metatextgrad.core.task import Example

SHORTEST = 12
"""Characters; a shorter answer stands in many a text by chance."""


def copied_answers(before: Program, after: Program, examples: Iterable[Example]) -> tuple[str, ...]:
    """Return the ids of examples whose answer a rewritten text holds and the old texts do not.

    Demonstrations are not looked at: they show training answers on purpose.
    """
    old, new = _all_texts(before), _all_texts(after)
    found = []
    for example in examples:
        answer = _flat(example.target)
        if len(answer) >= SHORTEST and answer in new and answer not in old:
            found.append(example.id)
    return tuple(found)


def _all_texts(program: Program) -> str:
    return _flat("\n".join(text.instructions for text in program.texts().values()))


def _flat(text: str) -> str:
    return " ".join(text.lower().split())
