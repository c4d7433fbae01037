"""What routers, the functions that choose the next node, know beside the state."""

from langgraph.runtime import Runtime, get_runtime

from metatextgrad.runtime.context import Context


def running() -> Runtime[Context] | None:
    """Return the runtime that a router is called in; there is none when a person writes to a thread by hand.

    LangGraph refuses such a write where a router takes `runtime` as a parameter.
    """
    return get_runtime(Context)


def settings() -> Context:
    """Return the settings that a router is called in."""
    runtime = running()
    return (runtime.context if runtime else None) or Context()
