"""Worlds that decide what every model says: as plain decisions, and as replies to the prompts that ask for them.

A program is a chain of calls with a number hidden in each one's instructions, `[n=7]`; the sum of the numbers decides
which questions it answers. An optimizer's stage has a number too, `[o=7]`, which decides what numbers it writes. None
is a reply that cannot be used, not even the second time.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage

from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Llm, Program
from metatextgrad.core.task import Task
from metatextgrad.runtime.meter import Level
from tests.scripted import tiny_task

Sketch = tuple[tuple[str, int], ...]
"""A program: the names of its calls and their numbers."""
Plan = tuple[Any, ...]
"""A schedule: ("use", name), ("stage", kind, number), ("chain", plans), ("repeat", plan, times), ..."""
INITIAL: Sketch = (("answer", 3),)
NAMES = ("first", "second", "third")
BAD = (
    "I would rather not.",
    "{not JSON",
    '{"else": 1}',
    '{"improved_text": ""}',
    '{"improved_text": "Without the placeholder. [n=4]"}',
    '{"improved_instructions": "Without the placeholder. [o=4]"}',
    '{"components": []}',
    "<think>What if",
)
PLANS: tuple[Callable[[Plan, Plan, Plan], Plan], ...] = (
    lambda a, b, own: a,
    lambda a, b, own: ("chain", (a, b)),
    lambda a, b, own: ("chain", (("repeat", a, 2), own)),
    lambda a, b, own: ("alternate", (a, b, own)),
    lambda a, b, own: ("on_plateau", a, own, 1),
    lambda a, b, own: ("best_of", (own, b)),
    lambda a, b, own: ("chain", (own, ("best_of", (a, b)))),
    lambda a, b, own: ("repeat", ("chain", (own, b)), 3),
)


def text(number: int) -> str:
    return f"Answer with {{care}}. [n={number}]"


def program(sketch: Sketch) -> Program:
    """Write a sketch out; each call sees the question and what the one before wrote."""
    before = [None, *(name for name, _ in sketch)]
    parts = [
        Llm(name=name, instructions=text(n), template="{question}" + (f"\nNotes: {{{last}}}" if last else ""))
        for last, (name, n) in zip(before, sketch, strict=False)
    ]
    return Program(name="world", components=tuple(parts))


def advice(number: int) -> str:
    """Return the instructions of an optimizer's stage."""
    return f"Improve {{what}} you see. [o={number}]"


def numbers(letter: str, written: str) -> tuple[int, ...]:
    return tuple(int(found) for found in re.findall(rf"\[{letter}=(\d+)\]", written))


def numbers_of(optimizer: Optimizer) -> tuple[int, ...]:
    return tuple(n for stage in optimizer.stages() for n in numbers("o", stage.instructions))


@dataclass
class World:
    """All decisions follow from the seed and from what a model is shown."""

    seed: int
    sizes: tuple[int, int, int] = (7, 8, 4)
    merges: Counter[str] = field(default_factory=Counter)
    """How often each merge was asked for: the prompt stays the same until one is accepted."""

    def roll(self, *key: object) -> random.Random:
        return random.Random(repr((self.seed, key)))

    def task(self) -> Task:
        return tiny_task(program(INITIAL), sizes=self.sizes, name="world")

    def is_right(self, total: int, question: str) -> bool:
        return self.roll("right", question, total % 4).random() < total % 11 / 10

    def is_broken(self, number: int) -> bool:
        """Tell whether instructions make the model say nothing at all."""
        return number % 13 == 12

    def blame(self, number: int, question: str, feedback: Sequence[str]) -> tuple[str, str] | None:
        """Return feedback on the instructions, and on the text that was read."""
        roll = self.roll("blame", number, question, tuple(feedback))
        words = (f"hint {roll.randrange(99)}", f"carry {roll.randrange(99)}")
        return (
            None
            if roll.random() < 0.08
            else roll.choice([words, words, words, ("", words[1]), (words[0], ""), ("", "")])
        )

    def rewrite(self, advised: int, number: int, criticisms: Sequence[str]) -> int | None:
        roll = self.roll("rewrite", advised, number, tuple(criticisms))
        return None if roll.random() < 0.1 else roll.choice([number, *(roll.randrange(30) for _ in range(9))])

    def redesign(self, advised: int, given: Sequence[int], criticisms: Sequence[str]) -> Sketch | None:
        roll = self.roll("redesign", advised, tuple(given), tuple(criticisms))
        if roll.random() < 0.2:
            return None
        return tuple((name, roll.randrange(15)) for name in NAMES[: roll.randint(1, 3)])

    def instruct(self, advised: int, questions: Sequence[str]) -> int | None:
        roll = self.roll("instruct", advised, tuple(questions))
        return None if roll.random() < 0.2 else roll.randrange(1000)

    def merge(self, incumbent: Sequence[int], turn: int, names: Sequence[str]) -> Plan | None:
        roll = self.roll("merge", tuple(incumbent), turn)
        if roll.random() < 0.2:
            return None
        own = ("stage", roll.choice(["textual_gradient", "structure"]), roll.randrange(1000))
        return roll.choice(PLANS)(("use", roll.choice(names)), ("use", roll.choice(names)), own)

    def reply(self, messages: Sequence[BaseMessage], level: Level) -> str:
        """Read the prompt, decide, and write the reply; one reply in eight can be used only when asked for again."""
        system, human = messages[0].text, messages[1].text
        if level == "program":
            return self._answer(system, human)
        again = len(messages) > 2
        decided = self._decided(system, human, again)
        stumbles = self.roll("stumble", system, human).random() < 0.125
        if decided is None or (stumbles and not again):
            return self.roll("bad", human, again).choice(BAD)
        written = json.dumps(decided)
        return self.roll("style", human).choice(
            [written, f"Here it is:\n```json\n{written}\n```", f"<think>Hm.</think>{written}"]
        )

    def _answer(self, system: str, human: str) -> str:
        (own,) = numbers("n", system)
        question, _, notes = human.partition("\nNotes: ")
        carried = re.search(r"sum (\d+)", notes)
        total = own + (int(carried.group(1)) if carried else 0)
        said = question.rpartition(" ")[2] if self.is_right(total, question) else "unknown"
        return "" if self.is_broken(own) else f"sum {total}\nAnswer: {said}"

    def _decided(self, system: str, human: str, again: bool) -> Any:
        if "<INCUMBENT" in human:
            return self._decided_merge(human, again)
        if "<QUESTION_TYPE>" in human and "<PROGRAM>" in human:
            return self._decided_redesign(system, human)
        if "<OPTIMIZER>" in human:
            number = self.instruct(numbers("o", human.rpartition("<INSTRUCTIONS>")[2])[0], between("QUESTION", human))
            return None if number is None else {"improved_instructions": advice(number)}
        if "<TEXT>" in human:
            number = self.rewrite(numbers("o", system)[0], numbers("n", human)[0], between("CRITICISM", human))
            return None if number is None else {"improved_text": text(number)}
        return self._decided_blame(human)

    def _decided_blame(self, human: str) -> Any:
        (asked,) = between("INPUT", human)
        said = re.findall(r"^\[\d+\] (.*)$", between("FEEDBACK", human)[0], re.MULTILINE)
        decided = self.blame(numbers("n", human)[0], asked.partition("\n")[0], said)
        sources = re.findall(r'<READ name="([^"]+)">', human)
        return None if decided is None else {"instructions": decided[0], "reads": dict.fromkeys(sources, decided[1])}

    def _decided_redesign(self, system: str, human: str) -> Any:
        given = numbers("n", between("PROGRAM", human)[0])
        sketch = self.redesign(numbers("o", system)[0], given, between("CRITICISM", human))
        return None if sketch is None else {"components": program(sketch).model_dump(mode="json")["components"]}

    def _decided_merge(self, human: str, again: bool) -> Any:
        self.merges[human] += not again
        incumbent = numbers("o", human.rpartition("<INCUMBENT")[2])
        names = re.findall(r'<OPTIMIZER name="([^"]+)"', human)
        plan = self.merge(incumbent, self.merges[human], names)
        return None if plan is None else {"name": "merged", "purpose": "all of it", "schedule": as_json(plan)}


def between(tag: str, human: str) -> list[str]:
    return re.findall(rf"<{tag}>\n(.*?)\n</{tag}>", human, re.DOTALL)


def as_json(plan: Plan) -> dict[str, Any]:
    match plan:
        case ("use", name):
            return {"op": "use", "optimizer": name}
        case ("stage", kind, number):
            return {"op": "stage", "kind": kind, "instructions": advice(number)}
        case ("repeat", part, times):
            return {"op": "repeat", "part": as_json(part), "times": times}
        case ("on_plateau", first, then, patience):
            return {"op": "on_plateau", "first": as_json(first), "then": as_json(then), "patience": patience}
        case (op, parts):
            return {"op": op, "parts": [as_json(part) for part in parts]}
    raise ValueError(plan)
