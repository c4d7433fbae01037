"""`metatextgrad demo`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from metatextgrad.cli.options import DEFAULT_WORKSPACE, Json, Quiet, Workspace

if TYPE_CHECKING:
    from metatextgrad.stored import StoredRun

TASKS = ("bbh/dyck_languages", "bbh/word_sorting")


def demo(*, workspace: Workspace = DEFAULT_WORKSPACE, as_json: Json = False, quiet: Quiet = False) -> None:
    """Run metaTextGrad end to end on two tasks with simulated models; takes no key, no network, and under a minute."""
    place = _fresh(workspace)
    stored = [_learned(task, place, as_json=as_json, quiet=quiet) for task in TASKS]
    reports = _reports(stored, place)
    if as_json:
        _say(stored, place, reports)
    else:
        _print(stored, place, reports)


def _fresh(workspace: str) -> str:
    """Return a workspace that is not there yet: in one with an earlier demo every call would be found and none made."""
    from metatextgrad.runtime.workspace import POSTGRES

    home = Path(DEFAULT_WORKSPACE if workspace.startswith(POSTGRES) else workspace)
    number = 1
    while (home / f"demo-{number}").exists():
        number += 1
    return str(home / f"demo-{number}")


def _learned(task: str, place: str, *, as_json: bool, quiet: bool) -> "StoredRun":
    from metatextgrad.api import ameta_optimize
    from metatextgrad.cli.failures import resume_command
    from metatextgrad.cli.running import Manner, attend
    from metatextgrad.runtime.context import Context
    from metatextgrad.stored import read_run

    run = task.rpartition("/")[2]
    manner = Manner(f"demo {task}", lambda name: resume_command(name, place), quiet=quiet, as_json=as_json)
    attend(
        lambda on_event, stop: ameta_optimize(
            task, settings=Context(task=task), workspace=place, run=run, on_event=on_event, stop=stop
        ),
        manner,
    )
    return asyncio.run(read_run(place, run))


def _reports(stored: "list[StoredRun]", place: str) -> list[str]:
    from metatextgrad.cli.report import demonstrated

    return [str(file) for one in stored if (file := demonstrated(place, one.record.run))]


def _say(stored: "list[StoredRun]", place: str, reports: list[str]) -> None:
    from metatextgrad.cli.documents import result_document, simulation
    from metatextgrad.cli.output import say_json

    results = [result_document(one.record.run, one.found, one.usage) for one in stored if one.found]
    say_json({**simulation(True), "workspace": place, "results": results, "reports": reports})


def _print(stored: "list[StoredRun]", place: str, reports: list[str]) -> None:
    """Print what was learned, and last, where a terminal shows it, what it scores and how to go on."""
    from metatextgrad.cli.output import out
    from metatextgrad.cli.result import mark, optimizer_view, score_table, show_following, usage_table
    from metatextgrad.cli.show import next_commands

    console = out()
    mark(console, True)
    for one in stored:
        if one.found:
            console.print(f"{one.record.task}", style="bold")
            console.print(optimizer_view(one.found, colours=console.color_system is not None))
            console.print()
            console.print(usage_table(one.usage, simulated=True))
            console.print()
    console.print(score_table([one.found.findings for one in stored if one.found], improved=False))
    if reports:
        console.print("\nreports, to be opened in a browser", style="bold")
    for file in reports:
        console.print(f"  {file}", soft_wrap=True, markup=False)
    commands = [command for one in stored for command in next_commands(one, place)]
    show_following(console, [command for command in commands if not (reports and " report " in command)])
    mark(console, True)
