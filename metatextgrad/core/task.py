"""Tasks: pure data that says what to optimize."""

from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from typing_extensions import TypeIs

from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import Value, content_id
from metatextgrad.core.program import Program

Split = Literal["train", "val", "test"]


class Example(Value):
    """One data item."""

    id: str
    input: str
    """What programs read as `question`."""
    target: str
    fields: dict[str, str] = {}
    """Further named values that programs may read."""

    def values(self) -> dict[str, str]:
        """Return the named values a program starts from; the target is not among them."""
        return {"question": self.input, **self.fields}


class Score(Value):
    """The metric's verdict on one prediction."""

    value: float | None
    """From 0 (wrong) to 1 (right). None means unscored, which is not the same as wrong."""
    feedback: str = ""
    """Why; the start of the textual gradient. Empty lets the project write one from prediction and target."""

    @classmethod
    def unscored(cls, reason: str) -> "Score":
        """Return a score that is kept but left out of every mean."""
        return cls(value=None, feedback=reason)


@runtime_checkable
class Metric(Protocol):
    """Scores one prediction against one example."""

    def __call__(self, prediction: str, example: Example) -> Score: ...


class Ask(Protocol):
    """Asks the judge's model whether a prediction agrees with the target of its example.

    The call goes through the ledger, so it is counted, and made once.
    """

    async def __call__(self, prediction: str, example: Example) -> bool: ...


class JudgedMetric(Protocol):
    """A metric that may ask the judge's model. As a `Metric` it says what it can without one."""

    def __call__(self, prediction: str, example: Example) -> Score: ...

    async def judge(self, prediction: str, example: Example, ask: Ask) -> Score: ...


def is_judged(metric: Metric) -> TypeIs[JudgedMetric]:
    """Tell whether a metric may ask the judge's model."""
    return hasattr(metric, "judge")


@dataclass(frozen=True)
class Task:
    """What to optimize: data in three disjoint sets, a metric, and the program to start from.

    Raises:
        InputError: a set is empty, or one example stands in two sets.
    """

    name: str
    question_type: str
    """The kind of question in a few words; shown to the meta-prompt optimizer (paper 1.5)."""
    program: Program
    """Where every inner loop starts (paper Algorithm 2)."""
    trainset: tuple[Example, ...]
    valset: tuple[Example, ...]
    testset: tuple[Example, ...]
    metric: Metric = field(repr=False)
    metric_name: str = ""

    def __post_init__(self) -> None:
        """Check that the sets can carry an optimization."""
        seen: dict[str, str] = {}
        for split in ("train", "val", "test"):
            examples = self.split(split)
            if not examples:
                raise InputError(f"Task {self.name!r}: the {split} set is empty; give it at least one example.")
            for example in examples:
                other = seen.setdefault(content_id([example.input, example.fields]), split)
                if other != split:
                    raise InputError(
                        f"Task {self.name!r}: example {example.id!r} stands in the {other} set and in the {split} set; "
                        "keep the sets disjoint, or the scores mean nothing."
                    )

    def split(self, name: Split) -> tuple[Example, ...]:
        """Return one of the three sets."""
        return {"train": self.trainset, "val": self.valset, "test": self.testset}[name]

    @property
    def id(self) -> str:
        """Hash the data, the metric's name and the initial program."""
        sets = [[example.model_dump() for example in self.split(name)] for name in ("train", "val", "test")]
        return content_id([self.name, self.question_type, self.metric_name, self.program.id, sets])
