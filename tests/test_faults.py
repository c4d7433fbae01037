"""Faults of a provider, end to end over a real socket: what passes leaves no trace, and what is malformed stays out."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from metatextgrad.api import Result, ameta_optimize, aoptimize, aresume
from metatextgrad.core.errors import ProviderError
from metatextgrad.stages import tgd
from tests.loopback import Undisturbed, exported, record_of, settings, small_task, trials
from tests.openai_answers import Asked, simulated
from tests.openai_server import Server

PASSING = {"429": 0.025, "429-after": 0.025, "500": 0.05, "reset": 0.03, "not-json": 0.02}
MALFORMED = {
    "length": "cut off by length",
    "empty": "empty",
    "null": "empty",
    "refusal": "the model refused",
    "invalid": "not valid JSON",
    "form": "required|permitted",
    "open-think": "without its partner",
}


async def test_faults_that_pass_leave_no_trace_in_the_result(
    server: Server, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    server.faults, server.at = PASSING, {5: "hang", 9: "reset", 12: "429", 15: "429-after", 18: "500"}
    result = await ameta_optimize(small_task(), settings=settings(request_seconds=1.5), workspace=tmp_path / "b")
    assert exported(result) == exported(undisturbed.result)
    assert {line["fault"] for line in server.lines("failed")} >= {"429", "429-after", "500", "reset", "hang"}
    assert server.answered() == undisturbed.answered
    assert result.usage == undisturbed.result.usage


@pytest.mark.parametrize("fault", MALFORMED)
@pytest.mark.parametrize("optimizer", ["tgd", "adas-tg"])
async def test_malformed_proposals_are_asked_for_again_once_then_rejected(
    server: Server, tmp_path: Path, fault: str, optimizer: str
) -> None:
    server.faults, server.only = {fault: 1.0}, "optimizer"
    result = await aoptimize(small_task(), optimizer=optimizer, settings=settings(), workspace=tmp_path / "ws")
    assert result.program == small_task().program
    asked = [body for body in server.bodies if body["model"] == "optimizer"]
    again = [body for body in asked if body["messages"][-1]["content"].startswith("Your reply could not be used: ")]
    assert len(asked) == 2 * len(again) > 0
    last = max(await trials(tmp_path / "ws"), key=lambda trial: trial.step)
    assert last.outcome == "invalid"
    assert last.candidates[0]["id"] is None
    assert re.search(MALFORMED[fault], last.candidates[0]["reason"])
    assert re.search(MALFORMED[fault], again[-1]["messages"][-1]["content"])


@pytest.mark.parametrize("fault", MALFORMED)
async def test_malformed_optimizers_are_rejected_with_the_reason(server: Server, tmp_path: Path, fault: str) -> None:
    server.faults, server.only = {fault: 1.0}, "meta"
    result = await ameta_optimize(small_task(4), settings=settings(), workspace=tmp_path / "ws")
    assert result.optimizer.name in {"tgd", "adas-tg"}
    assert "improved" not in {row.kind for row in result.findings.rows}
    tried = [trial for trial in await trials(tmp_path / "ws") if trial.level == "optimizer" and trial.step > 0]
    assert [trial.outcome for trial in tried] == ["invalid"] * 3
    assert all(re.search(MALFORMED[fault], trial.candidates[0]["reason"]) for trial in tried)


async def test_a_proposal_that_is_mended_when_asked_again_is_as_good_as_the_first(
    server: Server, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    def mends(asked: Asked) -> str:
        if asked.level == "program":
            return simulated(asked)
        if asked.messages[-1][1].startswith("Your reply could not be used"):
            return simulated(Asked(asked.model, asked.messages[:-2], asked.temperature))
        return "I would rather talk about it."

    server.handler = mends
    result = await ameta_optimize(small_task(), settings=settings(), workspace=tmp_path / "b")
    assert exported(result) == exported(undisturbed.result)


@pytest.mark.parametrize("after", [3, 20, 60])
async def test_a_run_whose_provider_dies_is_kept_and_goes_on_without_a_call_made_twice(
    server: Server, tmp_path: Path, undisturbed: Undisturbed, after: int
) -> None:
    server.dies_after = after
    with pytest.raises(ProviderError, match=r"500.*The server had an error") as died:
        await ameta_optimize(small_task(), settings=settings(retries=0), workspace=tmp_path / "b", run="mine")
    assert died.value.exit_code == 4
    assert (await record_of(tmp_path / "b", "mine")).status == "provider"
    server.dies_after = None
    result = await aresume("mine", task=small_task(), workspace=tmp_path / "b")
    assert exported(result) == exported(undisturbed.result)
    assert result.usage == undisturbed.result.usage
    assert server.answered() == undisturbed.answered
    assert (await record_of(tmp_path / "b", "mine")).status == "done"


CLIENT = """
import sys
from pathlib import Path
from metatextgrad.api import meta_optimize
from tests.loopback import settings, small_task
meta_optimize(small_task(), settings=settings(concurrency=4), workspace=Path(sys.argv[1]), run="mine")
"""


async def test_a_killed_run_makes_no_call_again_but_those_in_flight(
    server: Server, tmp_path: Path, undisturbed: Undisturbed
) -> None:
    server.latency = 0.02
    root = Path(__file__).parents[1]
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, str(tmp_path / "b"), cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
    )
    while server.answered().total() < undisturbed.calls // 2:
        assert client.returncode is None
        await asyncio.sleep(0.01)
    client.kill()
    await client.wait()
    server.latency = 0.0
    result = await aresume("mine", task=small_task(), workspace=tmp_path / "b")
    assert exported(result) == exported(undisturbed.result)
    assert (server.answered() - undisturbed.answered).total() <= 4


@pytest.mark.parametrize("seed", [0, 7])
async def test_how_many_calls_are_in_flight_changes_nothing(server: Server, tmp_path: Path, seed: int) -> None:
    expected = await ameta_optimize(small_task(), settings=settings(concurrency=1, seed=seed), workspace=tmp_path / "a")
    server.latency = 0.005
    result = await ameta_optimize(small_task(), settings=settings(concurrency=64, seed=seed), workspace=tmp_path / "b")
    assert server.most_at_once > 1
    assert exported(result) == exported(expected)


async def test_zero_is_a_seed_like_any_other(server: Server, tmp_path: Path) -> None:
    seen = []
    for turn, seed in enumerate([0, 0, 1, 9]):
        await aoptimize(small_task(), settings=settings(seed=seed), workspace=tmp_path / str(turn))
        seen.append(sorted(json.dumps(body) for body in server.bodies if body["model"] == "optimizer"))
        server.forget()
    assert seen[0] == seen[1]
    assert seen[0] != seen[2] != seen[3] != seen[0]


async def test_an_optimizer_rewritten_or_merged_into_itself_ties_and_is_not_taken(
    server: Server, tmp_path: Path
) -> None:
    """The A/A check: a copy of the incumbent is no improvement, and costs nothing."""

    def copies(asked: Asked) -> str:
        if asked.level != "meta":
            return simulated(asked)
        user = asked.messages[-1][1]
        if "<INSTRUCTIONS>" in user:
            return json.dumps(
                {"improved_instructions": user.split("<INSTRUCTIONS>\n")[1].split("\n</INSTRUCTIONS>")[0]}
            )
        return json.dumps({"name": "copy", "purpose": "The same.", "schedule": {"op": "use", "optimizer": "tgd"}})

    server.handler = copies
    result: Result = await ameta_optimize(
        small_task(), optimizers=["tgd"], settings=settings(meta_prompt_steps=2), workspace=tmp_path / "ws"
    )
    assert result.optimizer == tgd()
    tried = [trial for trial in await trials(tmp_path / "ws") if trial.level == "optimizer" and trial.step > 0]
    assert [trial.outcome for trial in tried] == ["rejected"] * 3
    spent: dict[Any, int] = {level: usage.calls for level, usage in result.usage.items()}
    alone = await aoptimize(small_task(), settings=settings(), workspace=tmp_path / "alone")
    assert (spent["program"], spent["optimizer"]) == (alone.usage["program"].calls, alone.usage["optimizer"].calls)
