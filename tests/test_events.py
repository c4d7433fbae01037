"""What a run tells: every event once, in order, alike over the stream and to a callback, and in documented words."""

import re
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore

import metatextgrad as mtg
from metatextgrad.api import ameta_optimize, aoptimize, aresume
from metatextgrad.core.errors import ApprovalNeededError, BudgetReachedError
from metatextgrad.graphs.inner_loop import build_inner_loop
from metatextgrad.runtime.artifacts import put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import Event, EventType
from metatextgrad.stored import read_run
from tests.test_approval import BOTH, OPTIMIZERS, PROGRAMS, script
from tests.worlds import World

DOCUMENT = Path(__file__).parents[1] / "docs" / "events.md"


def of_type(events: list[Event], kind: EventType) -> list[Event]:
    return [event for event in events if event.type == kind]


def runs(events: list[Event]) -> list[str]:
    return [event.outcome for event in of_type(events, "run")]


async def heard(workspace: Path, seed: int = 8, **settings: Any) -> list[Event]:
    """Learn an optimizer and return all that was told."""
    events: list[Event] = []
    context = Context(seed=seed, steps=2, meta_prompt_steps=1, meta_structure_steps=1, batch_size=2)
    await ameta_optimize(
        World(seed).task(),
        optimizers=OPTIMIZERS,
        settings=context.model_copy(update=settings),
        models=script(seed).models(),
        workspace=workspace,
        run="run",
        on_event=events.append,
    )
    return events


async def test_a_run_is_told_from_its_start_to_its_end_with_every_turn(tmp_path: Path) -> None:
    events = await heard(tmp_path)
    assert (events[0].type, events[0].outcome, events[0].run) == ("run", "started", "run")
    assert (events[-1].type, events[-1].outcome) == ("run", "done")
    stored = await read_run(str(tmp_path), "run", turns=True)
    turns = [turn for branch in stored.branches for turn in branch.turns]
    turns += [inner for turn in turns for inner in turn.inner]
    told = Counter((event.path, event.step, event.level, event.candidate) for event in of_type(events, "step"))
    assert told == Counter((t.trial.path, t.trial.step, t.trial.level, t.trial.best) for t in turns)
    assert stored.found
    assert [event.stage for event in of_type(events, "test")] == [row.name for row in stored.found.findings.rows]


async def test_a_step_is_told_as_proposal_evaluation_and_outcome(tmp_path: Path) -> None:
    events = await heard(tmp_path)
    here = [event for event in events if (event.path, event.step) == ("both/0", 1) and event.type != "evaluating"]
    assert [event.type for event in here] == ["gradient", "proposal", "proposal", "evaluation", "evaluation", "step"]
    proposed = {event.candidate for event in here if event.type == "proposal"}
    assert {event.candidate for event in here if event.type == "evaluation"} == proposed
    assert max(event.score or 0 for event in here if event.type == "evaluation") == here[-1].score


async def test_what_cannot_be_used_is_told_with_its_reason(tmp_path: Path) -> None:
    rejections = of_type([event for seed in (1, 8) for event in await heard(tmp_path / str(seed), seed)], "rejection")
    assert rejections and all(event.reason and not event.candidate for event in rejections)


async def test_stream_of_a_graph_tells_what_a_callback_is_told(tmp_path: Path) -> None:
    called: list[Event] = []
    context = Context(seed=PROGRAMS, steps=2, batch_size=2)
    task, given = World(PROGRAMS).task(), script(PROGRAMS)
    await aoptimize(
        task, optimizer=BOTH, settings=context, models=given.models(), workspace=tmp_path, on_event=called.append
    )
    store = InMemoryStore()
    graph = build_inner_loop().compile(checkpointer=InMemorySaver(), store=store)
    stream = graph.astream(
        {"optimizer": await put(store, BOTH), "path": "both"},
        {"configurable": {"thread_id": "t"}},
        context=context.given(task=task, models=script(PROGRAMS).models()),
        stream_mode="custom",
        subgraphs=True,
    )
    streamed = [Event.model_validate(event) async for _, event in stream]
    assert streamed == [event for event in called if event.type not in ("run", "test") and event.path != "test"]


async def test_the_look_at_the_test_set_is_told_while_it_goes_on(tmp_path: Path) -> None:
    events = [event for event in await heard(tmp_path) if event.path == "test" or event.type == "test"]
    by_row = [(event.type, event.stage) for event in events]
    rows = dict.fromkeys(stage for _, stage in by_row)
    assert by_row == [found for row in rows for found in by_row if found[1] == row], "one row after the other"
    scored_anew = {stage for kind, stage in by_row if kind == "evaluating"}
    assert next(iter(rows)) in scored_anew, "a program that two rows share is scored once"


async def test_another_start_than_the_task_s_own_program_is_not_called_zero_shot(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"settings": Context(steps=1), "workspace": tmp_path}
    own = await aoptimize("bbh/word_sorting", **settings)
    other = await aoptimize("bbh/word_sorting", program="few-shot", **settings)
    assert [result.findings.rows[0].name for result in (own, other)] == ["zero-shot", "start program"]


async def test_shares_of_a_cap_are_told_once_each_also_over_a_resumption(tmp_path: Path) -> None:
    events: list[Event] = []
    calls, task = script(PROGRAMS), World(PROGRAMS).task()
    again: dict[str, Any] = {"models": calls.models(), "workspace": tmp_path, "on_event": events.append}
    with pytest.raises(BudgetReachedError):
        await aoptimize(
            task, optimizer=BOTH, settings=Context(seed=PROGRAMS, batch_size=2, max_calls=40), run="run", **again
        )
    shares = [(event.stage, event.done, event.of) for event in of_type(events, "budget")]
    assert shares == [("calls", 50, 100), ("calls", 80, 100), ("calls", 100, 100)]
    assert runs(events) == ["started", "budget"]
    assert "The cap of 40 calls is reached" in of_type(events, "run")[-1].reason
    events.clear()
    with pytest.raises(BudgetReachedError):
        await aresume("run", task=task, caps={"max_calls": 45}, **again)
    assert [(event.stage, event.done) for event in of_type(events, "budget")] == [("calls", 100)]
    assert runs(events) == ["resumed", "budget"]


async def test_a_run_that_waits_says_so_and_the_answer_is_told(tmp_path: Path) -> None:
    events: list[Event] = []

    async def ask(workspace: Path, on_approval: Any) -> None:
        context = Context(seed=PROGRAMS, steps=1, batch_size=2, approve="programs")
        await aoptimize(
            World(PROGRAMS).task(),
            optimizer=BOTH,
            settings=context,
            models=script(PROGRAMS).models(),
            workspace=workspace,
            on_event=events.append,
            on_approval=on_approval,
        )

    with pytest.raises(ApprovalNeededError):
        await ask(tmp_path / "a", None)
    assert runs(events) == ["started", "waiting"] and not of_type(events, "approval")
    events.clear()
    await ask(tmp_path / "b", lambda asked: {"decision": "approve", "reason": "fine"})
    (answer,) = of_type(events, "approval")
    assert (answer.outcome, answer.reason, answer.level) == ("approve", "fine", "program")
    assert runs(events) == ["started", "done"], "a run that is answered in its process does not wait"


def test_every_type_and_every_field_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert named == {*get_args(EventType), *Event.model_fields} - {"type"}


async def test_blocking_functions_work_inside_a_running_loop(tmp_path: Path) -> None:
    """As in a notebook, whose cells run in a loop."""
    context = Context(seed=PROGRAMS, steps=1, batch_size=2)
    task, models = World(PROGRAMS).task(), script(PROGRAMS).models()
    inside = mtg.optimize(task, optimizer=BOTH, settings=context, models=models, workspace=tmp_path / "inside")
    models = script(PROGRAMS).models()
    awaited = await mtg.aoptimize(task, optimizer=BOTH, settings=context, models=models, workspace=tmp_path / "awaited")
    assert inside.findings == awaited.findings


async def test_listener_that_fails_ends_the_run_with_its_own_error(tmp_path: Path) -> None:
    def listen(event: Event) -> None:
        if event.type == "proposal":
            raise RuntimeError("the listener is broken")

    with pytest.raises(RuntimeError, match="the listener is broken"):
        await aoptimize(
            World(PROGRAMS).task(),
            optimizer=BOTH,
            settings=Context(seed=PROGRAMS, steps=1, batch_size=2),
            models=script(PROGRAMS).models(),
            workspace=tmp_path,
            run="run",
            on_event=listen,
        )
    stored = await read_run(str(tmp_path), "run")
    assert (stored.status, stored.record.message) == ("failed", "the listener is broken")
