"""Tasks: the built-in ones by name, and your own from a TOML file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from metatextgrad.core.errors import InputError
from metatextgrad.core.task import Task
from metatextgrad.tasks import arc
from metatextgrad.tasks.bbh import BENCHMARKS, load_benchmark
from metatextgrad.tasks.choices import CHOICES, load_choices
from metatextgrad.tasks.loading import load_task_file
from metatextgrad.tasks.metrics import check_metric, metric_name, resolve_metric

__all__ = ["builtin_tasks", "is_there", "load_task", "scored_by"]


@dataclass(frozen=True)
class Builtin:
    """A built-in task: what it asks, and how it is loaded from what `data` says."""

    description: str
    load: Callable[[str], Task]


BUILTIN: Mapping[str, Builtin] = MappingProxyType(
    {
        **{name: Builtin(known.description, partial(load_benchmark, known)) for name, known in BENCHMARKS.items()},
        **{name: Builtin(known.description, partial(load_choices, known)) for name, known in CHOICES.items()},
        arc.NAME: Builtin(arc.DESCRIPTION, arc.load_arc),
    }
)


def builtin_tasks() -> dict[str, str]:
    """Return the names of the built-in tasks, each with a sentence on what it asks."""
    return {name: builtin.description for name, builtin in BUILTIN.items()}


def load_task(ref: str, *, data: str = "", seed: int = 0) -> Task:
    """Load a built-in task by name, or a task of your own from the path of its TOML file.

    A built-in task reads the benchmark as it was published from the path `data`; those of multiple choice also from the
    hub, if `data` is "hub". Without data the tasks of BIG-Bench Hard generate their examples. All this is the same
    whatever the seed: a run's seed must not change what the run is measured on.

    Raises:
        InputError: there is no such task, or its data is wrong.
    """
    del seed
    if ref in BUILTIN:
        return BUILTIN[ref].load(data)
    path = Path(ref).expanduser()
    if not ref.endswith(".toml") and not _is_file(path):
        names = ", ".join(sorted(BUILTIN))
        raise InputError(
            f"Unknown task {ref!r}. Available: {names}; or give the path of a TOML file that describes yours."
        )
    if data:
        raise InputError(
            f"Task {ref!r} names its own data files, so data={data!r} has no meaning; change them in its [data]."
        )
    return load_task_file(path)


def is_there(ref: str) -> bool:
    """Tell whether a task is built in, or a file that is there."""
    return ref in BUILTIN or _is_file(Path(ref).expanduser())


def scored_by(task: Task, metric: str) -> Task:
    """Return the task with another metric; an empty name leaves its own.

    Raises:
        InputError: there is no such metric, or it does not fit the task's targets.
    """
    if not metric:
        return task
    found = resolve_metric(metric)
    changed = replace(task, metric=found, metric_name=metric_name(found))
    check_metric(changed)
    return changed


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, for one
        return False
