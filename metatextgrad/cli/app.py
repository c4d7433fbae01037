"""The command line: its commands, and the one place where errors become messages and exit codes."""

from collections.abc import Sequence
from typing import Annotated

import typer

from metatextgrad.cli.bench import bench
from metatextgrad.cli.bound import bound
from metatextgrad.cli.demo import demo
from metatextgrad.cli.evaluate import evaluate
from metatextgrad.cli.export import export
from metatextgrad.cli.failures import debugging
from metatextgrad.cli.failures import report as report_error
from metatextgrad.cli.fork import fork
from metatextgrad.cli.graph import graph
from metatextgrad.cli.optimize import optimize, resume, run
from metatextgrad.cli.plan import plan
from metatextgrad.cli.report import report
from metatextgrad.cli.runs import runs
from metatextgrad.cli.show import show
from metatextgrad.cli.tasks import tasks
from metatextgrad.cli.transfer import transfer

INTERRUPTED = 130
"""What typer returns for a KeyboardInterrupt; no command of ours returns it."""
app = typer.Typer(
    name="metatextgrad",
    help="Learn the LLM optimizer that fits your task.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    demo,
    run,
    optimize,
    evaluate,
    plan,
    resume,
    fork,
    runs,
    show,
    export,
    report,
    graph,
    tasks,
    bound,
    transfer,
    bench,
):
    app.command()(command)


def carry_out(arguments: Sequence[str]) -> int:
    """Carry out a command and return the exit code."""
    try:
        code = app(args=arguments, prog_name="metatextgrad", standalone_mode=False, obj=arguments) or 0
    except Exception as error:
        if debugging():
            raise
        return report_error(error, as_json="--json" in arguments)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    return int(code)


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=lambda asked: _version(asked), is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version  # its callback has answered


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"metatextgrad {version('metatextgrad')}")
        raise typer.Exit
