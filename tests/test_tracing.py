"""Traces show one tree a run, from the run over its loops and nodes to each model call, without anything set up."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.context import register_configure_hook
from langchain_core.tracers.schemas import Run

import metatextgrad as mtg
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.ledger import Call
from tests.scripted import in_turn, opened
from tests.test_approval import BOTH, OPTIMIZERS, PROGRAMS, script
from tests.worlds import World

Path_ = tuple[str, ...]
LEVELS = {"program", "optimizer", "meta"}


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


def learned(workspace: Path, seed: int = 8) -> mtg.Result:
    settings = Context(seed=seed, steps=2, meta_prompt_steps=1, meta_structure_steps=1, batch_size=2)
    models = script(seed).models()
    return mtg.meta_optimize(
        World(seed).task(), optimizers=OPTIMIZERS, settings=settings, models=models, workspace=workspace, run="r"
    )


def test_run_is_one_tree_over_loops_and_nodes_down_to_each_model_call(tmp_path: Path) -> None:
    with tracing() as tracer:
        result = learned(tmp_path)
    (root,) = tracer.roots
    found = list(calls(root))
    assert root.name == "metatextgrad meta_optimize"
    assert len(found) == sum(used.calls for used in result.usage.values())
    inner = ("metatextgrad meta_optimize", "outer_loop", "meta_prompt", "meta_prompt", "inner_loop", "inner_loop")
    places = {above for above, _ in found}
    assert places >= {(*inner, node) for node in ("evaluate", "textual_gradient", "propose")}
    assert places >= {(*inner[:4], "meta_prompt_rewrite"), (*inner[:2], "final_test")}
    assert places >= {(*inner[:2], "meta_structure", "meta_structure", "structure_merge")}
    assert not [above for above in places if "LangGraph" in above]


def test_model_calls_say_level_component_loop_and_step(tmp_path: Path) -> None:
    with tracing() as tracer:
        learned(tmp_path)
    found = [run for _, run in calls(tracer.roots[0])]
    for run in found:
        level = said_of(run)["level"]
        assert level in LEVELS and level in (run.tags or []) and run.name.startswith(f"{level}: ")
        assert said_of(run)["run"] == "r"
    steps = {(said_of(run)["path"], said_of(run)["step"]) for run in found}
    assert {("prompts/0", 0), ("both/0", 1), ("both", 1)} <= steps
    assert {"program: answer", "optimizer: Blame", "optimizer: Rewritten", "meta: Improved"} <= {r.name for r in found}


def test_optimization_and_evaluation_are_one_tree_each(tmp_path: Path) -> None:
    task, models = World(PROGRAMS).task(), script(PROGRAMS).models()
    settings = Context(seed=PROGRAMS, steps=1, batch_size=2)
    with tracing() as tracer:
        mtg.optimize(task, optimizer=BOTH, settings=settings, models=models, workspace=tmp_path)
        mtg.evaluate(task, split="train", settings=settings, models=models, workspace=tmp_path)
    assert [root.name for root in tracer.roots] == ["metatextgrad optimize", "metatextgrad evaluate"]
    below = {above[:2] for above, _ in calls(tracer.roots[0])}
    assert below == {("metatextgrad optimize", "inner_loop"), ("metatextgrad optimize", "final_test")}


def test_what_is_found_in_the_ledger_is_in_no_trace(tmp_path: Path) -> None:
    learned(tmp_path)
    with tracing() as tracer:
        mtg.fork("r", at="merge/1:1", task=World(8).task(), models=script(8).models(), workspace=tmp_path)
    (root,) = tracer.roots
    assert list(calls(root)) == []


def test_tracers_of_a_block_see_what_runs_inside_a_loop(tmp_path: Path) -> None:
    """As in a notebook, where a blocking function works in a thread."""

    async def cell() -> Tracer:
        with tracing() as tracer:
            learned(tmp_path)
        return tracer

    assert [root.name for root in asyncio.run(cell()).roots] == ["metatextgrad meta_optimize"]


async def test_names_for_traces_do_not_change_the_key_of_a_call() -> None:
    given = await opened(in_turn())
    call = Call("program", (("system", "s"), ("human", "h")), 0.0)
    assert given.ledger.key(replace(call, component="answer")) == given.ledger.key(call)


def test_run_that_fails_ends_its_trace_with_the_error(tmp_path: Path) -> None:
    settings = Context(seed=PROGRAMS, steps=1, batch_size=2, max_calls=5)
    models = script(PROGRAMS).models()
    with tracing() as tracer, pytest.raises(Exception, match="The cap of 5 calls"):
        mtg.optimize(World(PROGRAMS).task(), optimizer=BOTH, settings=settings, models=models, workspace=tmp_path)
    assert "The cap of 5 calls is reached" in str(tracer.roots[0].error)
