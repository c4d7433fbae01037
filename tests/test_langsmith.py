"""LangSmith's own tracer, switched on by its environment, shows one trace a run, of agents and of their tools."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import environment

ROOT = Path(__file__).parents[1]
SCRIPT = """
import asyncio, json, sys
import langsmith

runs = []

def create_run(self, name, inputs, run_type, **told):
    metadata = (told.get("extra") or {}).get("metadata") or {}
    runs.append({"id": str(told["id"]), "above": str(told.get("parent_run_id")), "trace": str(told["trace_id"]),
                 "name": name, "kind": run_type, "tags": told.get("tags"), "told": metadata})

langsmith.Client.create_run = create_run  # what leaves for the server; there is none here
langsmith.Client.update_run = lambda *_, **__: None

from tests.test_adapters_tool import ASK, helped
from tests.test_tracing import optimized_agent

async def cell():
    optimized_agent(workspace="cell")

def agent():
    optimized_agent(workspace="agent")

def beneath():
    with langsmith.trace("mine"):
        agent()

def tool():
    asyncio.run(helped()[0].ainvoke(ASK))

{"agent": agent, "cell": lambda: asyncio.run(cell()), "beneath": beneath, "tool": tool}[sys.argv[1]]()
print(json.dumps(runs))
"""


def traced(what: str, folder: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """Carry something out, hold it to one trace, and return a run of each place in it."""
    switched_on = {"LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": "none", "LANGSMITH_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, what],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT), **switched_on),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout.splitlines()[-1])
    assert len({run["trace"] for run in runs}) == 1
    known = {run["id"]: run for run in runs}

    def place(run: dict[str, Any] | None) -> tuple[str, ...]:
        return (*place(known.get(run["above"])), run["name"]) if run else ()

    return {place(run): run for run in runs}


@pytest.mark.parametrize(("what", "above"), [("agent", ()), ("cell", ()), ("beneath", ("mine",))])
def test_run_of_an_agent_is_one_trace(what: str, above: tuple[str, ...], tmp_path: Path) -> None:
    found = traced(what, tmp_path)
    agent = (*above, "metatextgrad optimize", "inner_loop", "evaluate", "agent")
    call = found[*agent, "model", "program: agent"]
    assert call["kind"] == "llm" and "program" in call["tags"]
    assert {name: call["told"][name] for name in ("run", "level", "component", "path")} == {
        "run": "r",
        "level": "program",
        "component": "agent",
        "path": "tgd",
    }
    assert found[*agent, "tools", "double"]["kind"] == "tool"
    assert found[*above, "metatextgrad optimize", "inner_loop", "propose", "optimizer: Rewritten"]


def test_tool_of_an_agent_is_one_trace_with_the_agent(tmp_path: Path) -> None:
    assert traced("tool", tmp_path)[
        "LangGraph", "tools", "optimize_prompt", "metatextgrad optimize", "inner_loop", "evaluate", "program: answer"
    ]
