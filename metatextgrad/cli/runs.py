"""`metatextgrad runs`."""

import asyncio
from typing import TYPE_CHECKING, Any

from metatextgrad.cli.options import DEFAULT_WORKSPACE, Json, Workspace

if TYPE_CHECKING:
    from metatextgrad.core.report import Findings
    from metatextgrad.runtime.record import Record

_COMMANDS = {"meta_optimize": "run", "optimize": "optimize", "evaluate": "evaluate"}


def runs(*, workspace: Workspace = DEFAULT_WORKSPACE, as_json: Json = False) -> None:
    """List the runs of a workspace, the newest first."""
    from rich.table import Table

    from metatextgrad.cli.output import out, say_json
    from metatextgrad.stored import read_runs

    found = asyncio.run(read_runs(workspace))
    if as_json:
        say_json({"runs": [_document(*one) for one in found]})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", overflow="fold")
    for name in ("task", "command", "status"):
        table.add_column(name)
    table.add_column("test %", justify="right")
    table.add_column("begun (UTC)")
    for record, status, findings in found:
        begun = record.created[:16].replace("T", " ")
        table.add_row(record.run, record.task, _COMMANDS[record.kind], status, _test(record, findings), begun)
    out().print(table if found else "No runs yet.")
    if any(record.simulated for record, _, _ in found):
        out().print("* SIMULATED MODELS: this score says nothing about real models", style="yellow")


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
