"""`metatextgrad fork`."""

import asyncio
from typing import Annotated, Any

import typer

from metatextgrad.cli.optimize import carry_out
from metatextgrad.cli.options import DEFAULT_WORKSPACE, Json, Quiet, Run, RunName, TaskFile, Workspace
from metatextgrad.cli.settings import takes_changes
from metatextgrad.runtime.context import FORKABLE


@takes_changes(FORKABLE)
def fork(
    run: Run,
    *,
    at: Annotated[
        str,
        typer.Option(
            "--at", metavar="LOOP:STEP", help="After which step: tgd:1, or tgd/0:3 of an inner loop, as `show` has it."
        ),
    ],
    name: RunName = None,
    changes: dict[str, Any],
    task: TaskFile = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Go on from a step of a run as another run, with other settings from there on; nothing is paid for twice."""
    from metatextgrad.api import afork
    from metatextgrad.stored import read_run

    asyncio.run(read_run(workspace, run))  # no workspace is made for a run that is not there
    carry_out(
        lambda on_event, stop: afork(
            run, at=at, settings=changes, name=name, task=task, workspace=workspace, on_event=on_event, stop=stop
        ),
        f"fork of {run} at {at}",
        workspace,
        as_json=as_json,
        quiet=quiet,
    )
