"""Answer what a run asks a person: by a callback, by a decision that was given with `resume`, or not yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from langgraph.types import Interrupt

from metatextgrad.core.approval import Answer, Approval, Decision, OnApproval, decision_of
from metatextgrad.core.errors import ApprovalNeededError, InputError
from metatextgrad.stages.edits import edited


@dataclass
class Approver:
    """Decides about candidates in the place of whoever sits at the run."""

    on_approval: OnApproval | None = None
    decision: Answer | None = None
    """The answer to the first question of a run that waits; used once."""

    def expect(self, run: str, questions: Sequence[Interrupt]) -> None:
        """Check a given decision before the run goes on.

        Raises:
            InputError: the run asks nothing, or the decision cannot be used.
        """
        if self.decision is None:
            return
        if not questions:
            raise InputError(f"Run {run!r} waits for no approval, so there is nothing to decide; resume it without.")
        self.decision = _usable(_approvals(questions)[0][1], self.decision)

    async def answers(self, questions: Sequence[Interrupt]) -> dict[str, Any]:
        """Return answers by the id of their question: to the first one by a given decision, to all by a callback.

        Raises:
            ApprovalNeededError: there is no answer; it shows the questions.
            InputError: the callback's answer cannot be used.
        """
        asked = _approvals(questions)
        if self.decision is not None:
            decision, self.decision = _usable(asked[0][1], self.decision), None
            return {asked[0][0]: decision.model_dump(mode="json")}
        if self.on_approval is None:
            raise ApprovalNeededError(tuple(approval for _, approval in asked))
        return {identifier: await self._answer(self.on_approval, approval) for identifier, approval in asked}

    async def _answer(self, on_approval: OnApproval, approval: Approval) -> dict[str, Any]:
        said = on_approval(approval)
        return _usable(approval, await said if isawaitable(said) else said).model_dump(mode="json")


def _approvals(questions: Sequence[Interrupt]) -> list[tuple[str, Approval]]:
    """Return the questions with their ids, in an order that does not depend on which loop was quicker."""
    asked = [(question.id, Approval.model_validate(question.value)) for question in questions]
    return sorted(asked, key=lambda item: (item[1].path, item[1].step, item[1].candidate))


def _usable(approval: Approval, answer: Answer) -> Decision:
    """Check an answer here already, so that a wrong one is told to whoever gave it and changes nothing."""
    decision = decision_of(answer)
    edited(approval, decision)
    return decision
