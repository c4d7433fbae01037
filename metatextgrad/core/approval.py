"""What a person is asked before a candidate is accepted, and what they can answer; plain JSON both ways."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Self

from pydantic import ValidationError, model_validator

from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import Value

Level = Literal["program", "optimizer"]
Asked = Literal["none", "optimizers", "programs", "all"]
"""Which candidates are shown to a person."""


class Decision(Value):
    """What a person says about a candidate."""

    decision: Literal["approve", "edit", "reject"]
    reason: str = ""
    value: dict[str, Any] | None = None
    """For an edit: the whole program or optimizer, as `Approval.value` has it."""

    @model_validator(mode="after")
    def _only_an_edit_has_a_value(self) -> Self:
        if (self.value is not None) != (self.decision == "edit"):
            raise ValueError("an edit needs `value`, the edited JSON; approve and reject take none")
        return self


class Approval(Value):
    """A candidate that scored strictly higher than the incumbent, and waits for a person."""

    level: Level
    path: str
    """Which loop, such as tgd/2."""
    step: int
    stage: str
    """Who proposed it."""
    candidate: str
    """Its content id."""
    incumbent: str
    """The content id of what it would replace."""
    score: float
    best: float
    """The incumbent's score."""
    diff: str
    """Unified, from the incumbent to the candidate."""
    value: dict[str, Any]
    """The candidate as JSON: what an edit starts from."""
    problem: str = ""
    """Why the last answer could not be used."""


Answer = Decision | Mapping[str, Any] | str
"""A decision, its JSON, or one of the words approve and reject."""
OnApproval = Callable[[Approval], Answer | Awaitable[Answer]]
"""Decides in the process itself; an answer that takes its time is awaited."""


def decision_of(answer: Answer) -> Decision:
    """Read an answer.

    Raises:
        InputError: it is none.
    """
    if isinstance(answer, Decision):
        return answer
    try:
        return Decision.model_validate({"decision": answer} if isinstance(answer, str) else answer)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(map(str, fault["loc"]))
        msg = f"{answer!r} is no decision: {f'{place}: ' if place else ''}{fault['msg']}."
        raise InputError(msg) from None


def asks(asked: Asked, level: Level) -> bool:
    """Tell whether a person wants to see the candidates of a level."""
    return asked in ("all", f"{level}s")
