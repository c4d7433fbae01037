"""The kinds of stages, and the optimizers that people know by name."""

from collections.abc import Callable, Mapping

from pydantic import ValidationError

from metatextgrad.core.errors import InputError, unknown
from metatextgrad.core.optimizer import Optimizer, Setting, Stage
from metatextgrad.runtime.structured import first_problem
from metatextgrad.stages import (
    demonstration_search,
    dspy_gepa,
    dspy_mipro,
    gepa,
    instruction_search,
    reflection,
    structure,
    textual_gradient,
)
from metatextgrad.stages.kind import Proposing, Settings, StageKind

KINDS: Mapping[str, StageKind] = {
    module.KIND.name: module.KIND
    for module in (
        textual_gradient,
        structure,
        instruction_search,
        demonstration_search,
        reflection,
        dspy_mipro,
        dspy_gepa,
        gepa,
    )
}


def kind_of(stage: Stage) -> StageKind:
    """Return the kind of a stage.

    Raises:
        InputError: there is no such kind.
    """
    if stage.kind not in KINDS:
        raise unknown("stage kind", stage.kind, list(KINDS))
    return KINDS[stage.kind]


def settings_of(stage: Stage) -> Settings:
    """Return a stage's settings, defaults filled in.

    Raises:
        InputError: an unknown setting or a wrong value.
    """
    try:
        return kind_of(stage).settings.model_validate(stage.settings)
    except ValidationError as error:
        known = ", ".join(kind_of(stage).settings.model_fields)
        msg = f"Stage {stage.label!r}: {first_problem(error)}. Settings: {known}."
        raise InputError(msg) from None


def looks_back(stage: Stage) -> bool:
    """Tell whether a stage reads the scores of candidates that lost."""
    return kind_of(stage).needs_all_trials or bool(getattr(settings_of(stage), "history", 0))


def stage(kind: str, *, instructions: str = "", name: str = "", **settings: Setting) -> Stage:
    """Return a stage of a kind, with the kind's own instructions unless others are given."""
    bare = Stage(kind=kind, instructions="")
    made = Stage(kind=kind, name=name, instructions=instructions or kind_of(bare).instructions, settings=settings)
    settings_of(made)
    return made


def checked(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer when every stage is of a known kind with known settings, and can run here.

    Raises:
        InputError: one is not, or its package is not installed.
    """
    for part in optimizer.stages():
        settings_of(part)
        kind = kind_of(part)
        if not kind.installed:
            msg = (
                f"Stage {part.label!r} needs the package {kind.package!r}, which is not installed: "
                f"pip install 'metatextgrad[{kind.extra}]'."
            )
            raise InputError(msg)
    return optimizer


def _single(name: str, purpose: str, kind: str) -> Callable[[], Optimizer]:
    """Return how to make an optimizer of one stage; its purpose is said in the words of its kind."""

    def made() -> Optimizer:
        return Optimizer(name=name, purpose=f"{purpose}: {KINDS[kind].purpose}.", schedule=stage(kind))

    return made


tgd = _single("tgd", "Prompt optimization", "textual_gradient")
"""Textual gradient descent (TextGrad)."""
adas_tg = _single("adas-tg", "Structure optimization", "structure")
"""Structure search in the manner of ADAS, within textual gradients (the paper's ADAS-TG)."""
mipro = _single("mipro", "Prompt search", "instruction_search")
"""MIPROv2 without demonstrations (the paper's zero-shot MIPROv2)."""
mipro_8 = _single("mipro-8", "Prompt and demonstration search", "demonstration_search")
"""MIPROv2 with up to 8 bootstrapped and 8 labelled demonstrations (the paper's 8-shot MIPROv2)."""
reflective = _single("reflection", "Prompt evolution", "reflection")
"""Reflection from parents on the Pareto front (GEPA)."""

OPTIMIZERS: Mapping[str, Callable[[], Optimizer]] = {
    "tgd": tgd,
    "adas-tg": adas_tg,
    "mipro": mipro,
    "mipro-8": mipro_8,
    "reflection": reflective,
    "dspy-mipro": _single("dspy-mipro", "Prompt and demonstration search", "dspy_mipro"),
    "dspy-gepa": _single("dspy-gepa", "Prompt evolution", "dspy_gepa"),
    "gepa": _single("gepa", "Prompt evolution", "gepa"),
}


def optimizer_named(name: str) -> Optimizer:
    """Return a built-in optimizer.

    Raises:
        InputError: there is no such optimizer.
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, list(OPTIMIZERS))
    return OPTIMIZERS[name]()


__all__ = [
    "KINDS",
    "OPTIMIZERS",
    "Proposing",
    "StageKind",
    "adas_tg",
    "checked",
    "kind_of",
    "looks_back",
    "optimizer_named",
    "settings_of",
    "stage",
    "tgd",
]
