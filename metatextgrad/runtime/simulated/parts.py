"""The parts of a program that a designer writes, and changes to a program in one place."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from metatextgrad.runtime.simulated.focus import Author
from metatextgrad.runtime.simulated.lexicon import CONCEPTS

FORGETS_QUESTION = 0.3
FORGETS_QUESTION_WHEN_TOLD = 0.04
FORGETS_FORM = 0.12
STAGED = 0.7
"""How often a concept that the author's instructions name gets a component of its own."""
STAGED_WHEN_BLAMED = 0.12
"""The same for a concept that only the feedback speaks of."""
NO_STAGE = frozenset({"order", "check"})
"""Concepts whose components stand at the end."""
IN_FOCUS = 0.4
"""What a focus on the task leaves of forgetting."""
FORM = "End with one last line 'Answer: ...' that holds the answer, its parts separated by spaces."

Component = dict[str, Any]


class Parts:
    """Writes components for one design."""

    def __init__(
        self, author: Author, blamed: Mapping[str, float], whole_question: bool, remembered: Sequence[str] = ()
    ) -> None:
        self.author = author
        self.blamed = blamed
        self.remembered = remembered
        focus = IN_FOCUS if author.focus else 1.0
        self.forgets_question = FORGETS_QUESTION_WHEN_TOLD if whole_question else FORGETS_QUESTION * focus
        self.forgets_form = FORGETS_FORM * focus

    def call(self, name: str, instructions: str, *reads: tuple[str, str], advice: Sequence[str] = ()) -> Component:
        """Write a call; it reads the question, unless the designer forgets it, and the labelled values."""
        parts = [f"{label}:\n{{{value}}}" for label, value in reads]
        if not reads or not self.author.happens(self.forgets_question):
            parts.insert(0, "{question}")
        text = "\n".join([instructions, *advice, *self.author.chatter()])
        role = name.replace("_", " ")
        return {"kind": "llm", "name": name, "role": role, "instructions": text, "template": "\n\n".join(parts)}

    def final(self, name: str, instructions: str, *reads: tuple[str, str]) -> Component:
        """Write a call that answers, with advice from the feedback and from the old prompts."""
        made = self.call(name, instructions, *reads, advice=[*self.remembered, *self.advice()])
        if not self.author.happens(self.forgets_form):
            made["instructions"] += f"\n{FORM}"
        return made

    def advice(self) -> list[str]:
        """Return advice on what the feedback blames and what the focus names."""
        weights = {name: weight for name, weight in self.blamed.items() if name != "format"}
        drawn = self.author.draw(weights, self.author.capacity())
        return [self.author.advice(name, without="\n".join(self.remembered)) for name in drawn]

    def stage(self, name: str, *reads: tuple[str, str]) -> Component:
        """Write a component that works on one concept."""
        concept = self.author.concept(name)
        return self.call(concept.stage, f"{concept.duty} Do not answer the question yet.", *reads)

    def pipeline(self, stages: Sequence[str]) -> list[Component]:
        """Write one component for each stage, each reading the ones before it, and an answer at the end."""
        made: list[Component] = []
        reads: list[tuple[str, str]] = []
        for name in stages:
            made.append(self.stage(name, *reads))
            reads.append((made[-1]["name"].capitalize(), made[-1]["name"]))
        made.append(self.final("answer", "Answer the question, using the work below.", *reads))
        if "check" in self.blamed or self.author.happens(0.25):
            check = self.author.concept("check")
            made.append(self.final(check.stage, check.duty, *reads, ("Draft", "answer")))
        return made


def task_stages(author: Author, blamed: Mapping[str, float], most: int) -> list[str]:
    """Choose the concepts that get a component of their own."""

    def likely(name: str) -> float:
        return STAGED if name in author.focus else STAGED_WHEN_BLAMED if name in blamed else 0.0

    staged = [concept.name for concept in CONCEPTS[author.kind] if concept.stage and concept.name not in NO_STAGE]
    chosen = [name for name in staged if author.happens(likely(name))]
    author.rng.shuffle(chosen)
    return chosen[:most]


def adapted(components: list[Component], parts: Parts) -> list[Component]:
    """Change a program in one place: advice, a forgotten question, or a new component before the answer."""
    changed = copy.deepcopy(components)
    callers = [part for part in changed if part.get("kind") == "llm"]
    blind = [part for part in callers if "{question}" not in part.get("template", "{question}")]
    if blind and parts.author.happens(1 - 2 * parts.forgets_question):
        part = parts.author.rng.choice(blind)
        part["template"] = "{question}\n\n" + part["template"]
    taken = {str(part.get("name")) for part in changed}
    stages = [
        name for name in task_stages(parts.author, parts.blamed, 1) if parts.author.concept(name).stage not in taken
    ]
    last = callers[-1]
    if stages and changed[-1] is last and parts.author.happens(0.5):
        stage = parts.stage(stages[0])
        read = f"{stage['name'].capitalize()}:\n{{{stage['name']}}}"
        last["template"] = f"{last.get('template', '{question}')}\n\n{read}"
        return [stage, *changed]
    target = last if parts.author.happens(0.7) else parts.author.rng.choice(callers)
    fresh = [line for line in [*parts.advice(), *parts.author.chatter()] if line not in target["instructions"]]
    target["instructions"] = "\n".join([target["instructions"], *fresh])
    return changed
