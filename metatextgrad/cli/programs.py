"""Choose a program by name, file or run."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from metatextgrad.core.errors import InputError

if TYPE_CHECKING:
    from metatextgrad.core.program import Program

INITIAL = ("initial", "cot")


def chosen_program(name: str | None, workspace: str) -> "Path | Program | None":
    """Return what stands for a program; None for the task's own.

    Raises:
        InputError: it names nothing.
    """
    if name is None or name in INITIAL:
        return None
    if name.endswith(".json") or Path(name).is_file():
        return Path(name)
    from metatextgrad.cli.stored import stored_program

    found = asyncio.run(stored_program(workspace, name))
    if found is None:
        expected = "Give initial (the task's own), the path of a program file, the name of a run, or a program's id."
        raise InputError(f"Unknown program {name!r}. {expected}")
    return found
