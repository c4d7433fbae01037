"""What the events of a run add up to while it goes on: where each line of work stands, and how fast it comes along."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal

from metatextgrad.runtime.events import TEST, Event

MERGE = "merge"
"""The line of work that merges the optimizers, after all lineages."""
Kind = Literal["evaluation", "optimize", "meta_optimize"]


@dataclass
class Strand:
    """Where one line of work stands: a lineage of optimizers, the merge, or a loop. Lineages run side by side."""

    name: str
    began: float
    meta_step: int = 0
    step: int = 0
    ended: int = 0
    """Turns of the inner loop that are over."""
    incumbent: float | None = None
    """The best program of the inner loop that runs."""
    best: float | None = None
    """The best of the whole line of work."""
    tried: list[float | None] = field(default_factory=list)
    """What each turn scored; None where nothing usable came back."""
    doing: str = ""
    done: int = 0
    of: int = 0
    turns: int = 0
    """Turns that were seen to end, but for those that score what is given: those are known mostly."""
    turned: float = 0.0
    """When the last of them ended."""

    @property
    def pace(self) -> float | None:
        """Seconds a turn; None before one has ended."""
        return (self.turned - self.began) / self.turns if self.turns else None

    def enter(self, meta_step: int) -> None:
        """Begin the inner loop of a meta step, unless it is the one that runs."""
        if meta_step != self.meta_step:
            self.meta_step, self.step, self.ended, self.incumbent = meta_step, 0, 0, None

    def reach(self, event: Event) -> None:
        """Take in at which turn of the inner loop the work is."""
        self.step, self.ended = event.step, event.step if event.type == "step" else max(0, event.step - 1)

    def turn(self, event: Event, now: float) -> None:
        """Take in the end of a turn."""
        if event.level == "program":
            self.incumbent = event.best
            self.tried.append(event.score)
            if event.step:
                self.turns, self.turned = self.turns + 1, now
        self.best = max((score for score in (self.best, event.best) if score is not None), default=None)


@dataclass
class Watched:
    """What the events of a run add up to."""

    clock: Callable[[], float] = monotonic
    strands: dict[str, Strand] = field(default_factory=dict)
    kind: Kind = "evaluation"
    tested: list[str] = field(default_factory=list)
    """The rows of the result that are scored on the test set."""
    rejection: str = ""
    """The last proposal that was not taken, and why."""

    def see(self, event: Event) -> None:
        """Take in an event."""
        if event.type in ("run", "budget"):
            return
        if event.type == "test":
            self.tested.append(event.stage)
        strand = self._strand(event)
        strand.doing, strand.done, strand.of = _doing(event), 0, 0
        if event.type == "evaluating":
            strand.done, strand.of = event.done, event.of
        elif event.type == "step":
            strand.turn(event, self.clock())
        if event.type == "rejection" or event.outcome in ("rejected", "reject", "invalid"):
            self.rejection = f"{where(event)}: {_why(event)}"

    @property
    def best(self) -> float | None:
        """The best score of any line of work."""
        return max((one.best for one in self.strands.values() if one.best is not None), default=None)

    @property
    def working(self) -> list[Strand]:
        """The lines of work, without the look at the test set."""
        return [strand for name, strand in self.strands.items() if name != TEST]

    def _strand(self, event: Event) -> Strand:
        name, meta_step = (TEST, None) if event.type == "test" else place(event)
        strand = self.strands.setdefault(name, Strand(name, self.clock()))
        if name == TEST:
            return strand
        if event.level == "optimizer" or meta_step is not None:
            self.kind = "meta_optimize"
        elif event.path and self.kind == "evaluation":
            self.kind = "optimize"
        strand.enter(event.step if event.level == "optimizer" else meta_step or 0)
        if event.level == "program":
            strand.reach(event)
        return strand


def place(event: Event) -> tuple[str, int | None]:
    """Return the line of work that an event is about, and the meta step whose inner loop it is of."""
    name, _, number = event.path.rpartition("/")
    return (name, int(number)) if name and number.isdigit() else (event.path or event.stage, None)


def _doing(event: Event) -> str:
    match event.type:
        case "evaluating":
            return event.stage if event.path == TEST else "scoring"
        case "gradient":
            return f"gradient: {event.done} of {event.of} wrong"
        case "proposal":
            return f"{event.stage}: proposed"
        case "rejection":
            return f"{event.stage}: nothing usable"
        case "test":
            return f"{event.stage}: scored"
        case _:
            return f"{event.stage}: {event.outcome}"


def where(event: Event) -> str:
    """Say to which loop and step an event belongs."""
    if event.level == "optimizer":
        return f"{place(event)[0]}, meta step {event.step}"
    return f"{event.path} step {event.step}"


def _why(event: Event) -> str:
    said = [_compared(event.score, event.best or 0.0)] if event.score is not None else []
    said += [event.reason] if event.reason else []
    return f"{event.stage}: {'; '.join(said) or event.outcome}"


def _compared(score: float, best: float) -> str:
    """Say how a score stands to the incumbent's; one that is higher was not taken by a test or a person."""
    return f"{score:.3f} is not above {best:.3f}" if score <= best else f"{score:.3f} beside {best:.3f}"
