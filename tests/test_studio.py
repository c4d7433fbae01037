"""The real `langgraph dev` server serves and runs every graph, without a key, and refuses calls that block."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from metatextgrad.core.approval import Approval
from metatextgrad.runtime.events import Event

CONFIG = Path(__file__).parents[1] / "langgraph.json"
GRAPHS = sorted(json.loads(CONFIG.read_text(encoding="utf-8"))["graphs"])
SMALL = {"steps": 1, "meta_prompt_steps": 1, "meta_structure_steps": 1}
START_SECONDS = 60


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncLangGraphClient]:
    """Start the server in a folder of its own, where it leaves its files."""
    with _serving(tmp_path_factory.mktemp("studio"), _free_port()) as opened:
        yield opened


@contextmanager
def _serving(folder: Path, port: int) -> Iterator[SyncLangGraphClient]:
    with (folder / "log").open("a") as log, _server(port, folder, log) as server:
        try:
            _wait_until_it_answers(server, port, folder / "log")
            with get_sync_client(url=f"http://127.0.0.1:{port}") as opened:
                yield opened
        finally:
            server.send_signal(signal.SIGTERM)


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


BETTER = {"task": "bbh/word_sorting", "seed": 1, "steps": 1}
"""The one step brings a better program."""


def _thread(client: SyncLangGraphClient) -> str:
    return client.threads.create()["thread_id"]


def _until(happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_stream_has_typed_events_of_the_whole_turn(client: SyncLangGraphClient) -> None:
    stream = client.runs.stream(None, "inner_loop", input={"path": "tgd"}, context=BETTER, stream_mode="custom")
    events = [Event.model_validate(part.data) for part in stream if part.event.startswith("custom")]
    turn = [event.type for event in events if event.step == 1 and event.type != "evaluating"]
    assert turn == ["gradient", "proposal", "evaluation", "step"]
    assert {event.path for event in events} == {"tgd"}


def test_a_person_approves_or_rejects_what_would_be_accepted(client: SyncLangGraphClient) -> None:
    asked: dict[str, Any] = {"context": {**BETTER, "approve": "programs"}}
    scores = {}
    for decision in ("approve", "reject"):
        thread = _thread(client)
        client.runs.wait(thread, "inner_loop", input={}, **asked)
        state: Any = client.threads.get_state(thread)
        (question,) = state["interrupts"]
        shown = Approval.model_validate(question["value"])
        assert shown.score > shown.best and "\n+" in shown.diff
        client.runs.wait(thread, "inner_loop", command={"resume": "perhaps"}, **asked)
        again: Any = client.threads.get_state(thread)
        assert "'perhaps' is no decision" in again["interrupts"][0]["value"]["problem"]
        answer = {"decision": decision, "reason": "as I see it"}
        output: Any = client.runs.wait(thread, "inner_loop", command={"resume": answer}, **asked)
        scores[decision] = output["candidates"][0]["score"]
        assert {"approve": shown.score, "reject": shown.best}[decision] == scores[decision]


def test_thread_is_forked_from_an_earlier_checkpoint_with_other_settings(client: SyncLangGraphClient) -> None:
    thread = _thread(client)
    first: Any = client.runs.wait(thread, "inner_loop", input={}, context=BETTER)
    history: Any = client.threads.get_history(thread, limit=50)
    before_update = next(state for state in history if state["next"] == ["update"] and state["values"]["step"] == 1)
    checkpoint = before_update["checkpoint"]["checkpoint_id"]
    longer = {**BETTER, "steps": 2}
    client.runs.wait(thread, "inner_loop", input=None, checkpoint_id=checkpoint, context=longer)
    values: Any = client.threads.get_state(thread)["values"]
    assert values["step"] == 3, "the fork went on for one step more"
    assert values["candidates"][0]["score"] >= first["candidates"][0]["score"]


def test_state_is_changed_by_hand_and_the_run_goes_on_from_it(client: SyncLangGraphClient) -> None:
    thread = _thread(client)
    client.runs.wait(thread, "inner_loop", input={}, context=BETTER)
    history: Any = client.threads.get_history(thread, limit=50)
    first = next(state for state in history if state["next"] == ["update"] and state["values"]["step"] == 0)
    worse = {**first["values"]["candidates"][0], "score": 0.99}
    client.threads.update_state(
        thread, {"candidates": [worse]}, as_node="evaluate", checkpoint_id=first["checkpoint"]["checkpoint_id"]
    )
    client.runs.wait(thread, "inner_loop", input=None, context=BETTER)
    values: Any = client.threads.get_state(thread)["values"]
    assert values["best"]["score"] == 0.99, "nothing was strictly better than what the person wrote there"


def test_server_that_is_stopped_in_a_run_takes_it_up_when_it_starts_again(tmp_path: Path) -> None:
    port, long = _free_port(), {"task": "bbh/word_sorting", "steps": 25}

    def step(client: SyncLangGraphClient) -> int:
        values: Any = client.threads.get_state(thread)["values"]
        return int((values or {}).get("step", 0))

    with _serving(tmp_path, port) as client:
        thread = _thread(client)
        run = client.runs.create(thread, "inner_loop", input={}, context=long, durability="sync")["run_id"]
        _until(lambda: step(client) >= 2)
    with _serving(tmp_path, port) as client:
        assert step(client) >= 2, "what was done is still there"
        _until(lambda: client.runs.get(thread, run)["status"] == "success")
        assert step(client) == 26
