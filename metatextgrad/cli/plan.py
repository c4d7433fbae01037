"""`metatextgrad plan`, and the plan of a run beside what it has used."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metatextgrad.cli.options import DEFAULT_WORKSPACE, Json, ProgramFile, Workspace
from metatextgrad.cli.settings import takes_settings
from metatextgrad.runtime.context import Context

if TYPE_CHECKING:
    from rich.table import Table

    from metatextgrad.core.estimate import Range
    from metatextgrad.expected import Plan
    from metatextgrad.runtime.meter import Level, Usage


@takes_settings
def plan(
    *,
    settings: Context,
    optimizer: Annotated[
        str | None,
        typer.Option("--optimizer", metavar="NAME|FILE", help="Plan `optimize` with it instead of `run`."),
    ] = None,
    optimizers: Annotated[
        list[str] | None,
        typer.Option("--optimizers", metavar="NAME|FILE", help="What `run` learns from; repeat it."),
    ] = None,
    program: ProgramFile = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: Json = False,
) -> None:
    """Say what a run will cost, before anything is spent: calls, tokens and money, low, likely and high."""
    from metatextgrad.api import plan as planned
    from metatextgrad.cli.output import out, say_json
    from metatextgrad.cli.programs import chosen_program
    from metatextgrad.graphs.outer_loop import BASE_OPTIMIZERS

    expected = planned(
        settings.task,
        optimizers=optimizers or BASE_OPTIMIZERS,
        optimizer=optimizer,
        program=chosen_program(program, workspace),
        settings=settings,
    )
    if as_json:
        say_json(expected.model_dump(mode="json"))
    else:
        out().print(plan_table(expected))


def plan_table(plan: "Plan", used: "Mapping[Level, Usage] | None" = None) -> "Table":
    """Draw a plan by level; with what was used, a row beneath each level sets it against the plan."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("level", min_width=len("optimizer"))
    for name in ("calls", "tokens", "USD"):
        table.add_column(name, justify="right", overflow="fold")
    for level, expected in plan.levels.items():
        money = _range(expected.usd, ".2f") if expected.usd else "unknown"
        table.add_row(level, _range(expected.calls, ",.0f"), _range(expected.tokens, ",.0f"), money)
        if used is not None:
            table.add_row(*_used(used[level]), style="green")
    table.caption = Text("planned: low - likely - high" + ("; beneath, what was used" if used else ""), style="dim")
    table.caption_justify = "left"
    return table


def stored_plan(record: Any) -> "Plan | None":
    """Return the plan that a run's record keeps; None where it has none."""
    from metatextgrad.expected import Plan

    return Plan.model_validate(record.plan) if record.plan else None


def _range(given: "Range", form: str) -> str:
    return " - ".join(format(value, form) for value in (given.low, given.likely, given.high))


def _used(used: "Usage") -> tuple[str, str, str, str]:
    from metatextgrad.wording import money

    return "  used", f"{used.calls:,}", f"{used.tokens:,}", money(used)
