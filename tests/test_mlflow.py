"""MLflow's autologging, where MLflow is installed, shows one trace a run, of a program as of an agent."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import environment

pytestmark = pytest.mark.skipif(find_spec("mlflow") is None, reason="MLflow is not installed, and too large to be")
ROOT = Path(__file__).parents[1]
SCRIPT = """
import asyncio, json, sys
import mlflow

mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("runs")
mlflow.langchain.autolog()

import metatextgrad as mtg
from tests.test_adapters_tool import ASK, helped
from tests.test_tracing import optimized_agent

async def cell():
    optimized_agent(workspace="cell")

def program():
    mtg.optimize("bbh/word_sorting", settings=mtg.Context(steps=1), workspace="program", run="r")

def agent():
    optimized_agent(workspace="agent")

def tool():
    asyncio.run(helped()[0].ainvoke(ASK))

{"program": program, "agent": agent, "cell": lambda: asyncio.run(cell()), "tool": tool}[sys.argv[1]]()
mlflow.flush_trace_async_logging()
spans = [
    [{"id": s.span_id, "above": s.parent_id, "name": s.name, "kind": s.span_type, "told": s.attributes.get("metadata")}
     for s in trace.data.spans]
    for trace in mlflow.search_traces(return_type="list")
]
print(json.dumps(spans))
"""


def traces(what: str, folder: Path) -> list[dict[tuple[str, ...], list[dict[str, Any]]]]:
    """Carry something out under MLflow, and return the spans of each trace by the names down to them."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, what],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT), MLFLOW_DISABLE_TELEMETRY="true"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Span for run_id" not in done.stderr, done.stderr
    return [_by_place(spans) for spans in json.loads(done.stdout.splitlines()[-1])]


def _by_place(spans: list[dict[str, Any]]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    known = {span["id"]: span for span in spans}

    def place(span: dict[str, Any] | None) -> tuple[str, ...]:
        return (*place(known.get(span["above"])), span["name"]) if span else ()

    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for span in spans:
        found.setdefault(place(span), []).append(span)
    return found


def test_run_is_one_trace_with_names_and_levels(tmp_path: Path) -> None:
    (found,) = traces("program", tmp_path)
    calls = found["metatextgrad optimize", "inner_loop", "evaluate", "program: answer"]
    assert {call["kind"] for call in calls} == {"CHAT_MODEL"}
    told = [{name: call["told"][name] for name in ("run", "level", "component", "path", "step")} for call in calls]
    assert {"run": "r", "level": "program", "component": "answer", "path": "tgd", "step": 1} in told
    assert found["metatextgrad optimize", "inner_loop", "propose", "optimizer: Rewritten"]


@pytest.mark.parametrize("where", ["agent", "cell"])
def test_run_of_an_agent_is_one_trace(where: str, tmp_path: Path) -> None:
    (found,) = traces(where, tmp_path)
    agent = ("metatextgrad optimize", "inner_loop", "evaluate", "agent")
    assert found[*agent, "model", "program: agent"] and found[*agent, "tools", "double"]


def test_tool_of_an_agent_is_one_trace_with_the_agent(tmp_path: Path) -> None:
    (found,) = traces("tool", tmp_path)
    assert found["LangGraph", "tools", "optimize_prompt", "metatextgrad optimize", "inner_loop", "evaluate"]
