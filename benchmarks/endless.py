"""A model that always has another text to propose, and a small task for it: what the measurements run on."""

import json
import re
from collections.abc import Sequence
from typing import Protocol

from langchain_core.messages import BaseMessage

from metatextgrad.core.program import chain_of_thought
from metatextgrad.core.task import Example, Score, Task
from metatextgrad.runtime.meter import LEVELS
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.simulated import SimulatedModel

FILLER = " ".join(["Read the question with care, and write the answer on the last line."] * 20)


class Endless(SimulatedModel):
    """Proposes texts of a kilobyte with a number that grows; it decides which questions are answered rightly."""

    def reply(self, messages: Sequence[BaseMessage], draw: str, temperature: float) -> str:
        """Answer as `answer` does."""
        return answer(messages)


class Asked(Protocol):
    """A message, as far as it is looked at."""

    @property
    def text(self) -> str: ...


def answer(messages: Sequence[Asked]) -> str:
    """Answer a question, criticise an answer or rewrite a text, whichever is asked for."""
    asked = messages[-1].text
    if "<TEXT>" in asked:
        return json.dumps({"improved_text": f"{FILLER} [{_number(asked) + 1}]"})
    if "<FEEDBACK>" in asked:
        return json.dumps({"instructions": f"{FILLER} The answer was wrong."})
    number, question = _number(messages[0].text), int(asked.split()[-1])
    return f"{FILLER}\nAnswer: {question if (question * 7 + number) % 5 == 0 else '?'}"


def _number(text: str) -> int:
    found = re.search(r"\[(\d+)\]", text)
    return int(found.group(1)) if found else 0


def models(latency_seconds: float = 0.0) -> Models:
    """Return the model at every level."""
    model = Endless(latency_seconds=latency_seconds)
    return Models(chat=dict.fromkeys(LEVELS, model), names={level: f"simulated:endless-{level}" for level in LEVELS})


def task(train: int, val: int, test: int) -> Task:
    """Return a task of numbered questions."""
    train_set, val_set, test_set = (
        tuple(Example(id=f"{split}/{n}", input=f"{split} question {n}", target=str(n)) for n in range(count))
        for split, count in (("train", train), ("val", val), ("test", test))
    )
    program = chain_of_thought("endless", f"{FILLER} [0]")
    return Task("endless", "numbers", program, train_set, val_set, test_set, _exact, metric_name="exact")


def _exact(prediction: str, example: Example) -> Score:
    return Score(value=float(prediction.rpartition("Answer: ")[2] == example.target))
