"""`metatextgrad bench`."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from metatextgrad.cli.options import DEFAULT_WORKSPACE, Json, Quiet, Workspace
from metatextgrad.cli.settings import takes_settings_of_many
from metatextgrad.core.errors import InputError
from metatextgrad.runtime.context import Context

if TYPE_CHECKING:
    from metatextgrad.bench.cells import Cell, Outcome
    from metatextgrad.bench.layouts import Asked, Layout
    from metatextgrad.bench.run import Expected
    from metatextgrad.bench.tables import Grid
    from metatextgrad.execution import Stop

_Some = list[str] | None
_ALL = "1,2,3,4,5,6,7"


@takes_settings_of_many
def bench(
    context: typer.Context,
    layout: Annotated[Literal["paper"], typer.Argument(metavar="paper", help="Whose tables: the paper's.")],
    *,
    settings: Context,
    tables: Annotated[str, typer.Option("--tables", metavar="1,6", help="Which of the paper's tables.")] = _ALL,
    tasks: Annotated[
        _Some, typer.Option("--tasks", metavar="TASK", help="Tasks; repeat it (default: the paper's).")
    ] = None,
    data_of: Annotated[
        _Some, typer.Option("--data-of", metavar="TASK=PATH", help="Where the data of a task is; repeat it.")
    ] = None,
    methods: Annotated[
        _Some, typer.Option("--methods", metavar="NAME", help="Rows, as the paper calls them; repeat it.")
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="Seeds of each cell, from --seed on (the paper: 5).")
    ] = 1,
    max_calls_each: Annotated[
        int | None, typer.Option("--max-calls-each", min=1, help="An equal budget of calls for each optimizer.")
    ] = None,
    max_usd_each: Annotated[
        float | None, typer.Option("--max-usd-each", help="An equal budget of money for each optimizer.")
    ] = None,
    other_model: Annotated[str, typer.Option("--other-model", help="Another program model, for Table 4.")] = "",
    strong_model: Annotated[str, typer.Option("--strong-model", help="A stronger program model, for Table 3.")] = "",
    open_models: Annotated[
        str, typer.Option("--open-models", metavar="P,O,M", help="Program, optimizer and meta model, for Table 7.")
    ] = "",
    arc_models: Annotated[
        str, typer.Option("--arc-models", metavar="P,O,M", help="The same for ARC, in Table 7.")
    ] = "",
    plan: Annotated[bool, typer.Option("--plan", help="Say what it will cost, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Spend what the plan says; real models need it.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")] = False,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make the paper's tables with any models; what is done already is not done again."""
    from metatextgrad.bench.layouts import PAPER_TASKS, SIMULATED_TASKS, Asked, layouts
    from metatextgrad.core.statistics import need_scipy

    del layout
    need_scipy()
    budget = {"max_calls": max_calls_each or settings.max_calls, "max_usd": max_usd_each or settings.max_usd}
    asked = Asked(
        settings=settings.model_copy(update=budget),
        tasks=tuple(tasks or (SIMULATED_TASKS if settings.program_model == "simulated" else PAPER_TASKS)),
        seeds=seeds,
        data=tuple(_pair(item) for item in data_of or ()),
        to_the_end=bool(max_calls_each or max_usd_each),
        other_model=other_model,
        strong_model=strong_model,
        open_models=_three(open_models, "--open-models"),
        arc_models=_three(arc_models, "--arc-models"),
        **({"methods": tuple(methods)} if methods else {}),
    )
    made = layouts(asked, _numbers(tables))
    cells = [cell for one in made for _, slots in one.rows for slot in slots for cell in slot.cells]
    again = shlex.join(["metatextgrad", *context.obj])
    work = _Work(cells, bench_place(workspace), again, quiet=quiet, as_json=as_json)
    expected = work.expected()
    if plan:
        _say_plan(expected, as_json=as_json)
        return
    work.agree(expected, simulated=_simulated(cells), yes=yes)
    _show(asked, made, work.outcomes(), as_json=as_json, as_markdown=markdown)


def bench_place(workspace: str) -> Path:
    """Return the folder of a benchmark's cells.

    Raises:
        InputError: the workspace is a database.
    """
    from metatextgrad.runtime.workspace import POSTGRES

    if workspace.startswith(POSTGRES):
        raise InputError("A benchmark gives each cell a workspace of its own; name a folder with --workspace.")
    return Path(workspace) / "bench"


class _Work:
    """The cells of a benchmark, and how they are carried out and shown."""

    def __init__(self, cells: "Sequence[Cell]", place: Path, again: str, *, quiet: bool, as_json: bool) -> None:
        from metatextgrad.bench.run import in_order

        self.cells, self.place, self.again = in_order(cells), place, again
        self.quiet, self.as_json = quiet, as_json

    def expected(self) -> "Expected":
        """Say what the cells that are not done will cost."""
        from metatextgrad.bench.run import done, expected

        return expected(cell for cell in self.cells if done(cell, self.place) is None)

    def agree(self, expected: "Expected", *, simulated: bool, yes: bool) -> None:
        """Tell the plan, and go on only with a yes where it costs money."""
        if expected.cells and not (simulated or yes):
            raise InputError(f"{plan_line(expected)} Add --yes to go on, or --max-calls-each for a budget.")
        self._say(plan_line(expected))

    def outcomes(self) -> "dict[str, Outcome]":
        """Carry out what is missing."""
        from metatextgrad.cli.running import Manner, attend

        manner = Manner("bench", lambda _: self.again, quiet=True, as_json=self.as_json, named=False)
        return attend(lambda _, stop: self._carried_out(stop), manner)

    async def _carried_out(self, stop: "Stop") -> "dict[str, Outcome]":
        from metatextgrad.bench.run import carry_out, done

        found: dict[str, Outcome] = {}
        for number, cell in enumerate(self.cells, 1):
            known = done(cell, self.place)
            outcome = known or await carry_out(cell, self.place, stop)
            found[cell.name] = outcome
            if known is None:
                score = f"val {outcome.val.score or 0:.3f} test {outcome.test.score or 0:.3f}"
                self._say(f"[{number}/{len(self.cells)}] {cell.name}: {score}, {outcome.total.calls:,} calls")
        return found

    def _say(self, line: str) -> None:
        if not self.quiet:
            typer.echo(line, err=True)


def plan_line(expected: "Expected") -> str:
    """Say in a sentence what cells will cost."""
    calls, usd = expected.calls, expected.usd
    money = f"{usd.low:.2f} - {usd.likely:.2f} - {usd.high:.2f} US dollars" if usd else "money unknown"
    return (
        f"{expected.cells} cells to do: {calls.low:,.0f} - {calls.likely:,.0f} - {calls.high:,.0f} calls, {money} "
        "(low - likely - high)."
    )


def _say_plan(expected: "Expected", *, as_json: bool) -> None:
    from metatextgrad.cli.output import out, say_json

    if as_json:
        say_json(expected.model_dump(mode="json"))
    else:
        out().print(plan_line(expected), soft_wrap=True, markup=False)


def _show(
    asked: "Asked", made: "Sequence[Layout]", outcomes: "dict[str, Outcome]", *, as_json: bool, as_markdown: bool
) -> None:
    from metatextgrad.bench.tables import grid, markdown
    from metatextgrad.cli.documents import simulation, usage_document
    from metatextgrad.cli.output import out, say_json
    from metatextgrad.cli.result import mark

    simulated = _simulated([cell for one in made for _, slots in one.rows for slot in slots for cell in slot.cells])
    grids = [grid(layout, outcomes) for layout in made]
    if as_json:
        cells = {
            name: {
                "val": found.val.score,
                "test": found.test.score,
                "cut": found.cut,
                "usage": usage_document(found.usage),
            }
            for name, found in outcomes.items()
        }
        say_json(
            {**simulation(simulated), "seeds": asked.seeds, "tables": [asdict(one) for one in grids], "cells": cells}
        )
        return
    mark(out(), simulated)
    for one in grids:
        if as_markdown:
            typer.echo(f"{markdown(one)}\n")
        else:
            out().print(drawn(one))
    mark(out(), simulated)


def drawn(grid: "Grid") -> Any:
    """Draw a table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", title=grid.title, title_justify="left"
    )
    for place, name in enumerate(grid.header):  # an interval stands below its score, so that a terminal holds the table
        table.add_column(
            name.replace(" ", "\n"), justify="right" if place else "left", no_wrap=not place, overflow="fold"
        )
    for row in grid.rows:
        table.add_row(row[0], *(Text(cell.replace(" [", "\n[")) for cell in row[1:]))
    table.caption, table.caption_justify = Text("\n".join([*grid.notes, ""]), style="dim"), "left"
    return table


def _simulated(cells: "Sequence[Cell]") -> bool:
    return any(str(cell.settings["program_model"]).startswith("simulated") for cell in cells)


def _numbers(written: str) -> list[int]:
    try:
        return [int(part) for part in written.split(",")]
    except ValueError:
        raise InputError(f"--tables takes numbers with commas, such as 1,6, not {written!r}.") from None


def _pair(written: str) -> tuple[str, str]:
    task, found, path = written.partition("=")
    if not found:
        raise InputError(f"--data-of takes TASK=PATH, not {written!r}.")
    return task, path


def _three(written: str, option: str) -> tuple[str, ...]:
    models = tuple(written.split(",")) if written else ()
    if models and len(models) != 3:
        raise InputError(f"{option} takes three models with commas, program,optimizer,meta, not {written!r}.")
    return models
