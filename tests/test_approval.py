"""Where a person has a say: nothing is accepted without them, nothing is asked twice, and their edits are scored."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables.config import var_child_runnable_config
from langgraph._internal._constants import CONFIG_KEY_RUNTIME
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.runtime import Runtime
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command

from metatextgrad.api import Result, ameta_optimize, aoptimize, aresume
from metatextgrad.core.approval import Answer, Approval, Decision, OnApproval, decision_of
from metatextgrad.core.difference import difference
from metatextgrad.core.errors import ApprovalNeededError, BudgetReachedError, InputError
from metatextgrad.core.optimizer import Optimizer, best_of
from metatextgrad.core.program import Program, chain_of_thought
from metatextgrad.core.trial import Candidate, Trial, candidate
from metatextgrad.graphs.inner_loop import build_inner_loop
from metatextgrad.graphs.loop import LoopState, asking
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.record import load
from metatextgrad.runtime.workspace import open_workspace
from metatextgrad.stored import read_run
from tests.scripted import Script, in_turn, opened
from tests.test_algorithms import PROMPTS, STRUCTURE
from tests.test_update import INVALID, scored
from tests.worlds import World, advice, program

BOTH = Optimizer(name="both", purpose="p", schedule=best_of(STRUCTURE, PROMPTS))
OPTIMIZERS = [Optimizer(name="prompts", purpose="p", schedule=PROMPTS), BOTH]
PROGRAMS = 2
"""A world in which both programs of each of two steps are strictly better than the initial one."""
OPTIMIZER = 10
"""A world in which one optimizer is improved."""


async def improved(workspace: Path, script: Script, on_approval: OnApproval | None = None, **settings: Any) -> Result:
    """Improve a program in two steps of two candidates each, with a say in what is accepted."""
    context = Context(seed=PROGRAMS, steps=2, batch_size=2).model_copy(update={"approve": "programs", **settings})
    return await aoptimize(
        World(PROGRAMS).task(),
        optimizer=BOTH,
        settings=context,
        models=script.models(),
        workspace=workspace,
        run="run",
        on_approval=on_approval,
    )


async def learned(workspace: Path, script: Script, on_approval: OnApproval | None = None, **settings: Any) -> Result:
    """Learn an optimizer with a say in what is accepted."""
    context = Context(seed=OPTIMIZER, steps=2, meta_prompt_steps=1, meta_structure_steps=1, batch_size=2)
    return await ameta_optimize(
        World(OPTIMIZER).task(),
        optimizers=OPTIMIZERS,
        settings=context.model_copy(update={"approve": "optimizers", **settings}),
        models=script.models(),
        workspace=workspace,
        run="run",
        on_approval=on_approval,
    )


async def answered(workspace: Path, script: Script, seed: int, decision: Answer | None, **caps: Any) -> Result:
    models = script.models()
    return await aresume(
        "run", task=World(seed).task(), models=models, decision=decision, caps=caps, workspace=workspace
    )


async def trials(workspace: Path) -> list[Trial]:
    stored = await read_run(str(workspace), "run", turns=True)
    return [turn.trial for branch in stored.branches for turn in branch.turns]


def script(seed: int) -> Script:
    return Script(World(seed).reply)


async def test_approving_everything_ends_as_if_nobody_had_been_asked(tmp_path: Path) -> None:
    seen: list[Approval] = []

    async def approve(asked: Approval) -> str:
        await asyncio.sleep(0)
        seen.append(asked)
        return "approve"

    asked = await learned(tmp_path / "asked", script(OPTIMIZER), approve, approve="all")
    alone = await learned(tmp_path / "alone", script(OPTIMIZER), approve="none")
    assert (asked.findings, asked.usage) == (alone.findings, alone.usage)
    assert {approval.level for approval in seen} == {"program", "optimizer"}
    assert all(approval.score > approval.best for approval in seen)


async def test_rejecting_everything_keeps_what_was_given_and_says_why(tmp_path: Path) -> None:
    result = await improved(tmp_path, script(PROGRAMS), lambda asked: {"decision": "reject", "reason": "too long"})
    assert result.program == program((("answer", 3),))
    first, *steps = await trials(tmp_path)
    assert first.outcome == "accepted", "what was given is not asked about"
    for trial in steps:
        assert (trial.outcome, trial.best_score) == ("rejected", first.best_score)
        assert [item["reason"] for item in trial.candidates] == ["rejected by a person: too long"] * 2
        assert {item["status"] for item in trial.candidates} == {"rejected"}


async def test_nobody_is_asked_about_what_paired_acceptance_would_not_take(tmp_path: Path) -> None:
    """Eight examples confirm nothing at such a level."""
    result = await improved(tmp_path, script(PROGRAMS), accept="paired", accept_level=0.001)
    assert result.program == program((("answer", 3),))


async def test_second_best_candidate_is_asked_about_once_the_best_is_rejected(tmp_path: Path) -> None:
    seen: list[Approval] = []

    def answer(asked: Approval) -> str:
        seen.append(asked)
        return "approve" if len(seen) == 2 else "reject"

    await improved(tmp_path, script(PROGRAMS), answer)
    _, trial, *_ = await trials(tmp_path)
    assert [(asked.step, asked.score) for asked in seen[:2]] == [(1, 0.625), (1, 0.375)]
    assert (trial.outcome, trial.best, trial.best_score) == ("accepted", seen[1].candidate, 0.375)
    reasons = {str(item["id"]): item["reason"] for item in trial.candidates}
    assert reasons == {seen[0].candidate: "rejected by a person", seen[1].candidate: "approved by a person"}


async def test_run_that_waits_is_kept_and_asks_again_without_a_call(tmp_path: Path) -> None:
    calls = script(OPTIMIZER)
    with pytest.raises(ApprovalNeededError, match="both/1 step 1 waits for a person") as first:
        await learned(tmp_path, calls)
    made = len(calls.asked)
    async with open_workspace(tmp_path) as opened:
        assert (await load(opened.store, "run")).status == "waiting"
    with pytest.raises(ApprovalNeededError) as second:
        await answered(tmp_path, calls, OPTIMIZER, None)
    assert second.value.approvals == first.value.approvals
    assert len(calls.asked) == made
    (asked,) = first.value.approvals
    assert (asked.level, asked.stage) == ("optimizer", "both")
    assert "+" in asked.diff and Optimizer.model_validate(asked.value).id == asked.candidate


async def test_answer_given_later_has_the_same_result_as_one_given_at_once(tmp_path: Path) -> None:
    calls = script(OPTIMIZER)
    with pytest.raises(ApprovalNeededError):
        await learned(tmp_path / "later", calls)
    later = await answered(tmp_path / "later", calls, OPTIMIZER, "reject")
    at_once = await learned(tmp_path / "once", script(OPTIMIZER), lambda asked: "reject")
    assert (later.findings, later.usage) == (at_once.findings, at_once.usage)


async def test_answer_survives_a_run_that_is_stopped_right_after_it(tmp_path: Path) -> None:
    calls = script(OPTIMIZER)
    with pytest.raises(ApprovalNeededError):
        await learned(tmp_path / "cut", calls)
    made = len(calls.asked)
    with pytest.raises(BudgetReachedError):
        await answered(tmp_path / "cut", calls, OPTIMIZER, "approve", max_calls=made)
    result = await answered(tmp_path / "cut", calls, OPTIMIZER, None, max_calls=None)
    assert result.findings == (await learned(tmp_path / "alone", script(OPTIMIZER), approve="none")).findings


async def test_loops_side_by_side_wait_together_and_are_answered_one_by_one(tmp_path: Path) -> None:
    calls, waiting = script(OPTIMIZER), []
    with pytest.raises(ApprovalNeededError) as stopped:
        await learned(tmp_path, calls, approve="programs")
    while True:
        waiting.append([(asked.path, asked.step) for asked in stopped.value.approvals])
        try:
            await answered(tmp_path, calls, OPTIMIZER, "approve")
            break
        except ApprovalNeededError as again:
            stopped.value.approvals = again.approvals
    assert waiting == [[("both/0", 1), ("prompts/0", 2)], [("both/1", 2), ("prompts/0", 2)], [("prompts/0", 2)]]


async def test_edited_program_is_scored_before_it_can_take_the_place(tmp_path: Path) -> None:
    better, worse = program((("answer", 7),)), program((("answer", 11),))
    edits = iter([worse, better])

    def edit(asked: Approval) -> Decision:
        value = next(edits, better).model_dump(mode="json")
        return Decision(decision="edit", reason="mine", value=value) if asked.step == 1 else Decision(decision="reject")

    result = await improved(tmp_path, script(PROGRAMS), edit)
    _, trial, *_ = await trials(tmp_path)
    tried = {str(item["id"]): (item["status"], item["reason"].split(",")[0]) for item in trial.candidates}
    assert tried[worse.id][0] == tried[better.id][0] == "scored"
    assert list(tried.values()).count(("rejected", "edited by a person: mine")) == 2
    assert all(item["score"] is not None for item in trial.candidates)
    assert result.program == better
    assert trial.outcome == "accepted"
    assert next(item for item in trial.candidates if item["id"] == better.id)["reason"].startswith(
        "edited by a person, "
    )


async def test_edited_optimizer_goes_through_a_whole_inner_loop(tmp_path: Path) -> None:
    mine = Optimizer(name="mine", purpose="p", schedule=PROMPTS.model_copy(update={"instructions": advice(77)}))
    calls = script(OPTIMIZER)
    await learned(tmp_path, calls, lambda asked: {"decision": "edit", "value": mine.model_dump(mode="json")})
    (trial,) = [trial for trial in await trials(tmp_path) if any(item["stage"] == "mine" for item in trial.candidates)]
    (item,) = trial.candidates
    assert item["id"] == mine.id and item["program"] and item["trial"], "an inner loop has scored it"
    assert item["reason"].startswith("edited by a person, from ")
    assert any("[o=77]" in prompt for prompt in calls.prompts("optimizer"))


WRONG: list[tuple[Answer, str]] = [
    ("maybe", "'maybe' is no decision"),
    ({"decision": "edit"}, "an edit needs `value`"),
    ({"decision": "approve", "value": {}}, "approve and reject take none"),
    ({"decision": "edit", "value": {"name": "x"}}, "The edited optimizer cannot be used: purpose"),
    (
        {"decision": "edit", "value": Optimizer(name="x", purpose="p", schedule=best_of(*[PROMPTS] * 4)).model_dump()},
        "4 parts in a best_of; at most 3",
    ),
]


@pytest.mark.parametrize(("answer", "problem"), WRONG, ids=[problem for _, problem in WRONG])
async def test_answer_that_cannot_be_used_changes_nothing(answer: Answer, problem: str, tmp_path: Path) -> None:
    calls = script(OPTIMIZER)
    with pytest.raises(ApprovalNeededError) as stopped:
        await learned(tmp_path, calls)
    with pytest.raises(InputError, match=problem):
        await answered(tmp_path, calls, OPTIMIZER, answer)
    async with open_workspace(tmp_path) as opened:
        assert (await load(opened.store, "run")).status == "waiting"
    with pytest.raises(ApprovalNeededError) as again:
        await answered(tmp_path, calls, OPTIMIZER, None)
    assert again.value.approvals == stopped.value.approvals


async def test_decision_for_a_run_that_asks_nothing_is_refused(tmp_path: Path) -> None:
    calls = script(OPTIMIZER)
    await learned(tmp_path, calls, approve="none")
    with pytest.raises(InputError, match="Run 'run' waits for no approval"):
        await answered(tmp_path, calls, OPTIMIZER, "approve")


async def test_graph_alone_interrupts_again_with_what_was_wrong(tmp_path: Path) -> None:
    """As under Studio, where nothing stands between the person and the graph."""
    store = InMemoryStore()
    graph = build_inner_loop().compile(checkpointer=InMemorySaver(), store=store)
    context = Context(seed=PROGRAMS, steps=1, batch_size=2, approve="programs")
    context = context.given(task=World(PROGRAMS).task(), models=script(PROGRAMS).models())
    config: Any = {"configurable": {"thread_id": "t"}}
    state = await graph.ainvoke({"optimizer": await put(store, BOTH)}, config, context=context)
    (asked,) = state["__interrupt__"]
    assert (asked.value["level"], asked.value["problem"]) == ("program", "")

    stray = chain_of_thought("x", "Say {what}.").model_copy(update={"inputs": ("other", "question")})
    for wrong, problem in (("well", "'well' is no decision"), ({"decision": "edit", "value": stray}, "its inputs are")):
        resume = wrong if isinstance(wrong, str) else {**wrong, "value": stray.model_dump(mode="json")}
        state = await graph.ainvoke(Command(resume=resume), config, context=context)
        assert problem in state["__interrupt__"][0].value["problem"]
    state = await graph.ainvoke(Command(resume="approve"), config, context=context)
    assert "__interrupt__" not in state
    values = (await graph.aget_state(config)).values
    trial = await get(store, Trial, values["last_trial"])
    assert (trial.outcome, trial.best) == ("accepted", asked.value["candidate"])


BEST = scored("old", 0.5)
ROUTES: list[tuple[str, str, Candidate | None, list[Candidate], str]] = [
    ("nobody asks", "none", BEST, [scored("a", 0.6)], "decided"),
    ("other level", "optimizers", BEST, [scored("a", 0.6)], "decided"),
    ("this level", "programs", BEST, [scored("a", 0.6)], "ask"),
    ("both levels", "all", BEST, [scored("a", 0.6)], "ask"),
    ("a tie is not accepted anyway", "all", BEST, [scored("a", 0.5)], "decided"),
    ("what was given", "all", None, [scored("a", 0.6)], "decided"),
    ("nothing usable", "all", BEST, [INVALID], "decided"),
    ("rejected", "all", BEST, [{**scored("a", 0.6), "status": "rejected"}], "decided"),
    ("another one behind it", "all", BEST, [{**scored("a", 0.8), "status": "rejected"}, scored("b", 0.6)], "ask"),
    ("let pass", "all", BEST, [scored("approved", 0.6)], "decided"),
    ("let pass, and a better one", "all", BEST, [scored("approved", 0.6), scored("b", 0.7)], "ask"),
    ("edited", "all", BEST, [{**scored("a", 0.6), "status": "rejected"}, candidate("mine", "s")], "edited"),
]


@pytest.mark.parametrize(("asked", "best", "items", "way"), [case[1:] for case in ROUTES], ids=[c[0] for c in ROUTES])
async def test_person_is_asked_about_what_would_be_accepted(
    asked: Any, best: Candidate | None, items: list[Candidate], way: str
) -> None:
    state = LoopState(candidates=items, best=best, approved={"id": "approved", "note": ""})
    given = await opened(in_turn(), approve=asked)
    runtime: Runtime[Context] = Runtime(context=given.context, store=given.store)
    var_child_runnable_config.set({"configurable": {CONFIG_KEY_RUNTIME: runtime}})
    assert await asking("program")(state) == way


def test_words_and_objects_are_decisions() -> None:
    assert decision_of("approve") == decision_of({"decision": "approve"}) == Decision(decision="approve")
    made = Decision(decision="reject", reason="r")
    assert decision_of(made) is made


def test_difference_shows_which_line_of_a_text_changed() -> None:
    before = chain_of_thought("start", "Read the question.\nAnswer it.")
    after = before.with_instructions({"answer": "Read the question.\nAnswer it in one word."})
    lines = difference(before, after).splitlines()
    assert lines[0].split() == ["---", before.id] and lines[1].split() == ["+++", after.id]
    assert [line for line in lines[2:] if line[0] in "+-"] == ["-      Answer it.", "+      Answer it in one word."]
    assert difference(before, Program.model_validate(before.model_dump())) == ""
