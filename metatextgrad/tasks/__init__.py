"""Tasks: the built-in ones by name, and your own from a TOML file."""

from pathlib import Path

from metatextgrad.core.errors import InputError
from metatextgrad.core.task import Task
from metatextgrad.tasks.bbh import BENCHMARKS, load_benchmark
from metatextgrad.tasks.loading import load_task_file

__all__ = ["builtin_tasks", "load_task"]


def builtin_tasks() -> dict[str, str]:
    """Return the names of the built-in tasks, each with a sentence on what it asks."""
    return {name: benchmark.description for name, benchmark in BENCHMARKS.items()}


def load_task(ref: str, *, data: str = "", seed: int = 0) -> Task:
    """Load a built-in task by name, or a task of your own from the path of its TOML file.

    A built-in task reads BIG-Bench Hard's own file from the path `data`. Without one its examples are generated, the
    same ones whatever the seed: a run's seed must not change what the run is measured on.

    Raises:
        InputError: there is no such task, or its data is wrong.
    """
    del seed  # No task uses it yet; a task that shuffles choices, for one, would.
    if ref in BENCHMARKS:
        return load_benchmark(BENCHMARKS[ref], Path(data).expanduser() if data else None)
    path = Path(ref).expanduser()
    if not ref.endswith(".toml") and not _is_file(path):
        names = ", ".join(sorted(BENCHMARKS))
        raise InputError(
            f"Unknown task {ref!r}. Available: {names}; or give the path of a TOML file that describes yours."
        )
    if data:
        raise InputError(
            f"Task {ref!r} names its own data files, so data={data!r} has no meaning; change them in its [data]."
        )
    return load_task_file(path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, for one
        return False
