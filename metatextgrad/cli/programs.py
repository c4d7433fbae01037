"""Choose a program by name, file or run."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from metatextgrad.core.errors import InputError
from metatextgrad.core.programs import PROGRAMS

if TYPE_CHECKING:
    from metatextgrad.core.program import Program

INITIAL = "initial"


def chosen_program(name: str | None, workspace: str) -> "str | Path | Program | None":
    """Return what stands for a program: a built-in one's name, a file, or what a run found; None for the task's own.

    Raises:
        InputError: it names nothing.
    """
    if name is None or name == INITIAL:
        return None
    if name in PROGRAMS:
        return name
    if name.endswith(".json") or Path(name).is_file():
        return Path(name)
    from metatextgrad.stored import stored_program

    found = asyncio.run(stored_program(workspace, name))
    if found is None:
        named = ", ".join(sorted(PROGRAMS))
        raise InputError(
            f"Unknown program {name!r}. Give initial (the task's own), {named}, the path of a program file, "
            "the name of a run, or a program's id."
        )
    return found
