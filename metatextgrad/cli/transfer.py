"""`metatextgrad transfer`."""

import shlex
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metatextgrad.cli.options import DEFAULT_WORKSPACE, Json, Quiet, Workspace
from metatextgrad.cli.settings import takes_settings_of_many
from metatextgrad.runtime.context import Context

if TYPE_CHECKING:
    from metatextgrad.bench.transfer import Landed

Document = dict[str, Any]


@takes_settings_of_many
def transfer(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The learned optimizer, as `export` writes it.")],
    tasks: Annotated[list[str], typer.Argument(metavar="TASK...", help="Tasks, built-in or files.")],
    *,
    settings: Context,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", metavar="NAME|FILE", help="Untrained ones; repeat it (default: tgd and adas-tg)."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--models", metavar="NAME", help="Program models; repeat it (default: --program-model)."),
    ] = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Apply a learned optimizer to other tasks or models, beside untrained ones; what is done is not done again."""
    from metatextgrad.bench.transfer import land, legs
    from metatextgrad.cli.output import say_json
    from metatextgrad.cli.running import Manner, attend
    from metatextgrad.core.statistics import need_scipy
    from metatextgrad.given import optimizers_of
    from metatextgrad.graphs.outer_loop import BASE_OPTIMIZERS

    need_scipy()
    (learned, *untrained), _ = optimizers_of([file, *(against or BASE_OPTIMIZERS)])
    every = legs(learned, untrained, tasks, models or [settings.program_model], settings)
    again = shlex.join(["metatextgrad", *context.obj])

    def told(landed: "Landed") -> None:
        if not quiet:
            typer.echo(f"{landed.leg.run}: {landed.leg.optimizer.name}, test {landed.test.score or 0:.3f}", err=True)

    manner = Manner("transfer", lambda _: again, quiet=True, as_json=as_json, named=False)
    landed = attend(lambda _, stop: land(every, workspace, stop, told), manner)
    if as_json:
        say_json(_document(landed))
    else:
        _print(landed)


def _groups(landed: "Sequence[Landed]") -> "Iterator[tuple[tuple[str, str], list[Landed]]]":
    """Yield what belongs to one task and one model."""
    for key, group in groupby(landed, lambda one: (one.leg.settings.task, one.leg.settings.program_model)):
        yield key, list(group)


def _print(landed: "Sequence[Landed]") -> None:
    from rich.table import Table

    from metatextgrad.cli.output import out
    from metatextgrad.cli.result import mark

    simulated = any(one.simulated for one in landed)
    mark(out(), simulated)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("optimizer", "validation", "test", "n", "calls"):
        table.add_column(name, justify="left" if name == "optimizer" else "right")
    said = []
    for (task, model), group in _groups(landed):
        table.add_row(f"{task}, {model}", style="bold")
        for row in _lines(group):
            table.add_row(*row, style="bold green" if row[0].endswith("(learned)") else "")
        said += [f"{task}, {model}: {sentence}" for sentence in _sentences(group)]
    table.caption, table.caption_justify = (
        "per cent [95 % interval after Wilson]; calls: those that had to be made",
        "left",
    )
    out().print(table)
    for line in said:
        out().print(line, markup=False)
    mark(out(), simulated)


def _lines(group: "Sequence[Landed]") -> Iterator[tuple[str, str, str, str, str]]:
    from metatextgrad.wording import title

    initial = group[0].initial
    yield "zero-shot", _cell(initial.val), _cell(initial.test), str(initial.test.scored if initial.test else 0), "-"
    for one in group:
        name = f"{title(one.leg.optimizer.name)}{' (learned)' if one.leg.learned else ''}"
        count = str(one.found.test.scored if one.found.test else 0)
        yield name, _cell(one.found.val), _cell(one.found.test), count, f"{one.calls:,}"


def _cell(tally: Any) -> str:
    if tally is None or not tally.scored:
        return "-"
    low, high = tally.interval
    return f"{100 * tally.score:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _sentences(group: "Sequence[Landed]") -> Iterator[str]:
    from metatextgrad.bench.transfer import verdict

    if found := verdict(group):
        best, compared = found
        apart, exact = compared.difference, compared.mcnemar
        test = f"exact McNemar p = {exact.p:.2g}" if exact else f"paired bootstrap p = {apart.p:.2g}"
        yield (
            f"learned against {best.leg.optimizer.name} (best untrained on validation), test: "
            f"{100 * apart.mean:+.1f} points [{100 * apart.low:+.1f}, {100 * apart.high:+.1f}], {test}"
        )


def _document(landed: "Sequence[Landed]") -> Document:
    from metatextgrad.cli.documents import simulation

    groups = [_group(*item) for item in _groups(landed)]
    return {**simulation(any(one.simulated for one in landed)), "transfers": groups}


def _group(key: tuple[str, str], group: "Sequence[Landed]") -> Document:
    from metatextgrad.bench.transfer import verdict
    from metatextgrad.cli.documents import tally_document, usage_document

    initial, found = group[0].initial, verdict(group)
    rows = [
        {
            "optimizer": one.leg.optimizer.name,
            "learned": one.leg.learned,
            "run": one.leg.run,
            "validation": tally_document(one.found.val),
            "test": tally_document(one.found.test) if one.found.test else None,
            "usage": usage_document(one.usage),
        }
        for one in group
    ]
    return {
        "task": key[0],
        "program_model": key[1],
        "initial": {
            "validation": tally_document(initial.val),
            "test": tally_document(initial.test) if initial.test else None,
        },
        "rows": rows,
        "against": found[0].leg.optimizer.name if found else None,
        "difference": found[1].model_dump(mode="json") if found else None,
    }
