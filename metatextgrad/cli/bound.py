"""`metatextgrad bound`."""

from typing import Annotated

import typer

from metatextgrad.cli.options import Json


def bound(
    *,
    n: Annotated[int, typer.Option("--n", help="Examples that chose the optimizer: the validation set.")] = 100,
    m: Annotated[int, typer.Option("--m", help="Test examples.")] = 100,
    delta: Annotated[float, typer.Option("--delta", help="The probability with which the bound may fail.")] = 0.05,
    candidates: Annotated[
        int, typer.Option("--candidates", help="Every candidate scored on the n examples, inner loops included.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Compute the paper's generalization bound, and the one that holds for several candidates."""
    from rich.table import Table

    from metatextgrad.cli.output import out, say_json
    from metatextgrad.core.bound import bound as bounded

    found = bounded(n, m, delta=delta, candidates=candidates)
    if as_json:
        say_json({**found.model_dump(), "paper": found.paper, "corrected": found.corrected, "vacuous": found.vacuous})
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("slack")
    for column in ("choosing", "testing", "total"):
        table.add_column(column, justify="right")
    for name, choosing, total in (
        ("paper (Theorem 1)", found.paper_selection, found.paper),
        (f"best of {candidates}", found.selection, found.corrected),
    ):
        table.add_row(name, f"{choosing:.3f}", f"{found.testing:.3f}", f"{total:.3f}")
    out().print(table)
    meaning = "says nothing, as a loss is at most 1" if found.vacuous else "is an upper limit, not an estimate"
    out().print(f"With probability {1 - delta:g}: test loss <= loss of the best candidate + slack.", style="dim")
    out().print(f"The slack {meaning}.", style="dim")
