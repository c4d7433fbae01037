"""The record of one turn of a loop, at either level."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from metatextgrad.core.identity import Content, Value

Outcome = Literal["accepted", "rejected", "invalid", "skipped"]
"""accepted: strictly better, now the incumbent; rejected: scored, not better; invalid: no usable candidate came back;
skipped: nothing to propose, as when every example of the batch was right."""


class Candidate(TypedDict):
    """A proposed program or optimizer on its way through the loop; small and JSON-plain, as channels hold it."""

    id: str | None
    """Content id; None when nothing usable was proposed."""
    stage: str
    """Who proposed it."""
    score: float | None
    evaluation: str | None
    """Id of the stored Evaluation (a program) or None."""
    program: str | None
    """For an optimizer: the program its inner loop found."""
    trial: str | None
    """For an optimizer: the last trial of its inner loop."""
    status: Literal["proposed", "scored", "stopped", "rejected", "invalid", "skipped"]
    """stopped: racing found that it cannot win any more, so it has no score; rejected: by a person. One that is
    only not good enough stays scored."""
    reason: str
    """Why it has no score, or what to mind in one that has, such as copied answers or a person's word."""
    left_out: NotRequired[int]
    """Examples that racing left out."""
    saved: NotRequired[int]
    """Calls that were saved so, at most."""


class Approved(TypedDict):
    """What a person let pass; small and JSON-plain, as channels hold it."""

    id: str
    """Content id."""
    note: str


class Trial(Content):
    """What one turn tried, and what became of it.

    Trials form a chain by `previous`, as commits do, so that a run forked from an earlier step keeps both histories.
    """

    level: Literal["program", "optimizer"]
    path: str
    """Which loop: lineage and meta step, such as tgd/2."""
    step: int
    previous: str | None
    candidates: tuple[Candidate, ...]
    outcome: Outcome
    best: str | None
    """The incumbent after the turn."""
    best_score: float | None


class ExampleResult(Value):
    """One example under one program."""

    example: str
    prediction: str
    score: float | None
    feedback: str
    failure: Literal["", "provider", "reply", "metric"] = ""
    """Why it is unscored: the provider failed, the reply was unusable, or the metric gave no score."""


class Evaluation(Content):
    """A program scored on a set."""

    program: str
    split: str
    results: tuple[ExampleResult, ...]

    @property
    def scored(self) -> int:
        return sum(result.score is not None for result in self.results)

    @property
    def total(self) -> float:
        return sum(result.score for result in self.results if result.score is not None)

    @property
    def score(self) -> float | None:
        """The mean over scored examples; None when there is none."""
        return self.total / self.scored if self.scored else None

    def unscored(self, failure: str) -> int:
        """Count the examples left unscored for this reason."""
        return sum(result.failure == failure for result in self.results)


class Feedback(Value):
    """What one example says about one text."""

    example: str
    input: str
    output: str
    feedback: str


class Gradients(Content):
    """The textual gradient of a program on a batch: for each component, each example's feedback, in a stable order."""

    program: str
    batch: tuple[str, ...]
    failed: tuple[str, ...]
    """Ids of the examples that were not right; the others gave no feedback."""
    lost: tuple[str, ...] = ()
    """Why feedback is missing: calls of the backward pass whose replies could not be used."""
    components: dict[str, tuple[Feedback, ...]]
    answer: tuple[Feedback, ...]
    """What the metric said about the program's answers; where the backward pass starts."""


LONGEST_REASON = 300


def brief(reason: str) -> str:
    """Cut a reason to what a channel may hold; it can quote what a model wrote."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 1]}…"


def candidate(
    identifier: str | None,
    stage: str,
    status: Literal["proposed", "scored", "invalid", "skipped"] = "proposed",
    reason: str = "",
) -> Candidate:
    """Return a candidate that is not scored yet."""
    return Candidate(
        id=identifier,
        stage=stage,
        score=None,
        evaluation=None,
        program=None,
        trial=None,
        status=status,
        reason=brief(reason),
    )
