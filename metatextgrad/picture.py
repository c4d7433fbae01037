"""Draw how a run stands, as wide and as high as the terminal is: what can be spared goes first."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from metatextgrad.core.statistics import wilson
from metatextgrad.runtime.budget import Budget
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import TEST
from metatextgrad.runtime.meter import Meter
from metatextgrad.watching import MERGE, Strand, Watched
from metatextgrad.wording import NOTICE, money

_SHORT_NOTICE = "SIMULATED MODELS"
_NARROW = 76
"""Columns below which a line of work takes two rows."""
_BARS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 14


@dataclass(frozen=True)
class Standing:
    """How a run stands at a moment."""

    watched: Watched
    title: str
    run: str
    """Which run it is, where that has a name."""
    time: str
    """How long it has taken, and how much longer it will."""
    simulated: bool = False
    settings: Context = field(default_factory=Context)
    meter: Meter | None = None
    budget: Budget | None = None
    examples: int = 0
    """How many each score is of; without them no interval can be told."""


@dataclass(frozen=True)
class _Detail:
    """How much is shown."""

    spent: Literal["levels", "total", ""]
    reason: int
    """Rows for the last rejection."""
    idle: bool = True
    """Lines of work that have ended, too."""
    spaced: bool = False
    """Empty rows between the parts."""


_DETAILS = (
    _Detail("levels", 3, spaced=True),
    _Detail("levels", 3),
    _Detail("levels", 1),
    _Detail("total", 1),
    _Detail("total", 0),
    _Detail("total", 0, idle=False),
    _Detail("", 0, idle=False),
)
"""From all to least."""


@dataclass(frozen=True)
class _Block:
    """A part of the picture, and how many rows it takes: nothing wraps, so they can be counted."""

    drawn: RenderableType
    rows: int = 1


def picture(now: Standing, width: int, height: int) -> RenderableType:
    """Draw as much of how a run stands as there is room for."""
    every = [_blocks(now, width, detail) for detail in _DETAILS]
    fitting = (blocks for blocks in every if sum(block.rows for block in blocks) <= height)
    return Group(*(block.drawn for block in next(fitting, every[-1])))


def _blocks(now: Standing, width: int, detail: _Detail) -> list[_Block]:
    parts = [[_Block(row) for row in _heading(now, width)], _work(now, width, detail), _spent(now, detail)]
    if now.watched.rejection and detail.reason:
        said = f"last rejection: {now.watched.rejection}"
        rows = textwrap.wrap(said, width, max_lines=detail.reason, placeholder=" …")
        parts.append([_Block(_line(row, "dim")) for row in rows])
    between = [_Block(Text())] if detail.spaced else []
    blocks = [block for part in parts if part for block in (*between, *part)]
    return blocks[len(between) :]


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, overflow="ellipsis", no_wrap=True)


def _heading(now: Standing, width: int) -> list[Text]:
    title = next((one for one in (f"{now.title}  {now.run}", now.title) if _fit(one, now.time, width)), now.title)
    rows = _beside((title, "bold"), (now.time, "dim"), width)
    if now.simulated and len(NOTICE) <= width:
        rows.append(_line(NOTICE, "yellow"))
    elif now.simulated:
        rows = [_line(now.title, "bold"), *_beside((now.time, "dim"), (_SHORT_NOTICE, "yellow"), width)]
    best = now.watched.best
    reached = "" if best is None else f"best {score(best, now.examples)}"
    phase = next((one for one in _phase(now.watched) if _fit(one, reached, width)), "")
    if reached and _fit(phase, f"validation: {reached}", width):
        reached = f"validation: {reached}"
    return rows + _beside((phase, ""), (reached, "green"), width)


def _fit(left: str, right: str, width: int) -> bool:
    return cell_len(left) + cell_len(right) + 2 <= width


def _beside(left: tuple[str, str], right: tuple[str, str], width: int) -> list[Text]:
    """Set texts with their styles at the two ends of a row; in two rows, where that is too narrow for both."""
    if not _fit(left[0], right[0], width):
        return [_line(*one) for one in (left, right) if one[0]]
    return [Text.assemble(left, " " * (width - cell_len(left[0]) - cell_len(right[0])), right, no_wrap=True)]


def _phase(watched: Watched) -> tuple[str, ...]:
    """Name the phase of the method that the run is in, in full and in short."""
    if not watched.strands:
        return ("starting",)
    if watched.kind == "evaluation":
        return ("scoring",)
    names = [("improving the program", "improving")]
    if watched.kind == "meta_optimize":
        names = [("improving each optimizer", "improving"), ("merging the optimizers", "merging")]
    names.append(("final look at the test set", "testing"))
    at = len(names) - 1 if TEST in watched.strands else int(MERGE in watched.strands)
    return tuple(f"{at + 1} of {len(names)}: {name}" for name in names[at])


def score(value: float | None, examples: int) -> str:
    """Write a score in per cent with Wilson's 95 % interval."""
    if value is None:
        return "-"
    if not examples:
        return f"{100 * value:.1f}"
    low, high = wilson(value * examples, examples)
    return f"{100 * value:.1f} [{100 * low:.0f}, {100 * high:.0f}]"


def sparkline(scores: Sequence[float | None], ends: tuple[float, float], most: int) -> str:
    """Draw the latest scores as bars between the lowest and the highest; what has no score is a dot."""
    return "".join("·" if one is None else _bar(one, *ends) for one in scores[-most:]) if most > 0 else ""


def _bar(one: float, low: float, high: float) -> str:
    place = (one - low) / (high - low) if high > low else 0.5
    return _BARS[round(place * (len(_BARS) - 1))]


def _work(now: Standing, width: int, detail: _Detail) -> list[_Block]:
    strands = list(now.watched.strands.values())
    if not detail.idle:
        strands = [strand for strand in strands if not _is_over(strand, now)] or strands
    if not strands:
        return []
    if now.watched.kind == "evaluation":
        return [_Block(_doing(strand)) for strand in strands]
    if width < _NARROW:
        return [_Block(row) for strand in strands for row in _stacked(strand, now, width)]
    return [_table(strands, now)]


def _is_over(strand: Strand, now: Standing) -> bool:
    others = now.watched.strands
    return strand.name != TEST and (TEST in others or (MERGE in others and strand.name != MERGE))


def _table(strands: Sequence[Strand], now: Standing) -> _Block:
    table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
    single = now.watched.kind != "meta_optimize"
    table.add_column("" if single else "lineage", no_wrap=True, overflow="ellipsis", max_width=16)
    for name in ("step",) if single else ("meta", "step"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("incumbent", justify="right", no_wrap=True)
    if not single:
        table.add_column("best", justify="right", no_wrap=True)
    table.add_column("scores", no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
    for strand in strands:
        table.add_row(*_cells(strand, now, single=single))
    return _Block(table, 1 + len(strands))


def _cells(strand: Strand, now: Standing, *, single: bool) -> list[RenderableType]:
    left_out = [""] if single else ["", "", ""]
    if strand.name == TEST:
        return [_line("test set"), *left_out, "", "", _doing(strand)]
    meta, best = [], []
    if not single:
        meta = [_of(strand.meta_step, _meta_steps(strand, now))]
        best = [score(strand.best, now.examples)]
    shown = [*meta, _of(strand.step, now.settings.steps), score(strand.incumbent, now.examples), *best]
    doing = _line("done", "dim") if _is_over(strand, now) else _doing(strand)
    return [_line(strand.name), *shown, _scores(strand, now), doing]


def _of(done: int, whole: int) -> str:
    return f"{done}/{whole}"


def _meta_steps(strand: Strand, now: Standing) -> int:
    return now.settings.meta_structure_steps if strand.name == MERGE else now.settings.meta_prompt_steps


def _scores(strand: Strand, now: Standing, most: int = _MOST_BARS) -> Text:
    """Draw how the scores went; bars of all lines of work compare."""
    every = [one for other in now.watched.working for one in other.tried if one is not None]
    ends = min(every, default=0.0), max(every, default=0.0)
    return Text(sparkline(strand.tried, ends, min(most, _MOST_BARS)), style="cyan")


def _doing(strand: Strand) -> RenderableType:
    if not strand.of:
        return _line(strand.doing)
    row = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=strand.of, completed=strand.done, width=10)
    row.add_row(_line(f"{strand.done}/{strand.of}"), bar, _line(strand.doing))
    return row


def _stacked(strand: Strand, now: Standing, width: int) -> list[RenderableType]:
    """Draw a line of work on two narrow rows."""
    count = f"{strand.done}/{strand.of}" if strand.of else ""
    if strand.name == TEST:
        return [_line(f"test set  {strand.doing} {count}")]
    at = f"step {_of(strand.step, now.settings.steps)}"
    if now.watched.kind == "meta_optimize":
        at = f"meta {_of(strand.meta_step, _meta_steps(strand, now))} {at}"
    first = _line(f"{strand.name}  {at}  {'done' if _is_over(strand, now) else count or strand.doing}")
    shown = f"  {score(strand.incumbent, now.examples)}"
    if now.watched.kind == "meta_optimize":
        shown += f" best {score(strand.best, now.examples)}"
    bars = _scores(strand, now, width - len(shown) - 1)
    return [first, Text.assemble(shown, " ", bars, overflow="ellipsis", no_wrap=True)]


def _spent(now: Standing, detail: _Detail) -> list[_Block]:
    """Draw what the levels have used, and how much of the caps that is."""
    if now.meter is None or not now.meter.total.calls or not detail.spent:
        return []
    total, shares = now.meter.total, now.budget.shares(now.meter) if now.budget else {}
    used = _line(f"{total.calls:,} calls  {total.tokens:,} tokens  {money(total)} USD")
    caps = ", ".join(f"{unit} {100 * share:.0f} %" for unit, share in shares.items())
    drawn = _by_level(now.meter) if detail.spent == "levels" else _Block(used)
    return [drawn, *([_Block(_line(f"of the cap: {caps}"))] if caps else [])]


def _by_level(meter: Meter) -> _Block:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("level", "calls", "tokens", "USD"):
        table.add_column(name, justify="left" if name == "level" else "right", no_wrap=True)
    levels = [(str(level), used) for level, used in meter.levels.items() if used.calls]
    for level, used in [*levels, *([("total", meter.total)] if len(levels) > 1 else [])]:
        table.add_row(level, f"{used.calls:,}", f"{used.tokens:,}", money(used))
    return _Block(table, 1 + len(table.rows))
