"""What a run tells while it goes on, over LangGraph's custom stream."""

from typing import Literal

from langgraph.runtime import Runtime

from metatextgrad.core.identity import Value
from metatextgrad.runtime.context import Context


class Event(Value):
    """One thing that happened in a run."""

    type: Literal["step", "evaluating", "gradient", "rejection", "proposal", "approval", "test"]
    path: str = ""
    step: int = 0
    level: Literal["program", "optimizer"] = "program"
    stage: str = ""
    done: int = 0
    of: int = 0
    score: float | None = None
    best: float | None = None
    outcome: str = ""
    reason: str = ""


def emit(runtime: Runtime[Context], event: Event) -> None:
    """Send an event to whoever streams the run."""
    runtime.stream_writer(event.model_dump(exclude_defaults=True) | {"type": event.type})
