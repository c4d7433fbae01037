"""Checkpoints are small, read back as they were, and go on from those that LangGraph's own saver left."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from metatextgrad.api import afork
from metatextgrad.core.errors import BudgetReachedError
from metatextgrad.runtime import sqlite
from metatextgrad.runtime.compact import MARK, Compact, next_version
from metatextgrad.runtime.sqlite_saver import SmallSaver
from metatextgrad.runtime.workspace import open_workspace, serializer
from tests.scripted import Script
from tests.test_resume import resumed, same, started
from tests.worlds import World

LANGGRAPH = AsyncSqliteSaver.get_next_version
CHECKPOINT: dict[str, Any] = {
    "v": 4,
    "id": "1f1e7e9a-9d1f-658a-8077-691bfde59cc9",
    "channel_values": {"candidates": [{"id": "87d7d062ac5d3dfbb9cfbb11", "score": 0.25}], "step": 30},
    "channel_versions": {"__start__": "12", "candidates": "3120", "step": "3121"},
    "versions_seen": {"__input__": {}, "__start__": {"__start__": "11"}, "update": {"branch:to:update": "3117"}},
    "updated_channels": ["step"],
}
WRITTEN = bytes.fromhex(
    "8d96c10d80200c455d88c462a0f4e42c406110387876334752c4036062eca103fcff5ff2b60251210722040c64053144a195"
    "b1c2cc884213b8c84191f734d0955aba5261c02023cf5a5aaf78e1e81cf9eb013c10acc7745f9df36b87b95b612b7855ecfa"
    "eaf28fea3e821fe3da7bf1000927"
)


def as_langgraph_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("setup", "get_next_version", "aput"):
        monkeypatch.setattr(SmallSaver, name, getattr(AsyncSqliteSaver, name))
    monkeypatch.setattr(sqlite, "serializer", lambda: JsonPlusSerializer(allowed_msgpack_modules=None))


def version(number: int) -> str:
    found = ""
    for _ in range(number):
        found = next_version(found or None)
    return found


def test_checkpoint_reads_back_as_it_was_and_in_its_order() -> None:
    kind, data = serializer().dumps_typed(CHECKPOINT)
    read = serializer().loads_typed((kind, data))
    assert read == CHECKPOINT
    assert list(read["channel_versions"]) == list(CHECKPOINT["channel_versions"])
    assert len(data) < len(JsonPlusSerializer().dumps_typed(CHECKPOINT)[1]) / 2


def test_what_this_version_writes_is_read_by_all_later_ones() -> None:
    assert serializer().loads_typed((f"msgpack{MARK}", WRITTEN)) == CHECKPOINT


@given(some.recursive(some.none() | some.booleans() | some.integers(-(2**40), 2**40) | some.text(), some.lists))
def test_any_value_reads_back_as_it_was(value: Any) -> None:
    compact, plain = serializer(), JsonPlusSerializer()
    assert compact.loads_typed(compact.dumps_typed(value)) == value
    assert compact.loads_typed(plain.dumps_typed(value)) == value


@given(some.dictionaries(some.text(max_size=5), some.integers(1, 20_000)), some.booleans())
def test_versions_read_back_whoever_gave_them(numbers: dict[str, int], mixed: bool) -> None:
    given = {name: next_version(f"0{number}") for name, number in numbers.items()}
    if mixed:
        given |= {"theirs": LANGGRAPH(AsyncSqliteSaver.__new__(AsyncSqliteSaver), None, None)}
    checkpoint = {"channel_versions": given, "versions_seen": {"node": given} if mixed else {}}
    assert serializer().loads_typed(serializer().dumps_typed(checkpoint)) == checkpoint


def test_versions_grow_and_come_after_those_of_langgraph() -> None:
    ours = [version(number) for number in (1, 2, 9, 10, 11, 99, 100)]
    assert ours == ["11", "12", "19", "210", "211", "299", "3100"]
    assert ours == sorted(ours)
    theirs = "00000000000000000000000000000099.0.123"
    assert (next_version(theirs), theirs < "11") == ("3100", True)


def test_nothing_but_plain_values_is_revived() -> None:
    assert isinstance(serializer().with_msgpack_allowlist([("metatextgrad.core.trial", "Trial")]), Compact)
    kind, data = JsonPlusSerializer().dumps_typed(Path("somewhere"))
    assert serializer().loads_typed((kind, data)) == JsonPlusSerializer().loads_typed((kind, data))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
async def test_run_that_langgraphs_own_saver_kept_goes_on_with_the_same_result(
    share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script(World(3).reply)
    whole = await started(script, tmp_path / "whole")
    calls, script = len(script.asked), Script(World(3).reply)
    with monkeypatch.context() as before:
        as_langgraph_writes(before)
        with pytest.raises(BudgetReachedError):
            await started(script, tmp_path / "old", max_calls=round(share * calls))
    assert same(await resumed(script, tmp_path / "old", max_calls=None), whole)
    assert len(script.asked) == calls


async def test_run_that_langgraphs_own_saver_kept_is_forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(World(3).reply)
    with monkeypatch.context() as before:
        as_langgraph_writes(before)
        whole = await started(script, tmp_path)
    asked, again = len(script.asked), {"task": World(3).task(), "models": script.models(), "workspace": tmp_path}
    assert (await afork("run.1", at="prompts/1:1", name="fork", **again)).findings == whole.findings
    assert len(script.asked) == asked


async def test_what_tasks_wrote_is_dropped_once_the_next_checkpoint_has_it(tmp_path: Path) -> None:
    async with open_workspace(tmp_path) as opened:
        saver, places = opened.saver, [("run", ""), ("run", "inner:1"), ("fork", "")]

        async def kept(thread: str, space: str, checkpoint: str) -> Any:
            config = at(thread, space, checkpoint)
            found = await saver.aget_tuple(config)
            return found and [value for _, _, value in found.pending_writes or ()]

        for thread, space in places:
            for before, this in ((None, "1"), ("1", "2")):
                checkpoint: Any = {**CHECKPOINT, "id": this}
                await saver.aput(at(thread, space, before), checkpoint, {"step": 0}, {})
                await saver.aput_writes(at(thread, space, this), [("step", f"after {this}")], "task")
        assert [await kept(*place, "1") for place in places] == [[], [], []]
        assert [await kept(*place, "2") for place in places] == [["after 2"], ["after 2"], ["after 2"]]


def at(thread: str, space: str, checkpoint: str | None) -> Any:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": space, "checkpoint_id": checkpoint}}


async def test_checkpoints_do_not_hold_what_traces_show(tmp_path: Path) -> None:
    await started(Script(World(3).reply), tmp_path)
    with closing(sqlite3.connect(tmp_path / "checkpoints.sqlite")) as database:
        names = {
            name
            for (name,) in database.execute("select distinct key from checkpoints, json_each(cast(metadata as text))")
        }
    assert names == {"source", "step", "parents"}
