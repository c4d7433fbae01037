"""The result of a run for people: the table, the learned optimizer, what it used."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from metatextgrad.changes import changes
from metatextgrad.cli.documents import sum_of
from metatextgrad.core.optimizer import Alternate, BestOf, Chain, OnPlateau, Repeat, Schedule, Stage
from metatextgrad.core.report import Findings, Row, Tally
from metatextgrad.report.differences import differences, marked
from metatextgrad.runtime.meter import Level, Usage
from metatextgrad.stored import Found
from metatextgrad.wording import NOTICE, money, title


def show_result(console: Console, found: Found, usage: Mapping[Level, Usage], following: Sequence[str]) -> None:
    """Print everything there is to say about a result."""
    mark(console, found.findings.simulated)
    console.print(score_table([found.findings]))
    console.print()
    console.print(optimizer_view(found, colours=console.color_system is not None))
    console.print()
    console.print(usage_table(usage, simulated=found.findings.simulated))
    show_following(console, following)
    mark(console, found.findings.simulated)


def mark(console: Console, simulated: bool) -> None:
    """Say that the models were simulated, where they were."""
    if simulated:
        console.print(NOTICE, style="bold yellow")


def show_following(console: Console, commands: Sequence[str]) -> None:
    """Print commands to go on with, each on one line, so that they can be copied."""
    if not commands:
        return
    console.print("\nnext", style="bold")
    if activate := _needed_first():
        console.print("First, once in this shell, so that the command is found:", style="dim")
        commands = [f"source {activate}", *commands]
    for command in commands:
        console.print(f"  {command}", soft_wrap=True, markup=False)


def _needed_first() -> str:
    """Return what puts the command on the path, where it was called by its own, as `make demo` does; else nothing."""
    activate = Path(sys.prefix) / "bin" / "activate"
    if shutil.which("metatextgrad") or not activate.is_file():
        return ""
    near = os.path.relpath(activate)
    return str(activate) if near.startswith("..") else near


def score_table(several: Sequence[Findings], *, improved: bool = True) -> Table:
    """Draw a table like the paper's Table 1: methods down, per cent and Wilson's 95 % intervals across."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("method", min_width=len("metaTextGrad"))
    table.add_column("validation", justify="right", overflow="fold")
    table.add_column("test", justify="right")
    table.add_column("n", justify="right", min_width=len("100"))
    for findings in several:
        if len(several) > 1:
            table.add_row(Text(findings.task, style="bold"))
        for row in findings.rows:
            if improved or row.kind != "improved":
                _add(table, row)
    table.caption = Text("per cent [95 % interval, Wilson]; n: test examples", style="dim")
    table.caption_justify = "left"
    return table


def _add(table: Table, row: Row) -> None:
    style = {"learned": "bold green", "initial": "dim"}.get(row.kind, "")
    test = _cell(row.test) if row.test else "-"
    count = str(row.test.scored) if row.test else "-"
    table.add_row(title(row.name), _cell(row.val), test, count, style=style)


def _cell(tally: Tally) -> Text:
    if not tally.scored:
        return Text("unscored")
    low, high = tally.interval
    unscored = f" ({tally.unscored} unscored)" if tally.unscored else ""
    return Text(f"{100 * tally.score:.1f} [{100 * low:.1f}, {100 * high:.1f}]{unscored}")


def optimizer_view(found: Found, *, colours: bool) -> RenderableType:
    """Draw an optimizer: its schedule, and what a meta-optimizer changed in its instructions.

    In colours a text stands once, with what came and what went; without them it stands as it was and as it is.
    """
    optimizer = found.optimizer
    title = "learned optimizer" if found.findings.kind == "meta_optimize" else "optimizer"
    tree = Tree(Text.assemble((title, "bold"), f"  {optimizer.name}"))
    _grow(tree, optimizer.schedule)
    parts: list[RenderableType] = [tree, Padding(Text(optimizer.purpose, style="dim"), (0, 0, 0, 2))]
    changed = changes(optimizer, found.inputs)
    for label, before, after in changed:
        key = (": green came, red went", "dim") if colours else ""
        parts.append(Text.assemble("\n", (label, "bold"), ", instructions", key))
        parts += [_marked(before, after)] if colours else _beside(before, after)
    if not changed:
        parts.append(Padding(Text("All instructions are as they were given.", style="dim"), (0, 0, 0, 2)))
    return Group(*parts)


def _marked(before: str, after: str) -> RenderableType:
    styles = {"same": "dim", "removed": "red strike", "added": "green"}
    spans = ((text, styles[kind]) for kind, text in marked(differences(before, after)))
    return Padding(Text.assemble(*spans), (0, 0, 0, 4))


def _beside(before: str, after: str) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for name, text in (("before", before), ("after", after)):
        parts.append(Text(f"  {name}:", style="dim"))
        parts.append(Padding(Text(text), (0, 0, 0, 4)))
    return parts


def _grow(tree: Tree, schedule: Schedule) -> None:
    match schedule:
        case Stage():
            tree.add(Text(_stage(schedule)))
        case Repeat():
            _grow(tree.add(f"{schedule.times} times"), schedule.part)
        case OnPlateau():
            branch = tree.add(f"until {schedule.patience} steps in a row bring nothing")
            _grow(branch, schedule.first)
            _grow(tree.add("then"), schedule.then)
        case Chain() | Alternate() | BestOf():
            names = {"chain": "one after the other", "alternate": "in turn", "best_of": "side by side, the best counts"}
            branch = tree.add(names[schedule.op])
            for part in schedule.parts:
                _grow(branch, part)


def _stage(stage: Stage) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in stage.settings.items())
    kind = f" ({stage.kind})" if stage.name and stage.name != stage.kind else ""
    return f"{stage.label}{kind}{f': {settings}' if settings else ''}"


def usage_table(usage: Mapping[Level, Usage], *, simulated: bool) -> Table:
    """Draw what was used, by level; a price that is not known is shown as unknown."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("level", min_width=len("optimizer"))
    for name in ("calls", "tokens in", "tokens out", "USD"):
        table.add_column(name, justify="right", overflow="fold")
    for level, used in usage.items():
        if used.calls:
            _add_usage(table, level, used)
    _add_usage(table, "total", sum_of(dict(usage)), style="bold")
    table.caption = Text(_remark(sum_of(dict(usage)), simulated=simulated), style="dim")
    table.caption_justify = "left"
    return table


def _remark(total: Usage, *, simulated: bool) -> str:
    if not total.calls:
        return "No call was made: the workspace had every reply."
    return "Simulated calls cost nothing." if simulated else ""


def _add_usage(table: Table, name: str, used: Usage, style: str = "") -> None:
    table.add_row(
        name, f"{used.calls:,}", f"{used.input_tokens:,}", f"{used.output_tokens:,}", money(used), style=style
    )


def tally_table(name: str, split: str, scores: Mapping[str, Tally]) -> Table:
    """Draw the scores of one program, by metric."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("program", "set", "metric", "score %", "n"):
        table.add_column(heading, justify="right" if heading in ("score %", "n") else "left")
    for metric, scored in scores.items():
        table.add_row(name, split, metric, _cell(scored), str(scored.scored))
    return table
