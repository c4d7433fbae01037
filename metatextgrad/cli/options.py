"""The options that several commands share."""

from typing import Annotated

import typer

from metatextgrad.core.programs import PROGRAMS
from metatextgrad.runtime.context import DEFAULT_WORKSPACE as DEFAULT_WORKSPACE

PROGRAM_NAMES = ", ".join(PROGRAMS)

Workspace = Annotated[
    str,
    typer.Option(
        "--workspace",
        envvar="METATEXTGRAD_WORKSPACE",
        metavar="DIR|URI",
        help="Where runs are kept: a folder, or postgresql://...",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; progress is an event a line on stderr.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress, only the result.")]
RunName = Annotated[
    str | None, typer.Option("--run", metavar="NAME", help="What to call the run.", show_default="a new name")
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's name; `metatextgrad runs` lists them.")]
TaskFile = Annotated[
    str | None, typer.Option("--task", metavar="FILE", help="Where the run's task file is now, if it has moved.")
]
ProgramFile = Annotated[
    str | None,
    typer.Option(
        "--program",
        metavar="NAME|FILE",
        help=f"Where to start: {PROGRAM_NAMES}, a file, or a run, whose best program is taken.",
        show_default="the task's own",
    ),
]
