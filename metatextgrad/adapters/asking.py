"""A tool's run asks a person by an interrupt of the agent that called the tool.

LangGraph carries a tool out again for each answer, and gives answers by their order alone. The run, which has its own
thread, is past the questions that were answered before; so what was answered is kept beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.store.base import BaseStore

from metatextgrad.core.approval import Answer, Approval, decision_of
from metatextgrad.core.errors import InputError
from metatextgrad.core.identity import content_id
from metatextgrad.runtime.artifacts import namespace
from metatextgrad.stages.edits import edited

_ANSWERS = namespace("answers")


@dataclass
class Asking:
    """The questions of one run, in one carrying out of the tool."""

    store: BaseStore
    run: str
    interrupt: Callable[[dict[str, Any]], Any]
    """LangGraph's, of the agent."""
    given: int = 0
    """Answers that LangGraph has given in this carrying out."""

    async def answer(self, approval: Approval) -> Answer:
        """Return what was answered, or interrupt the agent; an answer that cannot be used is asked for again."""
        kept = await self.store.aget(_ANSWERS, self.run)
        asked, decisions = (kept.value["asked"], kept.value["decisions"]) if kept else (0, {})
        question = content_id(approval.model_dump(mode="json"))
        while question not in decisions:
            while self.given < asked:
                self._next(approval)
            said, asked = self._next(approval), asked + 1
            try:
                decision = decision_of(said)
                edited(approval, decision)
                decisions = {**decisions, question: decision.model_dump(mode="json")}
            except InputError as error:
                approval = approval.model_copy(update={"problem": str(error)})
            await self.store.aput(_ANSWERS, self.run, {"asked": asked, "decisions": decisions}, index=False)
        found: Mapping[str, Any] = decisions[question]
        return found

    def _next(self, approval: Approval) -> Any:
        said = self.interrupt(approval.model_dump(mode="json"))
        self.given += 1
        return said
