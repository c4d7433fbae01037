"""The real `langgraph dev` server serves and runs every graph, without a key, and refuses calls that block."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

CONFIG = Path(__file__).parents[1] / "langgraph.json"
GRAPHS = sorted(json.loads(CONFIG.read_text(encoding="utf-8"))["graphs"])
SMALL = {"steps": 1, "meta_prompt_steps": 1, "meta_structure_steps": 1}
START_SECONDS = 60


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncLangGraphClient]:
    """Start the server in a folder of its own, where it leaves its files."""
    folder = tmp_path_factory.mktemp("studio")
    port = _free_port()
    with (folder / "log").open("w") as log, _server(port, folder, log) as server:
        try:
            _wait_until_it_answers(server, port, folder / "log")
            with get_sync_client(url=f"http://127.0.0.1:{port}") as opened:
                yield opened
        finally:
            server.terminate()


def _server(port: int, folder: Path, log: Any) -> "subprocess.Popen[bytes]":
    ours = {"LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGGRAPH_STRICT_MSGPACK": "true"}
    keyless = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    options = ["--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(port), "--config", str(CONFIG)]
    command = [sys.executable, "-m", "langgraph_cli", "dev", *options]
    return subprocess.Popen(command, cwd=folder, env=keyless | ours, stdout=log, stderr=subprocess.STDOUT)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_until_it_answers(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ok", timeout=1).close()
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the server did not start:\n{log.read_text(encoding='utf-8')}")


def _assistant(client: SyncLangGraphClient, graph: str) -> str:
    (found,) = client.assistants.search(graph_id=graph)
    return found["assistant_id"]


def test_every_graph_is_served(client: SyncLangGraphClient) -> None:
    assert sorted(found["graph_id"] for found in client.assistants.search()) == GRAPHS


@pytest.mark.parametrize("graph", GRAPHS)
def test_input_and_settings_have_forms(client: SyncLangGraphClient, graph: str) -> None:
    schemas: Any = client.assistants.get_schemas(_assistant(client, graph))
    assert schemas["input_schema"]["properties"]
    assert schemas["output_schema"]["properties"]
    settings = schemas["context_schema"]["properties"]
    assert settings["program_model"]["default"] == "simulated"
    assert all("default" in setting and "description" in setting for setting in settings.values())


def test_drawing_shows_both_loops_nested(client: SyncLangGraphClient) -> None:
    drawing = client.assistants.get_graph(_assistant(client, "outer_loop"), xray=True)
    nodes = {str(node["id"]) for node in drawing["nodes"]}
    for place in ("meta_prompt:inner_loop", "meta_structure:merged_inner_loop"):
        assert {f"{place}:{step}" for step in ("textual_gradient", "propose", "evaluate", "update")} <= nodes
    assert {"meta_prompt:meta_prompt_rewrite", "meta_structure:structure_merge", "final_test"} <= nodes


def test_inner_loop_runs_with_an_empty_form(client: SyncLangGraphClient) -> None:
    output: Any = client.runs.wait(None, "inner_loop", input={}, context={"steps": 1})
    (found,) = output["candidates"]
    assert (found["stage"], found["status"]) == ("tgd", "scored")


def test_program_answers_a_question(client: SyncLangGraphClient) -> None:
    question = "Complete the rest of the sequence, making sure that the parentheses are closed properly. Input: ( ["
    output: Any = client.runs.wait(None, "program", input={"question": question}, context={})
    assert "] )" in output["answer"]


def test_outer_loop_runs_and_tells_what_happens_at_both_levels(client: SyncLangGraphClient) -> None:
    thread = client.threads.create()["thread_id"]
    stream = client.runs.stream(
        thread, "outer_loop", input={}, context=SMALL, stream_mode="custom", stream_subgraphs=True, durability="sync"
    )
    events = [part.data for part in stream if part.event.startswith("custom")]
    values: Any = client.threads.get_state(thread)["values"]
    assert {(event["type"], event.get("level", "program")) for event in events} >= {
        ("step", "program"),
        ("step", "optimizer"),
        ("test", "program"),
    }
    assert values["findings"]
    assert values["best"]["score"] >= max(item["first"]["score"] for item in values["lineages"])
