"""The program level: work on the question that the messages hold, as a small model would.

What a call does follows from its own instructions and input alone: it answers, plans, writes intermediate work, checks
a draft, or chooses among candidates. It sees no label, and it does not know which program it is a part of.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from langchain_core.messages import BaseMessage

from metatextgrad.runtime.simulated import dyck, sorting
from metatextgrad.runtime.simulated.base import NOT_COVERED, SimulatedModel
from metatextgrad.runtime.simulated.chance import Luck
from metatextgrad.runtime.simulated.craft import Channel, Craft, Evidence, Skill
from metatextgrad.runtime.simulated.lexicon import CONCEPTS
from metatextgrad.runtime.simulated.questions import Kind, Question, kind_of_text, question_in
from metatextgrad.runtime.simulated.reading import Reading, concepts_of, read, sentences

CRAFTS: Mapping[Kind, Craft] = {"dyck": dyck, "sorting": sorting}

FOLLOW_DRAFT = 0.7
"""How often a call that is not asked to check takes over a draft that it reads."""
NOTICE = 0.5
"""How often a fault that shows without solving the question is noticed."""
DETECT = 0.2
DETECT_ASKED = 0.35
"""What instructions about checking add at the most."""
FALSE_ALARM = 0.08
HASTE = 0.3
"""How often a call with vague instructions jumps to an answer."""
PLANNED = 0.85
PLANNED_UNTOLD = 0.15
"""How often a step that the instructions speak of comes into a plan, and one that they do not."""
GOLDEN = 0.618
"""Spreads one number evenly over many decisions."""
CLUTTER = 0.4
"""A sentence of the input that says nothing about the question counts as so much of one beside the point."""
MOST_CLUTTER = 4.0

Act = Literal["answer", "plan", "work", "check"]

_NOT_ANSWER = re.compile(
    r"(?:do not|don't|without) (?:yet )?"
    r"(?:answer|solv|sort|complet|giving|give (?:the|an?|your) (?:answer|solution|result))",
    re.IGNORECASE,
)
_ASKS_ANSWER = re.compile(
    r"answer\W{0,3}:|final answer|answer (?:the|a)\b|give the answer|\bsolve\b|complete the|sort the words|"
    r"write the (?:\w+ )?(?:clos(?:ing|ers)|sorted)",
    re.IGNORECASE,
)
_CHECK = re.compile(
    r"\b(?:check|verify|validate|review|critici[sz]e|correct|improve)\b[^.]*\b(?:draft|answer|solution|result)",
    re.IGNORECASE,
)
_CARRY_OUT = re.compile(r"\b(?:carry out|perform|execute|do) (?:this|the|one|your)\b", re.IGNORECASE)
_PLAN = re.compile(r"\b(?:plan|outline|decompose|break (?:it|the \w+) down|steps)\b", re.IGNORECASE)
_WORK = re.compile(
    r"\b(?:list|track|trace|write|identify|parse|group|count|analy[sz]e|extract|number|note|describe|simulate|record|"
    r"match|compare|carry out|perform|restate|abstract|principle)\b",
    re.IGNORECASE,
)
_OWN_LINES = re.compile(
    r"^(?:stack after|open at the end|still open|pairs|matched already|group \S+|number of words|compared|"
    r"\W*answer\W*:|there are \d+ words|\[\d+\]|end with one line).*$",
    re.IGNORECASE | re.MULTILINE,
)
_CANDIDATE = re.compile(r"^\[\d+\]\n(.*?)(?=^\[\d+\]$|\nEnd with one line|\Z)", re.MULTILINE | re.DOTALL)


class Input(NamedTuple):
    """The messages of a call, as far as they matter."""

    system: str
    user: str
    demonstrations: int
    question: Question | None
    kind: Kind


class SimulatedProgramModel(SimulatedModel):
    """A small model that covers two tasks."""

    def reply(self, messages: Sequence[BaseMessage], draw: str, temperature: float) -> str:
        """Work on the question in the messages."""
        texts = [str(message.text) for message in messages]
        given = _input(messages, texts)
        if given is None:
            return NOT_COVERED
        luck = Luck(
            " ".join(given.question.items) if given.question else given.user, "\x1e".join(texts), draw, temperature
        )
        if "Candidates:" in given.user and "Best:" in given.user:
            return _select(given, luck)
        return _act(given, luck)


def _input(messages: Sequence[BaseMessage], texts: list[str]) -> Input | None:
    system = "\n".join(text for message, text in zip(messages, texts, strict=True) if message.type == "system")
    human = [text for message, text in zip(messages, texts, strict=True) if message.type == "human"]
    if not human:
        return None
    user, earlier = human[-1], human[:-1]
    question = question_in(user)
    kind = question.kind if question else kind_of_text(f"{user}\n{system}") or _kind_of_work(user)
    if kind is None:
        return None
    shown = sum(1 for text in earlier if (found := question_in(text)) and found.kind == kind)
    return Input(system, user, shown, question, kind)


def _kind_of_work(user: str) -> Kind | None:
    """Return what earlier work in the input is about, when neither a question nor the words say it."""
    return next((kind for kind, craft in CRAFTS.items() if craft.evidence_in(user).state is not None), None)


@lru_cache(maxsize=4096)
def act_of(system: str) -> Act:
    """Return what the instructions ask for."""
    opening = " ".join(sentences(system)[:2])
    answers = bool(_ASKS_ANSWER.search(system)) and not _NOT_ANSWER.search(system)
    if _CHECK.search(opening):
        return "check"
    if answers:
        return "answer"
    if _CARRY_OUT.search(opening):
        return "work"
    if _PLAN.search(opening):
        return "plan"
    return "work" if _WORK.search(system) or _NOT_ANSWER.search(system) else "answer"


def _act(given: Input, luck: Luck) -> str:
    craft = CRAFTS[given.kind]
    rest = _around(given)
    evidence = craft.evidence_in(rest) if rest else Evidence()
    blind = given.question is None
    skill = Skill(read(given.kind, given.system), _notes(given.kind, rest), given.demonstrations, blind)
    if given.question is None:
        return _without_question(craft, evidence, skill, luck)
    act = act_of(given.system)
    if act == "plan":
        return _plan(given.kind, skill.own, luck)
    if act == "work":
        return _work(given, craft, skill, evidence, luck)
    lines, answer = _answer(given.question, craft, skill, evidence, luck, checking=act == "check")
    return "\n".join([*lines, craft.state_answer(answer, skill, luck)])


def _around(given: Input) -> str:
    """Return the input without the question."""
    if given.question is None:
        return given.user
    start, end = given.question.span
    return (given.user[:start] + "\n" + given.user[end:]).strip()


def _notes(kind: Kind, rest: str) -> Reading | None:
    """Read the part of the input that is neither question nor worked-out evidence."""
    text = _OWN_LINES.sub("", rest)
    lines = sentences(text)
    if not lines:
        return None
    clutter = sum(1 for line in lines if not concepts_of(kind, line) and line.count(" ") > 2)
    return Reading(read(kind, text).left, min(MOST_CLUTTER, CLUTTER * clutter))


def _answer(
    question: Question, craft: Craft, skill: Skill, evidence: Evidence, luck: Luck, *, checking: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    own = craft.attempt(question.items, skill, evidence, luck)
    if not evidence.drafts:
        return own.lines, own.answer
    draft = Counter(evidence.drafts).most_common(1)[0][0]
    if draft == own.answer:
        return own.lines, draft
    shows = craft.faults(draft, question.items) > craft.faults(own.answer, question.items)
    if shows and luck.hits(Channel.NOTICE, NOTICE):
        return own.lines, own.answer
    if not checking:
        return own.lines, draft if luck.hits(Channel.JUDGE, FOLLOW_DRAFT) else own.answer
    right = draft == craft.solve(question.items)
    asked = 1 - skill.own.left["check"]
    doubt = FALSE_ALARM if right else DETECT + DETECT_ASKED * asked
    if luck.hits(Channel.JUDGE, doubt):
        return (*own.lines, "The draft is wrong."), own.answer
    return ("The draft holds.",), draft


def _without_question(craft: Craft, evidence: Evidence, skill: Skill, luck: Luck) -> str:
    if not evidence.found:
        return "The input does not hold the question itself, so there is nothing that could be worked on."
    return craft.state_answer(craft.conclude(evidence, skill, luck), skill, luck)


def _plan(kind: Kind, own: Reading, luck: Luck) -> str:
    """Write steps: those that the instructions speak of, and few others."""
    steps = ["Read the question with care."]
    for position, concept in enumerate(CONCEPTS[kind]):
        chance = (luck[Channel.PLAN] + GOLDEN * position) % 1
        if concept.name != "format" and chance < (PLANNED if own.addresses(concept.name) else PLANNED_UNTOLD):
            steps.append(concept.advice[0])
    steps.append("Give the result.")
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _work(given: Input, craft: Craft, skill: Skill, evidence: Evidence, luck: Luck) -> str:
    assert given.question is not None, "the caller saw to it"
    duties = skill.own.concepts or (skill.notes.concepts if skill.notes else ())
    lines = craft.work(given.question.items, duties, skill, evidence, luck)
    if lines:
        return "\n".join(lines)
    vague = [
        "This needs care and has to be looked at from several sides.",
        "The main point is to find out what is asked.",
    ]
    if luck.hits(Channel.HASTE, HASTE):
        vague.append("Answer: " + " ".join(craft.attempt(given.question.items, skill, evidence, luck).answer))
    return "\n".join(vague)


def _select(given: Input, luck: Luck) -> str:
    """Choose the candidate with the fewest visible faults; among equals the one that agrees with its own attempt."""
    craft = CRAFTS[given.kind]
    head, _, tail = given.user.partition("Candidates:")
    items = given.question.items if given.question else None
    found = [craft.evidence_in(text).drafts for text in _CANDIDATE.findall(tail)]
    answers = [drafts[-1] if drafts else () for drafts in found]
    skill = Skill(read(given.kind, given.system), _notes(given.kind, head), given.demonstrations)
    own = craft.attempt(items, skill, Evidence(), luck).answer if items else None
    votes, notices = Counter(answers), luck.hits(Channel.NOTICE, NOTICE)

    def worth(place: int) -> tuple[float, int]:
        answer = answers[place]
        faulty = notices and craft.faults(answer, items) > 0
        return (answer == own) + 0.5 * votes[answer] - faulty, -place

    best = max(range(len(answers)), key=worth) if answers else 0
    return f"Candidate {best + 1} has the fewest faults.\nBest: {best + 1}"
