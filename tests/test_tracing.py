"""Traces show one tree a run, from the run over its loops and nodes to each model call, without anything set up."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import START, StateGraph

import metatextgrad as mtg
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.ledger import Call
from tests.agents import AGENT, mending, reacting, tool_models
from tests.scripted import Script, exact, in_turn, opened, tiny_task
from tests.test_approval import BOTH, OPTIMIZERS, PROGRAMS, script
from tests.tracers import Tracer, calls, said_of, tracing
from tests.worlds import World

LEVELS = {"program", "optimizer", "meta"}


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


def optimized_agent(**options: Any) -> tuple[mtg.Result, Script]:
    """Optimize an agent with tools on scripted models."""
    script = Script(mending(reacting, "Be very exact.", "agent.system"))
    task, settings = tiny_task(AGENT, metric=exact), Context(steps=1, batch_size=2)
    result = mtg.optimize(task, settings=settings, models=tool_models(script), run="r", **options)
    return result, script


def test_run_of_an_agent_is_one_tree_down_to_each_call_of_its_model(tmp_path: Path) -> None:
    with tracing() as tracer:
        result, script = optimized_agent(workspace=tmp_path)
    (root,) = tracer.roots
    found = [(above, run) for above, run in calls(root) if run.name == "program: agent"]
    assert len(found) == script.calls["program"] == result.usage["program"].calls
    assert {above[-3:] for above, _ in found} == {("evaluate", "agent", "model"), ("final_test", "agent", "model")} | {
        ("textual_gradient", "agent", "model")
    }
    for _, run in found:
        assert {**said_of(run), "path": None, "step": None} == {
            "run": "r",
            "level": "program",
            "path": None,
            "step": None,
        }
        assert "program" in (run.tags or []) and (run.extra or {})["metadata"]["component"] == "agent"
    assert {("tgd", 0), ("tgd", 1)} <= {(said_of(run)["path"], said_of(run)["step"]) for _, run in found}


class Listener(BaseCallbackHandler):
    """A caller's handler that traces nothing."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_chat_model_start(self, *_: Any, **told: Any) -> None:
        self.heard.append(str(told["name"]))

    def on_tool_start(self, *_: Any, **told: Any) -> None:
        self.heard.append("tool")


def test_only_the_tracers_of_a_caller_look_into_an_agent(tmp_path: Path) -> None:
    tracer, listener, result = Tracer(), Listener(), list[mtg.Result]()

    def step(_: object) -> str:
        result.append(optimized_agent(workspace=tmp_path)[0])
        return "done"

    config: RunnableConfig = {"callbacks": [tracer, listener], "run_name": "mine", "configurable": {"thread_id": "t"}}
    RunnableLambda(step).invoke(None, config)
    (root,) = tracer.roots
    assert root.name == "mine"
    inside = [above for above, run in calls(root) if run.name == "program: agent"]
    assert len(inside) == result[0].usage["program"].calls
    assert set(listener.heard) == {"optimizer: AgentBlame", "optimizer: Rewritten"}


def test_stream_of_a_caller_has_none_of_an_agents_messages(tmp_path: Path) -> None:
    graph = StateGraph(dict)
    graph.add_node("mine", lambda _: {"run": optimized_agent(workspace=tmp_path)[0].run})
    graph.add_edge(START, "mine")
    stream = graph.compile().stream({}, stream_mode=["messages", "updates"], subgraphs=True)
    tags = {tag for _, mode, told in stream if mode == "messages" for tag in told[1]["tags"]}
    assert "optimizer" in tags and "program" not in tags


def test_model_that_langchain_has_to_ask_stands_below_the_agents_call(tmp_path: Path) -> None:
    models = tool_models(Script(reacting))
    models.chat["program"].rate_limiter = InMemoryRateLimiter(requests_per_second=10_000, max_bucket_size=100)
    with tracing() as tracer:
        mtg.evaluate(tiny_task(AGENT, metric=exact), models=models, workspace=tmp_path)
    (root,) = tracer.roots
    assert ("metatextgrad evaluate", "agent", "model", "program: agent") in {above for above, _ in calls(root)}


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
