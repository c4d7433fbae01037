"""A fork goes on from a step with other settings, pays for nothing a second time, and leaves its origin alone."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from metatextgrad.api import Result, afork, ameta_optimize, aresume
from metatextgrad.core.errors import ApprovalNeededError, InputError
from metatextgrad.forking import forked_settings, point
from metatextgrad.runtime.context import FORKABLE, Context
from metatextgrad.runtime.events import Event
from metatextgrad.runtime.models import names_for
from metatextgrad.runtime.record import Record, load
from metatextgrad.runtime.workspace import POSTGRES, open_workspace
from metatextgrad.stored import read_run
from tests.command_line import described, printed, settle
from tests.databases import fresh_database, missing
from tests.scripted import Script
from tests.test_approval import OPTIMIZERS
from tests.worlds import World

SEED = 8
Origin = tuple[str, Result, Script]
pytestmark = pytest.mark.enable_socket


@pytest.fixture(
    scope="module",
    params=["folder", pytest.param("postgresql", marks=pytest.mark.skipif(bool(missing()), reason=missing()))],
)
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """A run that has ended, its result, and what it asked."""
    if request.param == "folder":
        yield ended(str(tmp_path_factory.mktemp("origin")))
    else:
        with fresh_database() as uri:
            yield ended(uri)


def ended(workspace: str) -> Origin:
    script = Script(World(SEED).reply)
    context = Context(seed=SEED, steps=2, meta_prompt_steps=1, meta_structure_steps=1, batch_size=2)
    work = ameta_optimize(
        World(SEED).task(),
        optimizers=OPTIMIZERS,
        settings=context,
        models=script.models(),
        workspace=workspace,
        run="origin",
    )
    return workspace, asyncio.run(work), script


@pytest.fixture
def origin(kept: Origin, tmp_path: Path) -> Iterator[Origin]:
    """The same in a workspace of its own."""
    if kept[0].startswith(POSTGRES):
        with fresh_database(like=kept[0]) as uri:
            yield uri, *kept[1:]
    else:
        shutil.copytree(kept[0], tmp_path, dirs_exist_ok=True)
        yield str(tmp_path), *kept[1:]


async def forked(workspace: str, at: str, name: str = "fork", **options: Any) -> tuple[Result, Script, list[Event]]:
    script, events = Script(World(SEED).reply), list[Event]()
    result = await afork(
        "origin",
        at=at,
        name=name,
        task=World(SEED).task(),
        models=script.models(),
        workspace=workspace,
        on_event=events.append,
        **options,
    )
    return result, script, events


def steps(events: list[Event]) -> list[str]:
    """Name the steps that were taken, as `at` does."""
    taken = [event for event in events if event.type == "step"]
    return [
        f"{event.path.partition('/')[0] if event.level == 'optimizer' else event.path}:{event.step}" for event in taken
    ]


async def all_steps(workspace: str) -> list[str]:
    with pytest.raises(InputError, match="has no step 'nowhere:1'") as refused:
        await forked(workspace, "nowhere:1")
    return str(refused.value).rpartition("LOOP:STEP: ")[2].rstrip(".").split(", ")


async def written(workspace: str, run: str) -> list[Any]:
    """Return every checkpoint of a run, and its record."""
    async with open_workspace(workspace) as opened:
        saved = [one async for one in opened.saver.alist({"configurable": {"thread_id": run}})]
        return [*saved, await load(opened.store, run)]


async def test_fork_of_any_step_without_a_change_ends_as_the_run_did_without_a_call(origin: Origin) -> None:
    folder, result, _ = origin
    before, known = await written(folder, "origin"), await all_steps(folder)
    assert {"prompts:0", "both/1:2", "merge/1:0", "merge:1"} <= set(known)
    for number, at in enumerate(known[:: 3 if folder.startswith(POSTGRES) else 1]):  # a fork there takes a second
        fork, script, events = await forked(folder, at, f"fork-{number}")
        assert (fork.findings, script.asked) == (result.findings, [])
        assert at in steps(events), "the step is decided again, with the new settings"
    assert await written(folder, "origin") == before


async def test_steps_before_the_fork_are_not_taken_again(origin: Origin) -> None:
    _, _, events = await forked(origin[0], "merge/1:1")
    assert steps(events) == ["merge/1:1", "merge/1:2", "merge:1"]


async def test_more_steps_are_paid_for_alone(origin: Origin) -> None:
    folder, result, before = origin
    fork, script, events = await forked(folder, "merge:1", settings={"meta_structure_steps": 2})
    assert steps(events)[0] == "merge:1"
    assert {"merge/2:0", "merge:2"} <= set(steps(events))
    assert script.calls["meta"], "the prompt of a merge is the same until one is accepted; it is another draw"
    assert not [made for made in script.asked if made[0] != "meta" and made in before.asked]
    assert sum(used.calls for used in fork.usage.values()) == len(script.asked)
    assert fork.score >= result.score


async def test_more_inner_steps_lengthen_the_loops_that_go_on(origin: Origin) -> None:
    _, script, events = await forked(origin[0], "merge/1:2", settings={"steps": 3})
    assert steps(events) == ["merge/1:2", "merge/1:3", "merge:1"]
    assert script.asked


async def test_fork_that_asks_a_person_waits_and_is_resumed_under_its_own_name(origin: Origin) -> None:
    folder, result, _ = origin
    with pytest.raises(ApprovalNeededError) as stopped:
        await forked(folder, "both/0:1", settings={"approve": "all"})
    assert stopped.value.approvals
    script, answers = Script(World(SEED).reply), 0
    while True:
        try:
            again = await aresume(
                "fork", task=World(SEED).task(), models=script.models(), decision="approve", workspace=folder
            )
            break
        except ApprovalNeededError:
            answers += 1
    assert again.findings == result.findings and not script.asked and answers


async def test_record_of_a_fork_names_its_origin(origin: Origin) -> None:
    await forked(origin[0], "prompts:0", settings={"steps": 1})
    stored = await read_run(origin[0], "fork")
    assert (stored.record.origin, stored.record.settings["steps"]) == ("origin at prompts:0", 1)
    assert stored.record.plan == {}


async def test_copy_that_was_killed_is_begun_anew(origin: Origin) -> None:
    folder, result, _ = origin
    async with open_workspace(folder) as opened:
        late = await point(opened.saver, opened.store, "origin", "merge:1")
        await late.copy_to(opened.saver, "fork")
    fork, _, events = await forked(folder, "merge/1:0")
    assert steps(events)[0] == "merge/1:0" and fork.findings == result.findings


async def test_name_of_a_fork_is_free(origin: Origin) -> None:
    with pytest.raises(InputError, match="Run 'origin' exists already"):
        await forked(origin[0], "merge:1", "origin")


@pytest.mark.parametrize("setting", sorted(set(Context.model_fields) - FORKABLE))
async def test_what_a_score_means_does_not_change_in_a_fork(setting: str, origin: Origin) -> None:
    with pytest.raises(InputError, match=f"Setting '{setting}' cannot change in a fork; changeable: .*meta_model"):
        await forked(origin[0], "merge:1", settings={setting: 1})


async def test_wrong_setting_is_refused_before_anything_is_copied(origin: Origin) -> None:
    with pytest.raises(InputError, match="A setting of the fork is wrong: steps: Input should be greater than"):
        await forked(origin[0], "merge:1", settings={"steps": 0})
    async with open_workspace(origin[0]) as opened:
        assert [one async for one in opened.saver.alist({"configurable": {"thread_id": "fork"}})] == []


@pytest.mark.parametrize("named", [{}, {"optimizer_model": "openai:o"}, {"judge_model": "openai:j"}])
def test_another_model_of_the_optimizer_does_not_change_the_judge(named: dict[str, str]) -> None:
    before = Context(program_model="openai:p", **named)  # type: ignore[arg-type]
    record = Record(
        run="r",
        kind="optimize",
        settings=before.model_dump(),
        asked={},
        task="t",
        task_id="",
        simulated=False,
        created="",
    )
    after = forked_settings(record, {"optimizer_model": "openai:new"})
    assert names_for(after) == {**names_for(before), "optimizer": "openai:new", "meta": "openai:new"}


def test_fork_from_the_command_line_goes_on_with_more_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(tmp_path, monkeypatch)
    optimize = ("optimize", "bbh/word_sorting", "--run", "short")
    described(capsys, *optimize, "--steps", "1")
    fork = described(capsys, "fork", "short", "--at", "tgd:1", "--steps", "2", "--run", "longer")
    whole = described(capsys, *optimize, "--steps", "2", "--workspace", "other")
    assert fork["rows"] == whole["rows"] and fork["run"] == "longer"
    assert fork["usage"]["total"]["calls"] < whole["usage"]["total"]["calls"]
    assert described(capsys, "show", "longer")["origin"] == "short at tgd:1"
    assert "fork of short at tgd:1" in printed(capsys, "show", "longer")
