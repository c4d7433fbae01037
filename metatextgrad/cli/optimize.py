"""`metatextgrad run`, `optimize` and `resume`: the commands that start a run or go on with one."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metatextgrad.cli.options import DEFAULT_WORKSPACE, Json, ProgramFile, Quiet, Run, RunName, TaskFile, Workspace
from metatextgrad.cli.settings import takes_changes, takes_settings
from metatextgrad.runtime.context import RESUMABLE, Context

if TYPE_CHECKING:
    from metatextgrad.cli.running import Work
    from metatextgrad.result import Result


@takes_settings
def run(
    *,
    settings: Context,
    optimizers: Annotated[
        list[str] | None,
        typer.Option(
            "--optimizers", metavar="NAME|FILE", help="What to learn from; repeat it (default: tgd and adas-tg)."
        ),
    ] = None,
    program: ProgramFile = None,
    run: RunName = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Learn the optimizer that fits a task: metaTextGrad, both phases."""
    from metatextgrad.api import ameta_optimize
    from metatextgrad.cli.programs import chosen_program
    from metatextgrad.graphs.outer_loop import BASE_OPTIMIZERS

    start = chosen_program(program, workspace)
    carry_out(
        lambda on_event, stop: ameta_optimize(
            settings.task,
            optimizers=optimizers or BASE_OPTIMIZERS,
            program=start,
            settings=settings,
            workspace=workspace,
            run=run,
            on_event=on_event,
            stop=stop,
        ),
        f"metaTextGrad  {settings.task}",
        workspace,
        as_json=as_json,
        quiet=quiet,
    )


@takes_settings
def optimize(
    *,
    settings: Context,
    optimizer: Annotated[
        str,
        typer.Option("--optimizer", metavar="NAME|FILE", help="A built-in optimizer, such as tgd or mipro, or a file."),
    ] = "tgd",
    program: ProgramFile = None,
    run: RunName = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Improve a task's program with one optimizer: the inner loop alone."""
    from metatextgrad.api import aoptimize
    from metatextgrad.cli.programs import chosen_program

    start = chosen_program(program, workspace)
    carry_out(
        lambda on_event, stop: aoptimize(
            settings.task,
            optimizer=optimizer,
            program=start,
            settings=settings,
            workspace=workspace,
            run=run,
            on_event=on_event,
            stop=stop,
        ),
        f"{optimizer}  {settings.task}",
        workspace,
        as_json=as_json,
        quiet=quiet,
    )


@takes_changes(RESUMABLE)
def resume(
    run: Run,
    *,
    changes: dict[str, Any],
    approve_with: Annotated[
        str | None,
        typer.Option("--approve-with", metavar="approve|reject|edit", help="Answer the candidate that waits."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the candidate.")] = "",
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="The edited candidate, as JSON, for edit.")
    ] = None,
    task: TaskFile = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a run from where it stands; one that has ended gives its result again."""
    from metatextgrad.api import aresume
    from metatextgrad.cli.approving import decision_from
    from metatextgrad.stored import read_run

    decision = decision_from(approve_with, reason, file)
    record = asyncio.run(read_run(workspace, run)).record  # no workspace is made for a run that is not there
    carry_out(
        lambda on_event, stop: aresume(
            run, task=task, caps=changes, decision=decision, workspace=workspace, on_event=on_event, stop=stop
        ),
        f"resumed  {record.task}",
        workspace,
        as_json=as_json,
        quiet=quiet,
    )


def carry_out(work: "Work[Result]", title: str, workspace: str, *, as_json: bool, quiet: bool) -> None:
    """Attend to a run and print what it found."""
    from metatextgrad.cli.approving import attend_and_ask
    from metatextgrad.cli.documents import result_document
    from metatextgrad.cli.failures import resume_command
    from metatextgrad.cli.output import out, say_json
    from metatextgrad.cli.result import show_result
    from metatextgrad.cli.running import Manner
    from metatextgrad.cli.show import next_commands, racing_document, show_racing
    from metatextgrad.stored import read_run

    manner = Manner(title, lambda name: resume_command(name, workspace), quiet=quiet, as_json=as_json)
    result = attend_and_ask(work, manner, workspace)
    stored = asyncio.run(read_run(workspace, result.run, turns=True))
    assert stored.found is not None, "a run that gave a result has findings"
    if as_json:
        say_json({**result_document(result.run, stored.found, stored.usage), **racing_document(stored)})
    else:
        show_racing(out(), stored)
        show_result(out(), stored.found, stored.usage, next_commands(stored, workspace))
