"""`metatextgrad evaluate`."""

import shlex
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from metatextgrad.cli.options import DEFAULT_WORKSPACE, PROGRAM_NAMES, Json, Quiet, Workspace
from metatextgrad.cli.settings import takes_settings
from metatextgrad.runtime.context import Context

if TYPE_CHECKING:
    from metatextgrad.core.report import Tally
    from metatextgrad.core.task import Split
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
    _show(evaluation, program, stops[0], settings, as_json=as_json)


def _show(evaluation: "Evaluation", program: str, stop: "Stop", settings: Context, *, as_json: bool) -> None:
    from metatextgrad.cli.documents import simulation, tally_document, usage_document
    from metatextgrad.cli.output import out, say_json
    from metatextgrad.cli.result import mark, tally_table, usage_table
    from metatextgrad.core.report import tally

    assert stop.opened is not None, "an evaluation that ended had begun"
    task, ledger = stop.opened.task, stop.opened.ledger
    simulated, usage = ledger.models.simulated, ledger.meter.levels
    scores = {task.metric_name: tally(evaluation), **_by_own_metric(evaluation, settings)}
    if as_json:
        asked = {"task": task.name, "program": evaluation.program, "split": evaluation.split}
        by_metric = {metric: tally_document(scored) for metric, scored in scores.items()}
        found = {**by_metric[task.metric_name], "metric": task.metric_name, "by_metric": by_metric}
        say_json({**asked, **simulation(simulated), **found, "usage": usage_document(usage)})
        return
    mark(out(), simulated)
    out().print(tally_table(program, evaluation.split, scores))
    out().print(usage_table(usage, simulated=simulated))


def _by_own_metric(evaluation: "Evaluation", settings: Context) -> "dict[str, Tally]":
    """Score the same replies by the task's own metric, where another one was asked for; this costs nothing."""
    from metatextgrad.core.report import rescored, tally
    from metatextgrad.core.task import is_judged
    from metatextgrad.tasks import load_task

    own = load_task(settings.task, data=settings.data) if settings.metric else None
    if own is None or is_judged(own.metric):
        return {}
    return {own.metric_name: tally(rescored(evaluation, own.metric, own.split(cast("Split", evaluation.split))))}
