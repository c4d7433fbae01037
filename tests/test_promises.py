"""What a whole run promises: its key is nowhere, and what it uses lies within what was planned."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from metatextgrad.api import Result, meta_optimize, optimize, plan
from metatextgrad.runtime.context import Context
from tests.loopback import KEY, small_task
from tests.openai_server import Server

FEW = Context(steps=2, meta_prompt_steps=1, meta_structure_steps=1)


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def command(*arguments: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    # A server that is close is given up soon; the environment of the fixture names it and holds the key.
    return subprocess.run(
        [sys.executable, "-m", "metatextgrad.cli", *arguments],
        cwd=cwd,
        env={**os.environ, **extra},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_key_is_nowhere_in_what_a_run_leaves_and_says(server: Server, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    rows = [json.dumps({"question": example.input, "answer": example.target}) for example in small_task(6).valset]
    for number, name in enumerate(("train", "val", "test")):
        (place / f"{name}.jsonl").write_text("\n".join(rows[2 * number : 2 * number + 2]), encoding="utf-8")
    (place / "task.toml").write_text(
        'name = "words"\nquestion_type = "sorting words"\nmetric = "word_sorting"\n'
        '[data]\ntrain = "train.jsonl"\nval = "val.jsonl"\ntest = "test.jsonl"\n',
        encoding="utf-8",
    )
    said = [
        command("run", "task.toml", "--program-model", "openai:program", "--steps", "1", "--run", "r", cwd=place),
        command("show", "r", cwd=place),
        command("export", "r", cwd=place),
        command("report", "r", cwd=place),
    ]
    assert [done.returncode for done in said] == [0, 0, 0, 0], said[0].stderr
    server.key = "another"  # a refusal quotes the key that was sent, and so does a traceback
    for debug in ("", "1"):
        again = ("run", "task.toml", "--seed", "1", "--program-model", "openai:program")
        refused = command(*again, cwd=place, METATEXTGRAD_DEBUG=debug)
        assert refused.returncode != 0
        said.append(refused)
    assert "Incorrect API key" in said[-1].stderr
    left = everything_in(place)
    assert b"openai:program" in left, "the run has left its traces"
    assert KEY.encode() not in left
    assert not [done.args for done in said if KEY in done.stdout + done.stderr]


@pytest.mark.parametrize("task", ["bbh/dyck_languages", "bbh/word_sorting"])
def test_what_a_meta_run_uses_lies_within_its_plan(task: str, tmp_path: Path) -> None:
    expected = plan(task, settings=FEW)
    assert outside(meta_optimize(task, settings=FEW, workspace=tmp_path), expected.levels) == []


@pytest.mark.parametrize("optimizer", ["tgd", "adas-tg", "mipro", "reflection"])
def test_what_an_inner_loop_uses_lies_within_its_plan(optimizer: str, tmp_path: Path) -> None:
    expected = plan("bbh/word_sorting", optimizer=optimizer, settings=FEW)
    found = optimize("bbh/word_sorting", optimizer=optimizer, settings=FEW, workspace=tmp_path)
    assert outside(found, expected.levels) == []


def outside(found: Result, levels: dict) -> list[str]:  # type: ignore[type-arg]  # plans of levels by name
    """Return the levels whose calls or tokens lie outside the plan."""
    wrong = [level for level, used in found.usage.items() if used.calls and level not in levels]
    for level, planned in levels.items():
        used = found.usage[level]
        within = planned.calls.low <= used.calls <= planned.calls.high
        if not within or not planned.tokens.low <= used.tokens <= planned.tokens.high:
            wrong.append(level)
    return wrong
