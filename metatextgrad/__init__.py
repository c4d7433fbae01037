"""metaTextGrad learns the LLM optimizer that fits your task. Importing it does nothing: names load on first use."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metatextgrad.adapters.runnable import as_runnable, texts_of
    from metatextgrad.adapters.tool import create_optimizer_tool
    from metatextgrad.adapters.trajectories import aoptimize_prompt, optimize_prompt
    from metatextgrad.api import (
        aevaluate,
        afork,
        ameta_optimize,
        aoptimize,
        aresume,
        evaluate,
        fork,
        meta_optimize,
        optimize,
        plan,
        resume,
    )
    from metatextgrad.core.approval import Approval, Decision
    from metatextgrad.core.optimizer import Optimizer, Stage, alternate, best_of, chain, on_plateau, repeat
    from metatextgrad.core.program import Program, Variable
    from metatextgrad.core.task import Example, Score, Task
    from metatextgrad.result import Result
    from metatextgrad.runtime.context import Context
    from metatextgrad.runtime.events import Event
    from metatextgrad.runtime.models import Models
    from metatextgrad.stages import adas_tg, stage, tgd
    from metatextgrad.tasks import load_task
    from metatextgrad.tasks.files import read_optimizer, read_program, write_json

_HOMES = {
    "metatextgrad.adapters.runnable": ("as_runnable", "texts_of"),
    "metatextgrad.adapters.tool": ("create_optimizer_tool",),
    "metatextgrad.adapters.trajectories": ("aoptimize_prompt", "optimize_prompt"),
    "metatextgrad.api": (
        "aevaluate",
        "afork",
        "ameta_optimize",
        "aoptimize",
        "aresume",
        "evaluate",
        "fork",
        "meta_optimize",
        "optimize",
        "plan",
        "resume",
    ),
    "metatextgrad.core.approval": ("Approval", "Decision"),
    "metatextgrad.core.optimizer": (
        "Optimizer",
        "Stage",
        "alternate",
        "best_of",
        "chain",
        "on_plateau",
        "repeat",
    ),
    "metatextgrad.core.program": ("Program", "Variable"),
    "metatextgrad.core.task": ("Example", "Score", "Task"),
    "metatextgrad.result": ("Result",),
    "metatextgrad.runtime.context": ("Context",),
    "metatextgrad.runtime.events": ("Event",),
    "metatextgrad.runtime.models": ("Models",),
    "metatextgrad.stages": ("adas_tg", "stage", "tgd"),
    "metatextgrad.tasks": ("load_task",),
    "metatextgrad.tasks.files": ("read_optimizer", "read_program", "write_json"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Approval",
    "Context",
    "Decision",
    "Event",
    "Example",
    "Models",
    "Optimizer",
    "Program",
    "Result",
    "Score",
    "Stage",
    "Task",
    "Variable",
    "adas_tg",
    "aevaluate",
    "afork",
    "alternate",
    "ameta_optimize",
    "aoptimize",
    "aoptimize_prompt",
    "aresume",
    "as_runnable",
    "best_of",
    "chain",
    "create_optimizer_tool",
    "evaluate",
    "fork",
    "load_task",
    "meta_optimize",
    "on_plateau",
    "optimize",
    "optimize_prompt",
    "plan",
    "read_optimizer",
    "read_program",
    "repeat",
    "resume",
    "stage",
    "texts_of",
    "tgd",
    "write_json",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
