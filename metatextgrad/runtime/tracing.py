"""What traces show: one tree a run, over its loops and nodes down to each model call, named, tagged, with its place.

Nothing is needed for it. LangSmith, MLflow's autologging and any callback handler of LangChain's see runnables; this
gives names to those that we make. A call that is found in the ledger is not made, and so it is in no trace; of equal
calls at once the trace shows the one that was made, under who asked first.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig, RunnableLambda

from metatextgrad.runtime.meter import Level

T = TypeVar("T")
_PLACE: ContextVar[Mapping[str, Any] | None] = ContextVar("place", default=None)
"""The loop and the step at which a node works; its tasks inherit it, and no other node sees it."""


def stand_at(state: Mapping[str, Any]) -> None:
    """Let the calls of this node say in traces at which loop and step they were made."""
    path = state.get("path") or state.get("lineage")
    place = {"path": path, "step": state.get("step")}
    _PLACE.set({name: value for name, value in place.items() if value is not None})


def config_of(level: Level, component: str) -> RunnableConfig:
    """Return what a model call is called in traces."""
    named = {"component": component} if component else {}
    return {
        "run_name": f"{level}: {component}" if component else level,
        "tags": [level],
        "metadata": {"level": level, **named, **(_PLACE.get() or {})},
    }


async def traced(name: str, work: Callable[[], Awaitable[T]], **metadata: str) -> T:
    """Do work as one run of a trace, which has all that it makes under it."""

    async def run(_: object) -> T:
        return await work()

    config: RunnableConfig = {"run_name": name, "tags": ["metatextgrad"], "metadata": metadata}
    return await RunnableLambda(run).ainvoke(None, config)
