"""What a kind of stage is: its editable default instructions, its settings, and how it proposes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from metatextgrad.core.errors import ReplyError
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
    """The last trials, oldest first; as many as the stage's `history` setting asks for."""
    step: int


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
