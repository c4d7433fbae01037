"""Checkpoints stay small and flat: channels hold ids, scores, counters and short words, and no text of a program."""

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.types import Send

from metatextgrad.api import ameta_optimize, aoptimize
from metatextgrad.core.optimizer import Optimizer, alternate, best_of
from metatextgrad.core.program import chain_of_thought
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.workspace import open_workspace
from metatextgrad.stages import stage
from tests.scripted import Script, tiny_task

LONG = " ".join(f"SECRET{number}" for number in range(300))


def number_in(text: str) -> int:
    found = re.search(r"\[n=(\d+)\]", text)
    assert found
    return int(found.group(1))


def reply(messages: Sequence[BaseMessage], level: object) -> str:
    """Write a long new text each time; some steps improve the score, and every training example stays wrong."""
    first, last = messages[0].text, messages[-1].text
    if level == "program":
        number = int(last.rpartition(" ")[2])
        is_right = last.startswith("val") and number < number_in(first) % 7
        return f"{LONG}\nAnswer: {number if is_right else '?'}"
    if level == "meta":
        part = {"op": "stage", "kind": "structure", "instructions": LONG}
        if "<INCUMBENT" in last:
            return json.dumps({"name": "merged", "purpose": LONG[:900], "schedule": part})
        return json.dumps({"improved_instructions": f"{LONG} {len(last)}"})
    if "<TEXT>" in last:
        return json.dumps({"improved_text": f"{LONG} [n={number_in(last) + 1}]"})
    if "<PROGRAM>" in last:
        new = {"kind": "llm", "name": f"call_{number_in(last)}", "instructions": f"{LONG} [n={number_in(last) + 1}]"}
        return json.dumps({"components": [new]})
    return json.dumps({"instructions": f"SECRET advice {LONG}"})


TASK = tiny_task(chain_of_thought("long", f"{LONG} [n=0]"), sizes=(4, 8, 2))
EVERYTHING = Optimizer(
    name="everything",
    purpose=LONG,
    schedule=alternate(
        stage("textual_gradient", instructions=LONG, history=3),
        stage("structure", instructions=LONG),
        best_of(
            stage("structure", instructions=f"{LONG} again"), stage("textual_gradient", instructions=f"{LONG} again")
        ),
    ),
)


async def watched(workspace: Path) -> None:
    """Let the database note the bytes of every write of a task, which it drops once the next checkpoint has it."""
    async with open_workspace(workspace):
        pass
    with sqlite3.connect(workspace / "checkpoints.sqlite") as database:
        database.execute("create table noted (space, checkpoint, size)")
        database.execute(
            "create trigger noting after insert on writes begin insert into noted"
            " values (new.checkpoint_ns, new.checkpoint_id, length(new.value)); end"
        )


def written(workspace: Path, thread: str) -> dict[tuple[str, int], int]:
    """Return the bytes that each superstep of each graph wrote: its checkpoint, and the writes of its tasks."""
    with sqlite3.connect(workspace / "checkpoints.sqlite") as database:
        rows = database.execute(
            "select checkpoint_ns, checkpoint_id, checkpoint, metadata from checkpoints where thread_id = ?", [thread]
        )
        steps = {
            (space, name): (json.loads(metadata)["step"], len(blob) + len(metadata))
            for space, name, blob, metadata in rows
        }
        sizes: dict[tuple[str, int], int] = defaultdict(int)
        for (space, _), (step, size) in steps.items():
            sizes[space, step] += size
        for space, name, size in database.execute("select space, checkpoint, size from noted"):
            sizes[space, steps[space, name][0]] += size
    return sizes


async def test_bytes_of_a_step_stay_flat_and_no_channel_holds_a_text(tmp_path: Path) -> None:
    await watched(tmp_path)
    script = Script(reply)
    settings = Context(steps=30, batch_size=2)
    await aoptimize(
        TASK, optimizer=EVERYTHING, settings=settings, models=script.models(), workspace=tmp_path, run="long"
    )
    sizes = written(tmp_path, "long")
    assert len(sizes) == 5 + 4 * 30 + 1, "one checkpoint for each gradient, proposal, evaluation and update"
    rounds = [sum(sizes["", step] for step in range(4 * turn, 4 * turn + 12)) for turn in range(1, 29)]
    assert max(rounds) < 1.1 * min(rounds), "three turns, one with each stage, weigh the same early and late"
    assert max(rounds) < 3 * 2_000
    await hold_nothing_long(tmp_path)


async def test_outer_loop_writes_no_text_either(tmp_path: Path) -> None:
    await watched(tmp_path)
    settings = Context(steps=3, meta_prompt_steps=2, meta_structure_steps=2, batch_size=2)
    script = Script(reply)
    await ameta_optimize(
        TASK, optimizers=["tgd", EVERYTHING], settings=settings, models=script.models(), workspace=tmp_path, run="outer"
    )
    assert script.calls["meta"] >= 4
    assert max(written(tmp_path, "outer").values()) < 2_000
    await hold_nothing_long(tmp_path)


async def hold_nothing_long(workspace: Path) -> None:
    async with open_workspace(workspace) as opened:
        held = [str(one.checkpoint) async for one in opened.saver.alist(None)]
    assert held
    for checkpoint in held:
        assert "SECRET" not in checkpoint
        assert "question" not in checkpoint


async def test_channels_are_plain_json(tmp_path: Path) -> None:
    settings = Context(steps=3, meta_prompt_steps=1, meta_structure_steps=1, batch_size=2)
    await ameta_optimize(TASK, settings=settings, models=Script(reply).models(), workspace=tmp_path, run="plain")
    seen = set()
    async with open_workspace(tmp_path) as opened:
        async for saved in opened.saver.alist(None):
            for name, value in saved.checkpoint["channel_values"].items():
                seen.add(name)
                for item in plain(value):
                    assert json.loads(json.dumps(item)) == item, name
    assert {"candidates", "best", "cursor", "lineages", "current", "gradients", "step", "path"} <= seen


def plain(value: Any) -> list[Any]:
    """Return what a channel holds; LangGraph's own list of tasks holds what is sent to them."""
    return [item.arg if isinstance(item, Send) else item for item in value] if isinstance(value, list) else [value]
