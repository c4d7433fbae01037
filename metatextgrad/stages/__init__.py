"""The kinds of stages, and the optimizers that people know by name."""

from collections.abc import Mapping

from pydantic import ValidationError

from metatextgrad.core.errors import InputError, unknown
from metatextgrad.core.optimizer import Optimizer, Setting, Stage
from metatextgrad.runtime.structured import first_problem
from metatextgrad.stages import structure, textual_gradient
from metatextgrad.stages.kind import Proposing, Settings, StageKind

KINDS: Mapping[str, StageKind] = {kind.name: kind for kind in (textual_gradient.KIND, structure.KIND)}


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
        msg = f"Stage {stage.label!r}: {first_problem(error)}. Settings: {', '.join(kind_of(stage).settings.model_fields)}."
        raise InputError(msg) from None


def stage(kind: str, *, instructions: str = "", name: str = "", **settings: Setting) -> Stage:
    """Return a stage of a kind, with the kind's own instructions unless others are given."""
    bare = Stage(kind=kind, instructions="")
    made = Stage(kind=kind, name=name, instructions=instructions or kind_of(bare).instructions, settings=settings)
    settings_of(made)
    return made


def checked(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer when every stage is of a known kind with known settings.

    Raises:
        InputError: one is not.
    """
    for part in optimizer.stages():
        settings_of(part)
    return optimizer


def tgd() -> Optimizer:
    """Return textual gradient descent (TextGrad)."""
    made = stage("textual_gradient")
    return Optimizer(name="tgd", purpose=f"Prompt optimization: {KINDS[made.kind].purpose}.", schedule=made)


def adas_tg() -> Optimizer:
    """Return structure search in the manner of ADAS, within textual gradients (the paper's ADAS-TG)."""
    made = stage("structure")
    return Optimizer(name="adas-tg", purpose=f"Structure optimization: {KINDS[made.kind].purpose}.", schedule=made)


OPTIMIZERS = {"tgd": tgd, "adas-tg": adas_tg}


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
    "optimizer_named",
    "settings_of",
    "stage",
    "tgd",
]
