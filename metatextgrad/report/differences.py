"""What changed between two texts, word by word."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from metatextgrad.changes import changes
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program

Span = tuple[Literal["same", "removed", "added"], str]
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_MOST_WORDS = 3_000
"""A longer text is compared by lines: comparing takes the square of the number of words."""


@dataclass(frozen=True)
class TextChange:
    """One text before and after."""

    label: str
    what: Literal["changed", "new", "removed"]
    spans: tuple[Span, ...]


def differences(before: str, after: str) -> tuple[Span, ...]:
    """Return the spans that turn one text into the other; removed and same ones together are the first text."""
    old, new = _pieces(before, after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return tuple(_joined(_bridged(_spans(matcher, old, new))))


def marked(spans: Sequence[Span]) -> Iterator[Span]:
    """Mark no space around what was added, and none that was removed: such marks mean nothing to a reader."""
    for kind, text in spans:
        bare = text.strip()
        if kind == "added":
            start = text.find(bare) if bare else len(text)
            yield "same", text[:start]
            if bare:
                yield "added", bare
            yield "same", text[start + len(bare) :]
        elif kind == "same" or bare:
            yield kind, text


def stage_changes(optimizer: Optimizer, inputs: Sequence[Optimizer]) -> tuple[TextChange, ...]:
    """Return the instructions of an optimizer that no given one has."""
    return tuple(
        TextChange(label, "changed", differences(before, after)) for label, before, after in changes(optimizer, inputs)
    )


def program_changes(before: Program, after: Program) -> tuple[TextChange, ...]:
    """Return the texts of a program that differ, by address; first those that it has, then those that are gone."""
    old, new = _texts(before), _texts(after)
    found = [_change(address, old.get(address), text) for address, text in new.items() if old.get(address) != text]
    gone = [_change(address, text, None) for address, text in old.items() if address not in new]
    return tuple(found + gone)


def _texts(program: Program) -> Mapping[str, str]:
    return {address: text.instructions for address, text in program.texts().items()}


def _change(address: str, before: str | None, after: str | None) -> TextChange:
    if before is None:
        return TextChange(address, "new", (("added", after or ""),))
    if after is None:
        return TextChange(address, "removed", (("removed", before),))
    return TextChange(address, "changed", differences(before, after))


def _pieces(before: str, after: str) -> tuple[list[str], list[str]]:
    words = _WORDS.findall(before), _WORDS.findall(after)
    if max(map(len, words)) <= _MOST_WORDS:
        return words
    return _LINES.findall(before), _LINES.findall(after)


def _spans(matcher: "SequenceMatcher[str]", old: Sequence[str], new: Sequence[str]) -> Iterator[Span]:
    for operation, start, end, new_start, new_end in matcher.get_opcodes():
        if operation == "equal":
            yield "same", "".join(old[start:end])
            continue
        yield "removed", "".join(old[start:end])
        yield "added", "".join(new[new_start:new_end])


def _bridged(spans: Iterator[Span]) -> Iterator[Span]:
    """Take a word or two between changes as changed too: islands of them make a change hard to read."""
    every = [span for span in spans if span[1]]
    for place, (kind, text) in enumerate(every):
        inside = 0 < place < len(every) - 1
        if kind == "same" and inside and "\n" not in text and len(text.split()) <= 1 and len(text) < 12:
            yield "removed", text
            yield "added", text
        else:
            yield kind, text


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """Put what was removed, and then what was added, between two unchanged spans together."""
    removed, added = "", ""
    for kind, text in spans:
        if kind == "removed":
            removed += text
        elif kind == "added":
            added += text
        else:
            yield from _changed(removed, added)
            removed, added = "", ""
            yield kind, text
    yield from _changed(removed, added)


def _changed(removed: str, added: str) -> Iterator[Span]:
    if removed:
        yield "removed", removed
    if added:
        yield "added", added
