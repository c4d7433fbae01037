"""What traces show of a block of code: the tracer of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.context import register_configure_hook
from langchain_core.tracers.schemas import Run

Path_ = tuple[str, ...]


class Tracer(BaseTracer):
    """Keeps the roots of what it traces."""

    def __init__(self) -> None:
        super().__init__()
        self.roots: list[Run] = []

    def _persist_run(self, run: Run) -> None:
        self.roots.append(run)


_SWITCHED_ON: ContextVar[Tracer | None] = ContextVar("switched_on", default=None)
register_configure_hook(_SWITCHED_ON, inheritable=True)


@contextmanager
def tracing() -> Iterator[Tracer]:
    """Trace a block of code, as `langsmith.tracing_context` and MLflow do."""
    tracer = Tracer()
    token = _SWITCHED_ON.set(tracer)
    try:
        yield tracer
    finally:
        _SWITCHED_ON.reset(token)


def calls(run: Run, above: Path_ = ()) -> Iterator[tuple[Path_, Run]]:
    """Yield each model call with the names of the runs over it."""
    if run.run_type == "llm":
        yield above, run
    for child in run.child_runs:
        yield from calls(child, (*above, run.name))


def said_of(run: Run) -> dict[str, Any]:
    """Return our own metadata of a model call."""
    metadata = (run.extra or {}).get("metadata", {})
    return {name: metadata.get(name) for name in ("run", "level", "path", "step")}
