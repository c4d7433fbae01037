"""Show a run while it goes on: one live display on a terminal, plain lines elsewhere, nothing when quiet."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from metatextgrad.execution import Stop
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import Event
from metatextgrad.runtime.meter import Level, Usage

NOTICE = "SIMULATED MODELS - these scores say nothing about real models"
_NARROW = 64
_REFRESH_PER_SECOND = 8


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


@dataclass
class Strand:
    """Where one line of work stands: a lineage of optimizers, or the merge. Lineages run side by side."""

    name: str
    meta_step: int = 0
    step: int = 0
    best: float | None = None
    """The incumbent program of the inner loop that runs."""
    latest: float | None = None
    record: float | None = None
    """The incumbent optimizer's score."""
    doing: str = ""
    done: int = 0
    of: int = 0


@dataclass
class Watched:
    """What the events of a run add up to."""

    strands: dict[str, Strand] = field(default_factory=dict)
    rejection: str = ""
    """The last proposal that was not taken, and why."""

    def see(self, event: Event) -> None:
        """Take in an event."""
        if event.type in ("run", "budget"):
            return
        if event.type == "test":
            self._strand("test", event).doing = f"{event.stage} {event.score or 0:.3f}"
            return
        strand = self._strand(event.path.partition("/")[0] or event.stage, event)
        strand.doing, strand.done, strand.of = _doing(event), 0, 0
        if event.type == "evaluating":
            strand.done, strand.of = event.done, event.of
        elif event.type == "step":
            _turned(strand, event)
        if event.type == "rejection" or event.outcome == "rejected":
            self.rejection = f"{where(event)}: {_why(event)}"

    def _strand(self, name: str, event: Event) -> Strand:
        strand = self.strands.setdefault(name, Strand(name))
        meta_step = event.step if event.level == "optimizer" else _meta_step(event.path)
        if meta_step != strand.meta_step:
            strand.meta_step, strand.step, strand.best, strand.latest = meta_step, 0, None, None
        if event.level == "program":
            strand.step = event.step
        return strand


def _turned(strand: Strand, event: Event) -> None:
    if event.level == "optimizer":
        strand.record = event.best
    else:
        strand.best, strand.latest = event.best, event.score


def _meta_step(path: str) -> int:
    last = path.rpartition("/")[2]
    return int(last) if "/" in path and last.isdigit() else 0


def _doing(event: Event) -> str:
    match event.type:
        case "evaluating":
            return "evaluating"
        case "gradient":
            return f"gradient of {event.done} wrong in {event.of}"
        case "proposal":
            return event.stage
        case "rejection":
            return f"{event.stage}: nothing usable"
        case _:
            return f"{event.stage}: {event.outcome}"


def where(event: Event) -> str:
    """Say to which loop and step an event belongs."""
    if event.level == "optimizer":
        return f"{event.path.partition('/')[0]}, meta step {event.step}"
    return f"{event.path} step {event.step}"


def _why(event: Event) -> str:
    if event.reason or event.score is None:
        return f"{event.stage}: {event.reason}"
    return f"{event.stage}: {event.score:.3f} is not above {event.best or 0:.3f}"


@dataclass(frozen=True)
class Heading:
    """Says which run this is, once it has begun."""

    title: str
    stop: Stop
    named: bool = True
    """Whether the run has a name that commands know."""

    def lines(self) -> list[str]:
        opened = self.stop.opened
        if opened is None:
            return [self.title]
        name = f"{self.title}  run {opened.ledger.run}" if self.named else self.title
        return [name, NOTICE] if opened.ledger.models.simulated else [name]


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


class Lines(Silent):
    """Writes a line for each step, for a log or a pipe."""

    def __init__(self, console: Console, heading: Heading) -> None:
        self._console, self._heading, self._begun = console, heading, False

    def see(self, event: Event) -> None:
        if not self._begun:
            self._begun = True
            for line in self._heading.lines():
                self._say(line)
        if line := line_of(event):
            self._say(line)

    def stopping(self) -> None:
        self._say("stopping: calls in flight finish and are kept")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def line_of(event: Event) -> str:
    """Write an event as a line; most have none."""
    if event.type == "test":
        return f"test {event.stage}: {event.score or 0:.3f} on {event.done} examples"
    if event.type == "budget":
        return f"{event.done} % of the cap on {event.stage} is used"
    if event.type == "evaluating" and not event.path:
        return f"evaluating {event.stage}: {event.done}/{event.of}" if event.done in (1, event.of) else ""
    if event.type != "step":
        return ""
    score = "no score" if event.score is None else f"{event.score:.3f}"
    best = "" if event.best is None else f", best {event.best:.3f}"
    reason = f" ({event.reason})" if event.reason else ""
    return f"{where(event)}: {event.stage} {score}, {event.outcome}{best}{reason}"


class Screen:
    """Redraws one display in place; rich renders it as wide as the terminal is, and takes it away at the end."""

    def __init__(self, console: Console, heading: Heading) -> None:
        self._watched, self._heading, self._note = Watched(), heading, ""
        self._live = Live(self, console=console, refresh_per_second=_REFRESH_PER_SECOND, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def see(self, event: Event) -> None:
        self._watched.see(event)

    def stopping(self) -> None:
        self._note = "Stopping: calls in flight finish and are kept. Ctrl-C again ends at once."

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        opened = self._heading.stop.opened
        yield picture(
            self._watched,
            self._heading.lines(),
            opened.context if opened else None,
            opened.ledger.meter.levels if opened else {},
            options.max_width,
        )
        if self._note:
            yield Text(self._note, style="yellow")
        yield Text()  # where the terminal writes ^C; at the end of a full line it would shift what is redrawn


def picture(
    watched: Watched, lines: list[str], settings: Context | None, usage: dict[Level, Usage], width: int
) -> RenderableType:
    """Draw how a run stands; on a narrow terminal the columns that can be spared go."""
    parts: list[RenderableType] = [Text(lines[0], style="bold")]
    parts += [Text(line, style="yellow") for line in lines[1:]]
    parts.append(_strands(list(watched.strands.values()), settings or Context(), narrow=width < _NARROW))
    spent = [f"{level} {used.calls:,} calls {used.tokens:,} tokens" for level, used in usage.items() if used.calls]
    parts += [Text(line, style="dim", overflow="ellipsis", no_wrap=True) for line in spent]
    if watched.rejection:
        parts.append(Text(f"last rejection: {watched.rejection}", style="dim", overflow="ellipsis", no_wrap=True))
    return Group(*parts)


def _strands(strands: list[Strand], settings: Context, *, narrow: bool) -> Table:
    table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    table.add_column("", no_wrap=True, overflow="ellipsis", max_width=10 if narrow else 24)
    table.add_column("meta", justify="right", no_wrap=True)
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column("best", justify="right", no_wrap=True)
    if not narrow:
        table.add_column("latest", justify="right", no_wrap=True)
        table.add_column("optimizer", justify="right", no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
    for strand in strands:
        meta_steps = settings.meta_structure_steps if strand.name == "merge" else settings.meta_prompt_steps
        cells = [
            strand.name,
            f"{strand.meta_step}/{meta_steps}",
            f"{strand.step}/{settings.steps}",
            _score(strand.best),
        ]
        cells += [] if narrow else [_score(strand.latest), _score(strand.record)]
        table.add_row(*cells, _now(strand, narrow=narrow))
    return table


def _now(strand: Strand, *, narrow: bool) -> RenderableType:
    if not strand.of:
        return Text(strand.doing, overflow="ellipsis", no_wrap=True)
    count = Text(f"{strand.done}/{strand.of}", no_wrap=True)
    if narrow:
        return count
    row = Table.grid(padding=(0, 1))
    row.add_row(Text(strand.doing), ProgressBar(total=strand.of, completed=strand.done, width=12), count)
    return row


def _score(score: float | None) -> str:
    return "-" if score is None else f"{score:.3f}"


def display(console: Console, stop: Stop, title: str, *, quiet: bool, named: bool = True) -> Display:
    """Choose how to show a run on this console."""
    if quiet:
        return Silent()
    heading = Heading(title, stop, named)
    return Screen(console, heading) if console.is_terminal else Lines(console, heading)
