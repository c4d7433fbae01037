"""The loops of a run are found in its checkpoints as LangGraph's own graph tells them."""

from pathlib import Path
from typing import Any

import pytest

from metatextgrad.core.errors import BudgetReachedError
from metatextgrad.graphs.outer_loop import build_outer_loop
from metatextgrad.loops import heads
from metatextgrad.runtime.workspace import Workspace, open_workspace
from tests.scripted import Script
from tests.test_resume import started
from tests.worlds import World


async def told_by_the_graph(opened: Workspace) -> list[str]:
    graph = build_outer_loop().compile(checkpointer=opened.saver, store=opened.store)
    snapshot = await graph.aget_state({"configurable": {"thread_id": "run.1"}}, subgraphs=True)
    return list(dict.fromkeys(trials(snapshot)))


def trials(snapshot: Any) -> list[str]:
    values = snapshot.values or {}
    found = [lineage["trial"] for lineage in sorted(values.get("lineages", []), key=lambda item: item["order"])]
    found += [values["last_trial"]] if values.get("last_trial") else []
    for task in snapshot.tasks:
        if getattr(task.state, "values", None) is not None:
            found += trials(task.state)
    return found


@pytest.mark.parametrize("calls", [1, 20, 35, 50, 65, 80, 95, 105])
async def test_loops_of_a_run_that_stopped_are_those_that_the_graph_tells(calls: int, tmp_path: Path) -> None:
    with pytest.raises(BudgetReachedError):
        await started(Script(World(3).reply), tmp_path, max_calls=calls)
    async with open_workspace(tmp_path) as opened:
        assert await heads(opened.saver, "run.1") == await told_by_the_graph(opened)


async def test_loops_of_a_run_that_ended_are_its_lineages_and_the_merge(tmp_path: Path) -> None:
    await started(Script(World(3).reply), tmp_path)
    async with open_workspace(tmp_path) as opened:
        found = await heads(opened.saver, "run.1")
        assert (len(found), found) == (3, await told_by_the_graph(opened))


async def test_run_that_is_not_there_has_no_loops(tmp_path: Path) -> None:
    async with open_workspace(tmp_path) as opened:
        assert await heads(opened.saver, "another") == []
