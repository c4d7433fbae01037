"""`metatextgrad export`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metatextgrad.cli.failures import resume_command
from metatextgrad.cli.options import DEFAULT_WORKSPACE, Json, Run, Workspace
from metatextgrad.core.errors import InputError

if TYPE_CHECKING:
    from metatextgrad.core.optimizer import Optimizer
    from metatextgrad.core.program import Program
    from metatextgrad.stored import Found


def export(
    run: Run,
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Where to.", show_default="exports/RUN in the workspace"),
    ] = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: Json = False,
) -> None:
    """Write a run's optimizer and best program as files that other runs can start from."""
    from metatextgrad.cli.documents import simulation
    from metatextgrad.cli.output import out, say_json
    from metatextgrad.stored import read_run

    stored = asyncio.run(read_run(workspace, run))
    if stored.found is None:
        again = resume_command(run, workspace)
        raise InputError(f"Run {run!r} has no result yet: it is {stored.status}. Go on with it: {again}")
    files = _written(stored.found, output or _exports(workspace) / run)
    if as_json:
        documents = {name: value.model_dump(mode="json") for name, value in _contents(stored.found).items()}
        paths = {name: str(path) for name, path in files.items()}
        say_json({"run": run, **simulation(stored.record.simulated), **documents, "files": paths})
        return
    for name, path in files.items():
        out().print(f"{name}  {path}", soft_wrap=True, markup=False)


def _exports(workspace: str) -> Path:
    from metatextgrad.runtime.workspace import POSTGRES

    return Path(DEFAULT_WORKSPACE if workspace.startswith(POSTGRES) else workspace) / "exports"


def _contents(found: "Found") -> "dict[str, Optimizer | Program]":
    return {"optimizer": found.optimizer, "program": found.program}


def _written(found: "Found", folder: Path) -> dict[str, Path]:
    files = {name: folder / f"{name}.json" for name in _contents(found)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in _contents(found).items():
            files[name].write_text(f"{value.model_dump_json(indent=2)}\n", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"Cannot write to {str(folder)!r}: {error.strerror}. Name another folder with --output."
        ) from error
    return files
