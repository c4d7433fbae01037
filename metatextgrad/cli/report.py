"""`metatextgrad report`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metatextgrad.cli.options import DEFAULT_WORKSPACE, Json, Workspace
from metatextgrad.core.errors import InputError

if TYPE_CHECKING:
    from metatextgrad.report.material import Material
    from metatextgrad.report.views import Several, Story

Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN...", help="The run's name; several are set side by side.", show_default=False),
]


def report(
    run: Runs,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to.", show_default="reports/RUN.html in the workspace"
        ),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="DIR", help="Write figures for papers too, as PNG and SVG.")
    ] = None,
    workspace: Workspace = DEFAULT_WORKSPACE,
    as_json: Json = False,
) -> None:
    """Write a run's report: one HTML file that opens without a network. Several runs are set side by side."""
    from metatextgrad.cli.documents import simulation
    from metatextgrad.cli.output import out, say_json
    from metatextgrad.report.page import require

    names = list(dict.fromkeys(run))
    require("jinja2", "scipy", *(["matplotlib"] if figures else []))
    from metatextgrad.report.material import gather

    materials = [asyncio.run(gather(workspace, name)) for name in names]
    file = output or _reports(workspace) / f"{'-and-'.join(names)}.html"
    drawn = _written(materials, file, figures)
    if as_json:
        simulated = any(material.stored.record.simulated for material in materials)
        say_json({"runs": names, **simulation(simulated), "file": str(file), "figures": [str(path) for path in drawn]})
        return
    for path in (file, *drawn):
        out().print(str(path), soft_wrap=True, markup=False)


def demonstrated(workspace: str, run: str) -> Path | None:
    """Write the report of a run, and return its path; None where the extra is not installed: a demo goes on without."""
    from metatextgrad.report.page import require

    try:
        require("jinja2", "scipy")
    except InputError:
        return None
    from metatextgrad.report.material import gather

    file = _reports(workspace) / f"{run}.html"
    _written([asyncio.run(gather(workspace, run))], file, None)
    return file


def _reports(workspace: str) -> Path:
    from metatextgrad.runtime.workspace import POSTGRES

    return Path(DEFAULT_WORKSPACE if workspace.startswith(POSTGRES) else workspace) / "reports"


def _written(materials: "list[Material]", file: Path, figures: Path | None) -> list[Path]:
    """Write the page and the figures, and return the figures' paths."""
    from metatextgrad.report.comparing import set_side_by_side
    from metatextgrad.report.page import comparison_page, run_page
    from metatextgrad.report.story import tell

    if len(materials) == 1:
        story = tell(materials[0])
        _save(run_page(story, materials[0]), file)
        return _drawn([story], None, figures) if figures else []
    several = set_side_by_side(materials)
    _save(comparison_page(several), file)
    return _drawn(several.stories, several, figures) if figures else []


def _drawn(stories: "Sequence[Story]", several: "Several | None", folder: Path) -> list[Path]:
    from metatextgrad.report.figures import write_comparison, write_figures

    together = write_comparison(several, folder) if several else []
    return [*together, *(path for story in stories for path in write_figures(story, folder))]


def _save(page: str, file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # A model can write half of a surrogate pair, which no file in UTF-8 can hold.
        file.write_text(page, encoding="utf-8", errors="replace")
    except OSError as error:
        msg = f"Cannot write {str(file)!r}: {error.strerror}. Name another file with --output."
        raise InputError(msg) from error
