"""Work on a Word Sorting question: order the words, and slip as a small model would."""

import re
from collections import Counter
from collections.abc import Collection
from itertools import groupby, pairwise

from metatextgrad.runtime.simulated.chance import Luck
from metatextgrad.runtime.simulated.craft import Attempt, Channel, Evidence, Skill, any_of

FIRST_LETTER_ONLY = 0.10
"""Chance to look at the first letters only, for each pair of neighbours that begin alike."""
MISPLACE = 0.018
"""For each word."""
LOSE = 0.014
"""For each word."""
REPEAT = 0.007
"""For each word."""
REMARK = 0.09
NO_MARKER = 0.05
NO_MARKER_UNASKED = 0.5
LAPSE = 0.012
"""For each word: a slip that no advice prevents."""
TRUST = 0.88

_GROUP = re.compile(r"^group (\S+): (.*)$", re.IGNORECASE | re.MULTILINE)
_COUNT = re.compile(r"^number of words: (\d+)", re.IGNORECASE | re.MULTILINE)
_ANSWER = re.compile(r"^\W*(?:answer\W*:|in alphabetical order the words are)(.*)$", re.IGNORECASE | re.MULTILINE)


def solve(items: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words in order."""
    return tuple(sorted(items))


def attempt(items: tuple[str, ...], skill: Skill, evidence: Evidence, luck: Luck) -> Attempt:
    """Answer a question, using what earlier work there is."""
    evidence = _trusted(evidence, luck)
    start = items if evidence.state is None else evidence.state
    return Attempt(_ordered(start, skill, evidence, luck), (f"There are {len(start)} words to order.",))


def _trusted(evidence: Evidence, luck: Luck) -> Evidence:
    """Return the evidence, without its state when that is not believed."""
    return evidence if luck.hits(Channel.TRUST, TRUST) else evidence._replace(state=None)


def _ordered(start: tuple[str, ...], skill: Skill, evidence: Evidence, luck: Luck) -> tuple[str, ...]:
    grouped = evidence.state is not None
    ordered = grouped and list(start) == sorted(start)
    compared = 0.45 if "letters" in evidence.listed or ordered else 1.0
    answer = _compared(sorted(start), skill.risk("letters", FIRST_LETTER_ONLY, compared), luck)
    if luck.hits(Channel.ORDER, any_of(len(answer), skill.risk("placing", MISPLACE, 0.35 if grouped else 1.0))):
        _displace(answer, luck)
    if luck.hits(Channel.LAPSE, any_of(len(answer), LAPSE * (0.5 if grouped else 1.0))):
        _displace(answer, luck)
    counted = 0.5 if evidence.counted == len(start) else 1.0
    if luck.hits(Channel.MISSING, any_of(len(answer), skill.risk("lost", LOSE, counted))):
        del answer[luck.pick(Channel.WHERE, len(answer))]
    if answer and luck.hits(Channel.EXTRA, any_of(len(answer), skill.risk("repeated", REPEAT, counted))):
        place = luck.pick(Channel.WHERE, len(answer))
        answer.insert(place, answer[place])
    return tuple(answer)


def _displace(answer: list[str], luck: Luck) -> None:
    """Move one word to another place."""
    word = answer.pop(luck.pick(Channel.WHERE, len(answer)))
    answer.insert(luck.pick(Channel.PLAN, len(answer) + 1), word)


def _compared(words: list[str], risk: float, luck: Luck) -> list[str]:
    """Swap two neighbours that begin alike when the comparison stops at the first letter."""
    alike = [place for place, (left, right) in enumerate(pairwise(words)) if left[0] == right[0]]
    if alike and luck.hits(Channel.SLIP, any_of(len(alike), risk)):
        place = alike[luck.pick(Channel.WHERE, len(alike))]
        words[place], words[place + 1] = words[place + 1], words[place]
    return words


def work(items: tuple[str, ...], duties: Collection[str], skill: Skill, evidence: Evidence, luck: Luck) -> list[str]:
    """Write down the intermediate work that is asked for."""
    lines: list[str] = []
    kept = list(_trusted(evidence, luck).state or items)
    if luck.hits(Channel.MISSING, any_of(len(kept), skill.risk("lost", LOSE, 0.6))):
        del kept[luck.pick(Channel.WHERE, len(kept))]
    if "lost" in duties:
        lines.append(f"Number of words: {len(kept)}")
    if "placing" in duties:
        within = (
            _compared(sorted(kept), skill.risk("letters", FIRST_LETTER_ONLY), luck) if "letters" in duties else kept
        )
        groups = groupby(sorted(within, key=lambda word: word[0]), key=lambda word: word[0])
        lines.extend(f"Group {letter}: {' '.join(words)}" for letter, words in groups)
    elif "letters" in duties:
        words = _compared(sorted(kept), skill.risk("letters", FIRST_LETTER_ONLY, 0.6), luck)
        alike = [f"{left} before {right}" for left, right in pairwise(words) if left[0] == right[0]]
        lines.append("Compared: " + ("; ".join(alike) or "no two words begin alike"))
    return lines


def evidence_in(text: str) -> Evidence:
    """Find groups, counts and drafts in a text."""
    if ":" not in text:
        return Evidence()
    groups, counts = _last_listing(_GROUP.findall(text)), _COUNT.findall(text)
    return Evidence(
        state=tuple(word for _, group in groups for word in group.split()) if groups else None,
        listed=frozenset({"letters"} if "Compared: " in text else ()),
        counted=int(counts[-1]) if counts else None,
        drafts=tuple(tuple(draft.replace(",", " ").split()) for draft in _ANSWER.findall(text)),
    )


def _last_listing(groups: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the groups from the last point where the letters begin again."""
    start = max((place for place in range(1, len(groups)) if groups[place][0] <= groups[place - 1][0]), default=0)
    return groups[start:]


def conclude(evidence: Evidence, skill: Skill, luck: Luck) -> tuple[str, ...]:
    """Answer from earlier work alone."""
    if evidence.drafts:
        return evidence.drafts[-1]
    return _ordered(evidence.state or (), skill, evidence, luck)


def faults(answer: tuple[str, ...], items: tuple[str, ...] | None) -> int:
    """Count what is visibly wrong with an answer, without solving the question."""
    wrong = int(not answer) + sum(left[0] > right[0] for left, right in pairwise(answer))
    if items is not None:
        wrong += sum((Counter(answer) - Counter(items)).values()) + sum((Counter(items) - Counter(answer)).values())
    return wrong


def state_answer(answer: tuple[str, ...], skill: Skill, luck: Luck) -> str:
    """Write the last line of a reply."""
    asked = skill.own.addresses("format")
    text = " ".join(answer)
    if luck.hits(Channel.FORMAT, skill.risk("format", NO_MARKER if asked else NO_MARKER_UNASKED)):
        return f"In alphabetical order the words are {text}."
    if luck.hits(Channel.ECHO, skill.risk("chatter", REMARK)):
        return f"Answer: {text} (in alphabetical order)"
    return f"Answer: {text}"
