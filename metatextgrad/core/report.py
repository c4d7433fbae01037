"""What a run found, as data."""

from typing import Literal

from metatextgrad.core.identity import Content, Value
from metatextgrad.core.statistics import wilson
from metatextgrad.core.task import Example, Metric
from metatextgrad.core.trial import Evaluation, ExampleResult


class Tally(Value):
    """A score on a set: the total of the scores over `scored` examples; `unscored` ones are in neither."""

    total: float
    scored: int
    unscored: int = 0

    @property
    def score(self) -> float:
        return self.total / self.scored if self.scored else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        return wilson(self.total, self.scored)


class Row(Value):
    """One method in the table of a run."""

    name: str
    kind: Literal["initial", "optimizer", "improved", "learned"]
    """initial: the program as given; optimizer: found by an input optimizer; improved: by that optimizer with rewritten
    instructions; learned: by the run's result."""
    optimizer: str | None
    program: str
    val: Tally
    test: Tally | None = None
    val_evaluation: str = ""
    """Id of the stored evaluation behind `val`, and of that behind `test`: what paired tests compare."""
    test_evaluation: str = ""


class Findings(Content):
    """What a run found: the rows of its table, and the ids of its best program and optimizer."""

    kind: Literal["optimize", "meta_optimize"]
    task: str
    simulated: bool
    rows: tuple[Row, ...]
    program: str
    optimizer: str


def tally(evaluation: Evaluation) -> Tally:
    """Count an evaluation."""
    return Tally(total=evaluation.total, scored=evaluation.scored, unscored=len(evaluation.results) - evaluation.scored)


def rescored(evaluation: Evaluation, metric: Metric, examples: tuple[Example, ...]) -> Evaluation:
    """Score the same replies by another metric; what has no reply stays unscored."""
    known = {example.id: example for example in examples}
    results = (_rescored(result, metric, known[result.example]) for result in evaluation.results)
    return evaluation.model_copy(update={"results": tuple(results)})


def _rescored(result: ExampleResult, metric: Metric, example: Example) -> ExampleResult:
    if result.failure in ("provider", "reply"):
        return result
    score = metric(result.prediction, example)
    failure = "" if score.value is not None else "metric"
    return result.model_copy(update={"score": score.value, "feedback": score.feedback, "failure": failure})
