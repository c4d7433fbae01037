"""`metatextgrad evaluate`."""

import shlex
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from metatextgrad.cli.options import DEFAULT_WORKSPACE, PROGRAM_NAMES, Json, Quiet, Workspace
from metatextgrad.cli.settings import takes_settings
from metatextgrad.runtime.context import Context

if TYPE_CHECKING:
    from metatextgrad.core.trial import Evaluation
    from metatextgrad.execution import Stop


@takes_settings
def evaluate(
    context: typer.Context,
    *,
    settings: Context,
    program: Annotated[
        str,
        typer.Option(
            "--program", metavar="NAME|FILE", help=f"initial, {PROGRAM_NAMES}, a file, a run, or a program's id."
        ),
    ] = "initial",
    split: Annotated[Literal["train", "val", "test"], typer.Option("--split", help="Which set.")] = "test",
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score a program on one set of a task."""
    from metatextgrad.api import aevaluate
    from metatextgrad.cli.programs import chosen_program
    from metatextgrad.cli.running import Manner, attend

    chosen = chosen_program(program, workspace)
    again = shlex.join(["metatextgrad", *context.obj])  # the calls that were made are kept, so this goes on
    stops: list[Stop] = []

    async def work(on_event: Any, stop: "Stop") -> "Evaluation":
        stops.append(stop)
        return await aevaluate(
            settings.task,
            program=chosen,
            split=split,
            settings=settings,
            workspace=workspace,
            on_event=on_event,
            stop=stop,
        )

    title = f"evaluate {program}  {settings.task}"
    evaluation = attend(work, Manner(title, lambda _: again, quiet=quiet, as_json=as_json, named=False))
    _show(evaluation, program, stops[0], as_json=as_json)


def _show(evaluation: "Evaluation", program: str, stop: "Stop", *, as_json: bool) -> None:
    from metatextgrad.cli.documents import simulation, tally_document, usage_document
    from metatextgrad.cli.output import out, say_json
    from metatextgrad.cli.result import mark, tally_table, usage_table
    from metatextgrad.core.report import tally

    assert stop.opened is not None, "an evaluation that ended had begun"
    task, ledger, scored = stop.opened.task, stop.opened.ledger, tally(evaluation)
    simulated, usage = ledger.models.simulated, ledger.meter.levels
    if as_json:
        asked = {"task": task.name, "program": evaluation.program, "split": evaluation.split}
        say_json({**asked, **simulation(simulated), **tally_document(scored), "usage": usage_document(usage)})
        return
    mark(out(), simulated)
    out().print(tally_table(program, evaluation.split, scored))
    out().print(usage_table(usage, simulated=simulated))
