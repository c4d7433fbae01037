"""Show a run while it goes on: one live display on a terminal, plain lines elsewhere, events as JSON, or nothing."""

import json
import textwrap
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from metatextgrad.execution import Stop
from metatextgrad.picture import Standing, picture, score
from metatextgrad.remaining import Caps, clock, seconds_left, time_left
from metatextgrad.runtime.events import TEST, Event
from metatextgrad.terminal import InPlace
from metatextgrad.watching import Watched, where
from metatextgrad.wording import NOTICE

_QUARTERS = 4
_ROWS_KEPT = 2
"""Rows of a terminal that stay free: one for what it writes itself, as ^C, and one for the cursor after the end."""


class Display(Protocol):
    """Shows a run. It is entered before the run begins and left when it has ended, however it ended."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def see(self, event: Event) -> None:
        """Take in what happened."""

    def stopping(self) -> None:
        """Say that the run was asked to stop."""


@dataclass(frozen=True)
class Heading:
    """Says which run this is, once it has begun."""

    title: str
    stop: Stop
    named: bool = True
    """Whether the run has a name that commands know."""

    @property
    def run(self) -> str:
        return self.stop.opened.ledger.run if self.stop.opened and self.named else ""

    @property
    def line(self) -> str:
        return f"{self.title}  run {self.run}" if self.run else self.title

    @property
    def simulated(self) -> bool:
        return self.stop.opened is not None and self.stop.opened.ledger.models.simulated


class Silent:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def see(self, event: Event) -> None:
        return None

    def stopping(self) -> None:
        return None


class Written(Silent):
    """Writes each event as a line of JSON, for programs; those of simulated models say so."""

    def __init__(self, console: Console, heading: Heading) -> None:
        self._console, self._heading = console, heading

    def see(self, event: Event) -> None:
        self._write(event)

    def stopping(self) -> None:
        self._write(Event(type="run", run=self._heading.run, outcome="stopping"))

    def _write(self, event: Event) -> None:
        told = event.model_dump(exclude_defaults=True) | ({"simulated": True} if self._heading.simulated else {})
        self._console.file.write(f"{json.dumps(told, ensure_ascii=False)}\n")
        self._console.file.flush()


class Lines(Silent):
    """Writes a line for each step, for a log or a pipe."""

    def __init__(self, console: Console, heading: Heading) -> None:
        self._console, self._heading, self._begun = console, heading, False
        self._told: tuple[str, int] = "", 0
        """What is scored on its own, and how many quarters of it were told."""

    def see(self, event: Event) -> None:
        if not self._begun:
            self._begun = True
            for line in (self._heading.line, *([NOTICE] if self._heading.simulated else [])):
                self._say(line)
        line = self._progress(event) if event.type == "evaluating" else line_of(event)
        if line:
            self._say(line)

    def stopping(self) -> None:
        self._say("stopping: calls in flight finish and are kept")

    def _progress(self, event: Event) -> str:
        """Tell by quarters of what belongs to no loop, and so has no steps."""
        if event.path not in ("", TEST):
            return ""
        name, told = self._told
        quarters = _QUARTERS * event.done // event.of
        if quarters <= (told if name == event.stage else 0):
            return ""
        self._told = event.stage, quarters
        return f"{'testing' if event.path else 'evaluating'} {event.stage}: {event.done}/{event.of}"

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def line_of(event: Event) -> str:
    """Write an event as a line; most have none."""
    if event.type == "test":
        return f"test {event.stage}: {event.score or 0:.3f} on {event.done} examples"
    if event.type == "budget":
        return f"{event.done} % of the cap on {event.stage} is used"
    if event.type != "step":
        return ""
    score = "no score" if event.score is None else f"{event.score:.3f}"
    best = "" if event.best is None else f", best {event.best:.3f}"
    reason = f" ({event.reason})" if event.reason else ""
    return f"{where(event)}: {event.stage} {score}, {event.outcome}{best}{reason}"


class Screen:
    """Redraws one display in place, as wide and as high as the terminal is, and takes it away at the end."""

    def __init__(self, console: Console, heading: Heading) -> None:
        self._watched, self._heading, self._note = Watched(), heading, ""
        self._caps, self._began = Caps(), monotonic()
        self._console, self._live = console, InPlace(self, console)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if error is not None and (reached := self._reached()):
            self._console.print(reached, markup=False, highlight=False)

    def _reached(self) -> str:
        """Say how far a run came that did not end; empty where nothing has a score."""
        now = self._standing()
        if now.watched.best is None or now.meter is None:
            return ""
        best, used = score(now.watched.best, now.examples), now.meter.total
        simulated = ", on simulated models" if now.simulated else ""
        return f"so far: best {best} per cent on the validation set, with {used.calls:,} calls{simulated}"

    def see(self, event: Event) -> None:
        self._watched.see(event)

    def stopping(self) -> None:
        self._note = "Stopping: calls in flight finish and are kept. Ctrl-C again ends at once."

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        notes = textwrap.wrap(self._note, options.max_width)
        room = max(1, options.size.height - _ROWS_KEPT - len(notes))
        drawn = picture(self._standing(), options.max_width, room)
        for line in console.render_lines(drawn, options, pad=False)[:room]:
            yield from line
            yield Segment.line()
        yield from (Text(note, style="yellow") for note in notes)
        yield Text()  # where the terminal writes ^C; at the end of a full line it would shift what is redrawn

    def _standing(self) -> Standing:
        opened, heading = self._heading.stop.opened, self._heading
        passed = clock(monotonic() - self._began)
        if opened is None:
            return Standing(self._watched, heading.title, "", passed)
        ledger, settings = opened.ledger, opened.context
        cap = self._caps.nearest(ledger.budget.shares(ledger.meter), self._watched.clock())
        left = time_left(seconds_left(self._watched, settings), cap)
        return Standing(
            watched=self._watched,
            title=heading.title,
            run=f"run {heading.run}" if heading.run else "",
            time=f"{passed}, {left}",
            simulated=heading.simulated,
            settings=settings,
            meter=ledger.meter,
            budget=ledger.budget,
            examples=len(opened.task.valset),
        )


def display(
    console: Console, stop: Stop, title: str, *, quiet: bool, named: bool = True, events: bool = False
) -> Display:
    """Choose how to show a run on this console."""
    if quiet:
        return Silent()
    heading = Heading(title, stop, named)
    if events:
        return Written(console, heading)
    return Screen(console, heading) if _can_redraw(console) else Lines(console, heading)


def _can_redraw(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")
