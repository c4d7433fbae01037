"""What a run tells while it goes on: over LangGraph's custom stream, and to `on_event` (`docs/events.md`)."""

from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Literal

from langgraph.runtime import Runtime

from metatextgrad.core.identity import Value
from metatextgrad.core.trial import Candidate
from metatextgrad.runtime.budget import Budget
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import Meter

EventType = Literal[
    "run", "proposal", "rejection", "gradient", "evaluating", "evaluation", "approval", "step", "test", "budget"
]
SHARES = (50, 80, 100)
"""Per cent of a cap that are told of."""
TEST = "test"
"""The path of what is told while the test set is looked at."""


class Event(Value):
    """One thing that happened in a run. A field that says nothing about it has its default."""

    type: EventType
    run: str = ""
    """Of `run`: its name."""
    path: str = ""
    """Which loop: tgd/2 is the inner loop of a lineage's second meta step, tgd its meta loop."""
    step: int = 0
    """Of the program's or of the optimizer's loop, by `level`."""
    level: Literal["program", "optimizer"] = "program"
    stage: str = ""
    """Who proposed; of `test` whose row it is; of `budget` what is capped."""
    candidate: str = ""
    """Content id of what was proposed, scored or shown; of `step` that of the incumbent after it."""
    done: int = 0
    """Examples scored, or answered wrongly in a gradient's batch; of `budget` per cent of the cap."""
    of: int = 0
    score: float | None = None
    best: float | None = None
    """The incumbent's score."""
    outcome: str = ""
    """What became of it; of `run` started, resumed, or how it stands now."""
    reason: str = ""


Tell = Callable[[Event], None]


def proposal_of(item: Candidate, level: Literal["program", "optimizer"], path: str, step: int) -> Event:
    """Return the event of what was proposed: a candidate, or the reason why there is none."""
    return Event(
        type="proposal" if item["id"] else "rejection",
        level=level,
        path=path,
        step=step,
        stage=item["stage"],
        candidate=item["id"] or "",
        reason=item["reason"],
    )


def emit(runtime: Runtime[Context], event: Event) -> None:
    """Send an event to whoever streams the run."""
    runtime.stream_writer(event.model_dump(exclude_defaults=True) | {"type": event.type})


def teller(runtime: Runtime[Context]) -> Tell:
    """Return how to send events of this node from anywhere: LangGraph looks into the context for whose they are."""
    inside = copy_context()
    return lambda event: inside.run(emit, runtime, event)


@dataclass
class Watch:
    """Tells, once each, when shares of a run's caps are used up."""

    budget: Budget
    tell: Tell | None = None
    """Of the node that began last; what was used before anybody listens is told to nobody."""
    _told: dict[str, int] = field(default_factory=dict)

    def look(self, meter: Meter) -> None:
        """Tell what is newly used up."""
        for unit, share in self.budget.shares(meter).items():
            reached = max((part for part in SHARES if share >= part / 100), default=0)
            if reached > self._told.get(unit, 0):
                self._told[unit] = reached
                if self.tell:
                    self.tell(Event(type="budget", stage=unit, done=reached, of=100))
