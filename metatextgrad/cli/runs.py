"""`metatextgrad runs`."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from metatextgrad.cli.options import DEFAULT_WORKSPACE, Json, Workspace

if TYPE_CHECKING:
    from metatextgrad.core.report import Findings
    from metatextgrad.runtime.record import Record

_HEAD = ("run", "task", "command", "status", "test %", "begun (UTC)")
_TEST = _HEAD.index("test %")
_COMMANDS = {"meta_optimize": "run", "optimize": "optimize", "evaluate": "evaluate"}


def runs(*, workspace: Workspace = DEFAULT_WORKSPACE, as_json: Json = False) -> None:
    """List the runs of a workspace, the newest first."""
    from metatextgrad.cli.output import out, say_json
    from metatextgrad.stored import read_runs

    found = asyncio.run(read_runs(workspace))
    if as_json:
        say_json({"runs": [_document(*one) for one in found]})
        return
    if not found:
        out().print("No runs yet.")
        return
    head, *lines = _aligned([_HEAD, *(_row(*one) for one in found)])
    out().print(head, style="bold", soft_wrap=True)
    typer.echo("\n".join(lines))
    if any(record.simulated for record, _, _ in found):
        out().print("* SIMULATED MODELS: this score says nothing about real models", style="yellow")


def _row(record: "Record", status: str, findings: "Findings | None") -> tuple[str, ...]:
    begun = record.created[:16].replace("T", " ")
    return record.run, record.task, _COMMANDS[record.kind], status, _test(record, findings), begun


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Write a table in lines; to draw a thousand runs with rich would take longer than to read them."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [(cell, " " * (width - cell_len(cell))) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(gap + cell if place == _TEST else cell + gap for place, (cell, gap) in enumerate(cells)))
    return [line.rstrip() for line in lines]


def _test(record: "Record", findings: "Findings | None") -> str:
    test = findings.rows[-1].test if findings else None
    return f"{100 * test.score:.1f}{'*' if record.simulated else ''}" if test else "-"


def _document(record: "Record", status: str, findings: "Findings | None") -> dict[str, Any]:
    from metatextgrad.cli.documents import rows_document, simulation

    return {
        "run": record.run,
        "task": record.task,
        "kind": record.kind,
        "status": status,
        "created": record.created,
        **simulation(record.simulated),
        "best": rows_document(findings)[-1] if findings else None,
    }
