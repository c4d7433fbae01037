"""Metrics by name: the built-in ones, and any function of yours as `module:function`."""

import hashlib
import importlib
import inspect
import math
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import SupportsFloat, cast

from metatextgrad.core.errors import InputError
from metatextgrad.core.task import Ask, Example, Metric, Score, Task
from metatextgrad.tasks.dyck import dyck
from metatextgrad.tasks.files import inside
from metatextgrad.tasks.grids import grid
from metatextgrad.tasks.judge import judge
from metatextgrad.tasks.scorers import contains, exact, letter, number
from metatextgrad.tasks.word_sorting import word_sorting

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "contains": contains,
        "dyck": dyck,
        "exact": exact,
        "grid": grid,
        "judge": judge,
        "letter": letter,
        "number": number,
        "word_sorting": word_sorting,
    }
)
OWN = "or name a function (prediction, example) of yours as 'module:function'"


@dataclass(frozen=True)
class FunctionMetric:
    """A function of the user's as a metric; what it returns becomes a `Score`, what it raises passes through."""

    function: Callable[[str, Example], object] = field(repr=False)
    name: str
    version: str = ""
    """A hash of the source file, so that scores of an edited metric are not mixed with older ones; empty if unknown."""

    def __call__(self, prediction: str, example: Example) -> Score:
        return as_score(self.function(prediction, example), self.name)


class AskingMetric(FunctionMetric):
    """An async function (prediction, example, ask) of the user's: `await ask(prediction, example)` asks the judge."""

    def __call__(self, prediction: str, example: Example) -> Score:
        return Score.unscored("only an evaluation can ask the judge")

    async def judge(self, prediction: str, example: Example, ask: Ask) -> Score:
        function = cast(Callable[[str, Example, Ask], Awaitable[object]], self.function)
        return as_score(await function(prediction, example, ask), self.name)


def resolve_metric(name: str, base: Path | None = None) -> Metric:
    """Return the metric of that name; a `module:function` is looked for as a file in `base` first, then as an import.

    Raises:
        InputError: there is no such metric, or its module cannot be imported.
    """
    if name in METRICS:
        return METRICS[name]
    module_name, colon, function_name = name.partition(":")
    if not colon:
        raise InputError(f"Unknown metric {name!r}. Available: {', '.join(sorted(METRICS))}; {OWN}.")
    if not all(part.isidentifier() for part in (*module_name.split("."), function_name)):
        raise InputError(f"Metric {name!r} is not of the form 'module:function', such as 'my_metrics:score'.")
    module = _module(name, module_name, base)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise InputError(f"Metric {name!r}: {module_name!r} has no function {function_name!r}{_choices(module)}.")
    return _named(function, name, _version(module))


def as_metric(function: Callable[[str, Example], object], name: str = "") -> Metric:
    """Wrap a function that returns a Score, a bool, a number from 0 to 1, or (number, feedback).

    Raises:
        InputError: the function is not callable, or is asynchronous and takes no `ask`.
    """
    if isinstance(function, FunctionMetric) or any(function is known for known in METRICS.values()):
        return cast(Metric, function)
    return _named(function, name or getattr(function, "__name__", "") or type(function).__name__)


def metric_name(metric: Metric) -> str:
    """Return the name that tells one metric from another, the version of its source included."""
    for name, known in METRICS.items():
        if metric is known:
            return name
    if isinstance(metric, FunctionMetric):
        return f"{metric.name}@{metric.version}" if metric.version else metric.name
    return getattr(metric, "__name__", "") or type(metric).__name__


def as_score(value: object, name: str) -> Score:
    """Turn what a metric returned into a Score.

    Raises:
        ValueError: it is of another type, or outside 0 to 1.
    """
    expected = (
        f"metric {name!r} returned {value!r}; expected a Score, a bool, a number from 0 to 1, or (number, feedback)"
    )
    match value:
        case Score(value=None):
            return value
        case Score():
            score = value
        case (SupportsFloat() as number, str() as feedback):
            score = Score(value=float(number), feedback=feedback)
        case SupportsFloat():
            score = Score(value=float(value))
        case _:
            raise ValueError(expected)
    if score.value is None or math.isnan(score.value) or not 0 <= score.value <= 1:
        raise ValueError(expected)
    return score


def check_metric(task: Task) -> None:
    """Call the metric with targets as predictions, so that a broken one stops before anything is paid for.

    A built-in metric sees every example; one of the user's sees the first training example only, as it may cost money.

    Raises:
        InputError: the metric raised, or returned no score.
    """
    metric = as_metric(task.metric, task.metric_name)
    builtin = any(metric is known for known in METRICS.values())
    examples = (*task.trainset, *task.valset, *task.testset) if builtin else task.trainset[:1]
    for example in examples:
        try:
            metric(example.target, example)
        except Exception as error:
            raise InputError(
                f"Task {task.name!r}: metric {task.metric_name or metric_name(metric)!r} fails on example "
                f"{example.id!r} with its own target as prediction ({type(error).__name__}: {error}). "
                "Correct the metric or the data."
            ) from error


def _named(function: Callable[[str, Example], object], name: str, version: str = "") -> FunctionMetric:
    if not callable(function):
        raise InputError(
            f"Metric {name!r} is {function!r}; expected a function (prediction, example) that returns a score."
        )
    if not (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)):
        return FunctionMetric(function, name, version)
    if len(inspect.signature(function).parameters) != 3:
        raise InputError(
            f"Metric {name!r} is asynchronous; expected a plain function (prediction, example), or an async one "
            "(prediction, example, ask) that asks the judge by: await ask(prediction, example)."
        )
    return AskingMetric(function, name, version)


def _module(name: str, module_name: str, base: Path | None) -> ModuleType:
    relative = module_name.replace(".", "/") + ".py"
    beside = base is not None and (base / relative).is_file()
    try:
        if base is not None and beside:
            return _load_file(inside(base, relative))
        return importlib.import_module(module_name)
    except InputError:
        raise
    except Exception as error:
        place = f"{relative} beside the task file" if beside else f"module {module_name!r}"
        hint = "" if beside or base is None else f" There is no {relative} beside the task file either."
        raise InputError(
            f"Metric {name!r}: importing {place} fails ({type(error).__name__}: {error}).{hint}"
        ) from error


def _load_file(path: Path) -> ModuleType:
    # A name of its own, as two tasks may each bring a file called metrics.py; and compiled here, as Python's bytecode
    # cache does not notice an edit within the same second.
    module = ModuleType(f"metatextgrad_metric_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}")
    module.__file__ = str(path)
    code = compile(path.read_bytes(), str(path), "exec")
    sys.modules[module.__name__] = module  # dataclasses in the file look their module up there
    exec(code, vars(module))
    return module


def _version(module: ModuleType) -> str:
    source = getattr(module, "__file__", None)
    if not source or not source.endswith(".py"):
        return ""
    return hashlib.sha256(Path(source).read_bytes()).hexdigest()[:8]


def _choices(module: ModuleType) -> str:
    own = [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    return f"; it has {', '.join(own)}" if own else ""
