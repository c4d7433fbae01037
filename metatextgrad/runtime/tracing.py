"""What traces show: one tree a run, over its loops and nodes down to each model call, named, tagged, with its place.

Nothing is needed for it. LangSmith, MLflow's autologging and any callback handler of LangChain's see runnables; this
gives names to those that we make. A call that is found in the ledger is not made, and so it is in no trace; of equal
calls at once the trace shows the one that was made, under who asked first. Agents are traced as they see themselves:
their calls stand where the agent made them, also those whose reply was known.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler, BaseCallbackManager
from langchain_core.callbacks.manager import BaseRunManager
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers.log_stream import LogStreamCallbackHandler

from metatextgrad.runtime.meter import Level

T = TypeVar("T")
_OF_A_RUN = ("run", "task")
"""What `traced` is told of a run, and each model call says."""
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


async def apart(work: Coroutine[Any, Any, T], under: BaseRunManager | None = None) -> T:
    """Await work outside of any runnable's run: no callback, stream, saver or store of a caller takes part in it.

    Only its place in traces is the caller's: below the run in which it is, or `under` another one.
    """
    context = copy_context()
    context.run(var_child_runnable_config.set, _place_alone(under))
    return await asyncio.get_running_loop().create_task(work, context=context)


def _place_alone(under: BaseRunManager | None) -> RunnableConfig | None:
    """Return what of a run goes on into work apart from it: its id, and who traces."""
    above = under or (var_child_runnable_config.get() or {}).get("callbacks")
    if not isinstance(above, BaseRunManager | BaseCallbackManager):
        return None
    tracers = [handler for handler in above.inheritable_handlers if _traces(handler)]
    told = {name: above.inheritable_metadata[name] for name in _OF_A_RUN if name in above.inheritable_metadata}
    parent = above.run_id if isinstance(above, BaseRunManager) else above.parent_run_id
    place = AsyncCallbackManager(
        tracers, tracers.copy(), parent_run_id=parent, metadata=told.copy(), inheritable_metadata=told
    )
    return {"callbacks": place}


def _traces(handler: BaseCallbackHandler) -> bool:
    """Tell a tracer by its name: LangChain's own have one base, and MLflow's has another."""
    named = any(kind.__name__.endswith("Tracer") for kind in type(handler).__mro__)
    return named and not isinstance(handler, LogStreamCallbackHandler)


def config_of_agent(component: str, listener: BaseCallbackHandler, thread: str) -> RunnableConfig:
    """Return the config of an agent's run apart, which somebody listens to."""
    above = (var_child_runnable_config.get() or {}).get("callbacks")
    heard = above.copy() if isinstance(above, BaseCallbackManager) else AsyncCallbackManager([])
    heard.add_handler(listener)
    return {
        "run_name": component,
        "metadata": {"component": component, **(_PLACE.get() or {})},
        "callbacks": heard,
        "configurable": {"thread_id": thread},
    }


async def traced(name: str, work: Callable[[], Awaitable[T]], **metadata: str) -> T:
    """Do work as one run of a trace, which has all that it makes under it."""

    async def run(_: object) -> T:
        return await work()

    config: RunnableConfig = {"run_name": name, "tags": ["metatextgrad"], "metadata": metadata}
    return await RunnableLambda(run).ainvoke(None, config)
