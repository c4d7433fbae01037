"""What the page and the figures show: frozen views, made once from what a run left in its workspace."""

from dataclasses import dataclass
from typing import Literal

from metatextgrad.core.estimate import Range
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program
from metatextgrad.core.report import Tally
from metatextgrad.report.differences import TextChange
from metatextgrad.runtime.meter import Usage
from metatextgrad.wording import money

Fate = Literal["accepted", "rejected", "stopped", "invalid", "skipped"]
"""What became of a candidate; a stopped one lost a race before all examples were scored."""


@dataclass(frozen=True)
class Method:
    """One row of the table of results."""

    title: str
    kind: str
    """initial, optimizer, improved or learned."""
    val: Tally
    test: Tally | None
    evaluation: str | None
    """The id of its evaluation on the test set, if the page carries its examples."""


@dataclass(frozen=True)
class Try:
    """A candidate and what became of it."""

    key: str
    """Names it on the page; the same in every report of the run."""
    stage: str
    status: Fate
    tally: Tally | None
    reason: str
    evaluation: str | None
    """The id of its evaluation, if the page carries its examples."""
    changes: tuple[TextChange, ...] | None
    """What it changed in what it started from; None where the page leaves that out."""

    @property
    def said(self) -> str:
        """Say score and outcome in a line."""
        if self.tally is None or not self.tally.scored:
            return f"{self.status} ({self.reason})" if self.reason else self.status
        low, high = self.tally.interval
        return f"{100 * self.tally.score:.1f} % [{100 * low:.1f}, {100 * high:.1f}], {self.status}"


@dataclass(frozen=True)
class Turn:
    """A step, or a meta-step with the inner loop that scored it."""

    step: int
    outcome: str
    best: float | None
    tries: tuple[Try, ...]
    inner: "Loop | None" = None


@dataclass(frozen=True)
class Loop:
    """The turns of one loop."""

    title: str
    level: Literal["program", "optimizer"]
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Result:
    """What was given and what came out: of a run that has not ended, the best so far."""

    inputs: tuple[Optimizer, ...]
    optimizer: Optimizer | None
    """None while the inner loop that found the program is still at work."""
    stages: tuple[TextChange, ...]
    """The instructions that no given optimizer has."""
    initial: Program
    program: Program
    texts: tuple[TextChange, ...]


@dataclass(frozen=True)
class Verdict:
    """One question about the numbers and its answer in plain words."""

    question: str
    answer: str
    detail: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        return f"{self.question} {self.answer}"


@dataclass(frozen=True)
class Spent:
    """What one level used, beside its plan."""

    level: str
    model: str
    usage: Usage
    planned: Range | None
    planned_tokens: Range | None
    planned_usd: Range | None

    @property
    def used(self) -> int:
        return self.usage.calls

    @property
    def tokens(self) -> int:
        return self.usage.tokens

    @property
    def money(self) -> str:
        return money(self.usage)

    @property
    def above(self) -> bool:
        """Whether there were more calls than the plan took for possible."""
        return self.planned is not None and self.used > self.planned.high


@dataclass(frozen=True)
class Story:
    """Everything that a report says about one run."""

    run: str
    task: str
    task_id: str
    kind: str
    status: str
    message: str
    created: str
    simulated: bool
    headline: tuple[str, ...]
    methods: tuple[Method, ...]
    result: Result | None
    loops: tuple[Loop, ...]
    verdicts: tuple[Verdict, ...]
    spent: tuple[Spent, ...]
    racing: str
    """What racing saved, in a sentence; empty where the run did not race."""
    settings: tuple[tuple[str, str, bool], ...]
    """Name, value, and whether it differs from the default."""
    left_out: tuple[str, ...]
    """What is not on the page, and why."""


@dataclass(frozen=True)
class Several:
    """Runs side by side."""

    stories: tuple[Story, ...]
    results: tuple[Method, ...]
    """What came out of each run on the data that most of them share."""
    verdicts: tuple[Verdict, ...]
    """Paired tests of runs on the same data."""
    apart: tuple[str, ...]
    """Why some runs are not tested against each other."""
    settings: tuple[tuple[str, tuple[str, ...]], ...]
    """The settings in which they differ, with each run's value."""
