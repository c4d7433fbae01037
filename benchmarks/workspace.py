"""Measure `metatextgrad runs` and `show` on a workspace of 1,000 runs, each as a process of its own.

    python benchmarks/workspace.py [postgresql://USER@HOST/DATABASE] [--runs N]

Four runs are carried out: an inner loop of the usual length, a long one, a meta-run, and one that a cap stops midway.
The others are copies of them under other names, with every call, its usage, and every checkpoint, through the store and
the saver: one in a hundred is long, one a meta-run, one stopped. Each figure is the median of five.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from endless import models, task
from langgraph.store.base import PutOp

from metatextgrad import Context, meta_optimize, optimize
from metatextgrad.core.errors import BudgetReachedError
from metatextgrad.core.identity import content_id
from metatextgrad.forking import Point
from metatextgrad.runtime.artifacts import items, namespace
from metatextgrad.runtime.record import load
from metatextgrad.runtime.workspace import Workspace, open_workspace

TIMES = 5
SHARE = 100
AT_ONCE = 2000
"""Items put by one statement; PostgreSQL takes no more than 65,535 parameters."""
SAMPLES: dict[str, dict[str, Any]] = {
    "usual": {"steps": 6},
    "long": {"steps": 1500},
    "meta": {"steps": 6, "meta_prompt_steps": 3, "meta_structure_steps": 3},
    "stopped": {"steps": 1500, "max_calls": 2000},
}


@dataclass(frozen=True)
class Sample:
    """A run to copy."""

    point: Point
    record: dict[str, Any]
    calls: dict[str, dict[str, Any]]
    usage: dict[str, dict[str, Any]]


def main() -> None:
    """Make the workspace and print one line a command."""
    given = argparse.ArgumentParser()
    given.add_argument("workspace", nargs="?", default="")
    given.add_argument("--runs", type=int, default=1000)
    asked = given.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = asked.workspace or folder
        begin = time.perf_counter()
        for name in SAMPLES:
            carry_out(name, workspace)
        asyncio.run(copies(workspace, asked.runs - len(SAMPLES)))
        print(f"{asked.runs} runs, made in {time.perf_counter() - begin:.0f} s")
        print(f"{'':<28} {'seconds':>8} {'calls':>8}")
        for command in (["runs"], ["runs", "--json"], *(["show", name] for name in SAMPLES)):
            seconds, calls = timed([*command, "--workspace", workspace])
            print(f"metatextgrad {' '.join(command):<15} {seconds:>8.2f} {calls:>8}")


def carry_out(name: str, workspace: str) -> None:
    """Carry out one of the runs."""
    settings = Context(**SAMPLES[name], seed=list(SAMPLES).index(name))
    try:
        if name == "meta":
            meta_optimize("bbh/dyck_languages", settings=settings, workspace=workspace, run=name)
        else:
            optimize(task(30, 50, 50), settings=settings, models=models(), workspace=workspace, run=name)
    except BudgetReachedError:
        assert name == "stopped"


async def copies(workspace: str, count: int) -> None:
    """Copy the runs until there are so many more."""
    async with open_workspace(workspace) as opened:
        samples = {name: await sample(opened, name) for name in SAMPLES}
        for number in range(count):
            kind = {1: "long", 2: "meta", 3: "stopped"}.get(number % SHARE, "usual")
            await copy(opened, samples[kind], f"{kind}-{number:04}")


async def sample(opened: Workspace, name: str) -> Sample:
    """Read a run whole."""
    kept = [one async for one in opened.saver.alist({"configurable": {"thread_id": name}})]
    usage = {item.key: item.value for item in await items(opened.store, namespace("usage", name))}
    calls = {item.key: item.value for item in await items(opened.store, namespace("call")) if item.key in usage}
    record = (await load(opened.store, name)).model_dump(mode="json")
    return Sample(Point(name, tuple(reversed(kept))), record, calls, usage)


async def copy(opened: Workspace, found: Sample, run: str) -> None:
    """Write a run down under another name, as if its calls had been others."""
    puts = [PutOp(namespace("run"), run, {**found.record, "run": run}, index=False)]
    for key, usage in found.usage.items():
        other = content_id([run, key])
        puts.append(PutOp(namespace("call"), other, {**found.calls[key], "run": run}, index=False))
        puts.append(PutOp(namespace("usage", run), other, usage, index=False))
    for begin in range(0, len(puts), AT_ONCE):
        await opened.store.abatch(puts[begin : begin + AT_ONCE])
    await found.point.copy_to(opened.saver, run)


def timed(arguments: list[str]) -> tuple[float, str]:
    """Return how long a command takes, and how many calls the run that it shows has made."""
    taken = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        said(arguments)
        taken.append(time.perf_counter() - begin)
    calls = json.loads(said([*arguments, "--json"]))["usage"]["total"]["calls"] if arguments[0] == "show" else 0
    return median(taken), f"{calls:,}" if calls else ""


def said(arguments: list[str]) -> str:
    """Carry out a command and return what it prints."""
    command = [sys.executable, "-m", "metatextgrad.cli", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
