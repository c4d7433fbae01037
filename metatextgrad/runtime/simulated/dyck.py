"""Work on a Dyck question: follow the brackets, close what is open, and slip as a small model would."""

import re
from collections.abc import Collection

from metatextgrad.runtime.simulated.chance import Luck
from metatextgrad.runtime.simulated.craft import Attempt, Channel, Evidence, Skill, any_of, slips_in

CLOSER = {"(": ")", "[": "]", "{": "}", "<": ">"}
BRACKETS = frozenset((*CLOSER, *CLOSER.values()))

SLIP = 0.11
"""Chance to lose track, for each symbol."""
FORGETS_OPENERS = 0.4
"""How often what it loses are openers, so that it stops early; else closers, so that it goes on too long."""
SLIP_IN_WRITING = 0.35
"""Share of it that is left when each step is written down."""
WRONG_ORDER = 0.5
STOP_EARLY = 0.26
"""For each closer due."""
GO_ON = 0.32
WRONG_TYPE = 0.06
"""For each closer due."""
REPEAT_INPUT = 0.36
NO_MARKER = 0.06
NO_MARKER_UNASKED = 0.5
SEEN = 0.6
"""What is left of a mistake about the end of the answer when the open brackets stand in the input."""
FOLLOW_COUNT = 0.5
"""How often a count that contradicts its own work is followed."""
LAPSE = 0.005
"""For each symbol: a slip that no advice prevents."""
TRUST = 0.88
"""How often earlier work is taken over."""
MOST_LINES = 8

_STACK = re.compile(
    r"^.*(?:stack|open at the end)[^:\n]*:[ ]*([()\[\]{}<> ]*|empty|nothing)$", re.IGNORECASE | re.MULTILINE
)
_OPEN = re.compile(r"^still open: (\d+)", re.IGNORECASE | re.MULTILINE)
_ANSWER = re.compile(r"^\W*(?:answer\W*:|the sequence is completed by)(.*)$", re.IGNORECASE | re.MULTILINE)


def solve(items: tuple[str, ...]) -> tuple[str, ...]:
    """Return the closers that are missing."""
    return closers(follow(items))


def closers(stack: Collection[str]) -> tuple[str, ...]:
    """Return the closers of a stack, the innermost first."""
    return tuple(CLOSER[opener] for opener in reversed(tuple(stack)))


def follow(items: tuple[str, ...], slips: Collection[int] = (), *, forgets_openers: bool = False) -> list[str]:
    """Return the stack at the end, having overlooked the closers, or else the openers, at these positions."""
    stack: list[str] = []
    for position, symbol in enumerate(items):
        if position in slips and (symbol in CLOSER) == forgets_openers:
            continue
        if symbol in CLOSER:
            stack.append(symbol)
        elif stack:
            stack.pop()
    return stack


def attempt(items: tuple[str, ...], skill: Skill, evidence: Evidence, luck: Luck) -> Attempt:
    """Answer a question, using what earlier work there is."""
    stack = _open_at_end(items, skill, evidence, luck)
    answer = _closed(stack, items, skill, evidence, luck)
    return Attempt(answer, (_listed(stack),))


def _open_at_end(items: tuple[str, ...], skill: Skill, evidence: Evidence, luck: Luck) -> list[str]:
    """Return the stack from earlier work, where it is trusted, or else from going through the sequence in the head."""
    if evidence.state is not None and luck.hits(Channel.TRUST, TRUST):
        return list(evidence.state)
    slips = slips_in(len(items), skill.risk("tracking", SLIP) + LAPSE, luck[Channel.SLIP])
    return follow(items, slips, forgets_openers=luck.hits(Channel.WHERE, FORGETS_OPENERS))


def _listed(stack: list[str]) -> str:
    return f"Open at the end: {' '.join(stack) or 'nothing'}"


def _closed(stack: list[str], items: tuple[str, ...], skill: Skill, evidence: Evidence, luck: Luck) -> tuple[str, ...]:
    answer = list(closers(stack))
    relief = SEEN if evidence.state is not None else 1.0
    if evidence.counted is not None:
        relief *= 0.5
        if evidence.counted != len(answer) and luck.hits(Channel.COUNT, FOLLOW_COUNT):
            answer = [*answer, *answer[-1:] * evidence.counted][: evidence.counted]
    if luck.hits(Channel.MISSING, any_of(len(answer), skill.risk("missing", STOP_EARLY, relief))):
        del answer[-1 - (len(answer) > 2 and luck[Channel.WHERE] < 0.3) :]
    matched = 0.5 if "extra" in evidence.listed else 1.0
    if luck.hits(Channel.EXTRA, skill.risk("extra", GO_ON, relief * matched)):
        answer.append(CLOSER[items[0]] if items and items[0] in CLOSER else ")")
    if luck.hits(Channel.ORDER, skill.risk("order", WRONG_ORDER, SEEN if evidence.state is not None else 1.0)):
        answer.reverse()
    paired = 0.4 if "types" in evidence.listed else 1.0
    if luck.hits(Channel.TYPES, any_of(len(answer), skill.risk("types", WRONG_TYPE, paired))):
        place = luck.pick(Channel.WHERE, len(answer))
        answer[place] = CLOSER[_other(next(o for o in CLOSER if CLOSER[o] == answer[place]), luck[Channel.WHERE])]
    if luck.hits(Channel.ECHO, skill.risk("echo", REPEAT_INPUT)):
        answer = [*items, *answer]
    return tuple(answer)


def _other(opener: str, choice: float) -> str:
    others = [bracket for bracket in CLOSER if bracket != opener]
    return others[int(choice * 997) % 3]


def work(items: tuple[str, ...], duties: Collection[str], skill: Skill, evidence: Evidence, luck: Luck) -> list[str]:
    """Write down the intermediate work that is asked for."""
    if "tracking" in duties:
        lines, stack = _traced(items, skill, luck)
    else:
        lines, stack = [], _open_at_end(items, skill, evidence, luck)
    if "missing" in duties or "order" in duties:
        lines.append(_listed(stack))
    if "missing" in duties:
        lines.append(f"Still open: {len(stack)} brackets")
    if "types" in duties:
        lines.append("Pairs: " + ", ".join(f"{opener} with {CLOSER[opener]}" for opener in dict.fromkeys(stack)))
    if "extra" in duties:
        lines.append(f"Matched already: {sum(symbol not in CLOSER for symbol in items)} pairs")
    return lines


def _traced(items: tuple[str, ...], skill: Skill, luck: Luck) -> tuple[list[str], list[str]]:
    """Go through the sequence in writing, and return the lines and the stack at the end."""
    risk = (skill.risk("tracking", SLIP) + LAPSE) * SLIP_IN_WRITING
    slips = slips_in(len(items), risk, luck[Channel.SLIP])
    forgets = luck.hits(Channel.WHERE, FORGETS_OPENERS)
    every = max(1, len(items) // MOST_LINES)
    ends = dict.fromkeys([*range(every, len(items), every), len(items)])
    stacks = {end: follow(items[:end], slips, forgets_openers=forgets) for end in ends}
    lines = [f"Stack after symbol {end}: {' '.join(stack) or 'empty'}" for end, stack in stacks.items()]
    return lines, stacks[len(items)]


def evidence_in(text: str) -> Evidence:
    """Find stacks, counts and drafts in a text."""
    if ":" not in text:
        return Evidence()
    stacks, counts = _STACK.findall(text), _OPEN.findall(text)
    listed = {name for name, mark in (("types", "Pairs: "), ("extra", "Matched already: ")) if mark in text}
    return Evidence(
        state=tuple(symbol for symbol in stacks[-1] if symbol in CLOSER) if stacks else None,
        listed=frozenset(listed),
        counted=int(counts[-1]) if counts else None,
        drafts=tuple(tuple(symbol for symbol in draft if symbol in BRACKETS) for draft in _ANSWER.findall(text)),
    )


def conclude(evidence: Evidence, skill: Skill, luck: Luck) -> tuple[str, ...]:
    """Answer from earlier work alone."""
    if evidence.drafts:
        return evidence.drafts[-1]
    stack = list(evidence.state or ())
    return _closed(stack, tuple(stack), skill, evidence, luck)


def faults(answer: tuple[str, ...], items: tuple[str, ...] | None) -> int:
    """Count what is visibly wrong with an answer, without solving the question."""
    del items  # the form of the answer shows it
    return int(not answer) + 2 * any(symbol in CLOSER for symbol in answer)


def state_answer(answer: tuple[str, ...], skill: Skill, luck: Luck) -> str:
    """Write the last line of a reply."""
    asked = skill.own.addresses("format")
    if luck.hits(Channel.FORMAT, skill.risk("format", NO_MARKER if asked else NO_MARKER_UNASKED)):
        return f"The sequence is completed by {' '.join(answer) or 'nothing'}, and then all brackets are closed."
    return f"Answer: {' '.join(answer) or 'nothing is missing'}"
