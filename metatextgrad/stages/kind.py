"""What a kind of stage is: its editable default instructions, its settings, how it proposes, and what that costs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.estimate import NOTHING, Range
from metatextgrad.core.optimizer import Stage
from metatextgrad.core.program import Program
from metatextgrad.core.trial import Gradients, Trial
from metatextgrad.runtime.resources import Resources

PastSteps = Annotated[int, Field(ge=0, le=100)]
"""How many past steps a prompt shows; bounded, since models write settings and prompts are paid for."""


class NothingToProposeError(ReplyError):
    """Say why a stage has nothing to propose at this step, as when no example was answered wrongly."""


class Settings(BaseModel):
    """Base of a stage kind's settings: closed, so that a misspelt one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Proposing:
    """What a stage sees when it proposes."""

    resources: Resources
    stage: Stage
    program: Program
    gradients: Gradients | None
    history: tuple[Trial, ...]
    """The last trials, oldest first: as many as the stage's `history` setting asks for, or all of this loop for a kind
    that needs them all."""
    step: int


@dataclass(frozen=True)
class Situation:
    """What the cost of a proposal depends on."""

    settings: Any
    """The stage's own, of the type that its kind names."""
    texts: Range
    """How many texts of the program may change."""
    train: int
    """Examples in the training set."""
    val: int
    """Examples in the validation set."""
    draws: int
    """How many batches may be drawn until one has a wrong answer."""
    first: bool
    """Whether the stage has not proposed before in this loop."""


@dataclass(frozen=True)
class Cost:
    """What one proposal uses, beside the gradient before it and the evaluation after it."""

    runs: Range = NOTHING
    """Runs of the program, each on one example."""
    asked: Range = NOTHING
    """Replies of the optimizer's model that are wanted; one that cannot be used is asked for once more."""
    grows: bool = False
    """Whether the proposed program can make more calls than the one before."""


@dataclass(frozen=True)
class StageKind:
    """A kind of stage."""

    name: str
    improves: str
    """What it changes, in a word that the meta-prompt optimizer is told: prompts, structure, demonstrations."""
    purpose: str
    instructions: str
    """The default of the text that the meta-prompt optimizer may rewrite."""
    needs_gradient: bool
    settings: type[Settings]
    propose: Callable[[Proposing], Awaitable[Program]]
    """Return a program.

    Raises:
        NothingToProposeError: there is nothing to propose at this step.
        ReplyError: no usable program came back.
    """
    cost: Callable[[Situation], Cost]
    """Return what one proposal uses, low and high."""
    needs_all_trials: bool = False
    """Whether it looks back at every trial of the loop, and not only at as many as a setting says."""
    extra: str = ""
    """The optional dependency that it stands on, as `pip install metatextgrad[extra]` names it."""
    package: str = ""
    """What that extra installs."""
    offered: bool = True
    """Whether `structure_merge` offers it to its model. This depends on nothing that happens to be installed, or runs
    would differ from machine to machine."""

    @property
    def installed(self) -> bool:
        return not self.package or find_spec(self.package) is not None
