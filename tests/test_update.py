"""Acceptance as a truth table: strictly better, or nothing changes; and what a step leaves for the next one."""

from typing import Any

import pytest
from langgraph.runtime import Runtime

from metatextgrad.core.errors import InputError
from metatextgrad.core.optimizer import Optimizer, Schedule, chain, on_plateau
from metatextgrad.core.trial import Candidate, Trial, candidate
from metatextgrad.graphs.loop import finished, proposed
from metatextgrad.nodes.pick_incumbent import pick_incumbent
from metatextgrad.nodes.update import Writes, better, outcome_of, update
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.resources import Resources
from metatextgrad.stages import stage
from tests.scripted import in_turn, opened


def scored(name: str, score: float | None) -> Candidate:
    return {**candidate(name, "s", "scored"), "score": score}


INVALID, SKIPPED = candidate(None, "s", "invalid", "no JSON"), candidate(None, "s", "skipped", "all right")
UNUSABLE: Candidate = {**candidate("u", "s", "invalid", "all replies empty")}

TRUTH = [
    ("higher", 0.5, [scored("a", 0.6)], "a", "accepted"),
    ("barely higher", 0.5, [scored("a", 0.5000001)], "a", "accepted"),
    ("tie", 0.5, [scored("a", 0.5)], "old", "rejected"),
    ("lower", 0.5, [scored("a", 0.4)], "old", "rejected"),
    ("tie at zero", 0.0, [scored("a", 0.0)], "old", "rejected"),
    ("above zero", 0.0, [scored("a", 0.01)], "a", "accepted"),
    ("tie at one", 1.0, [scored("a", 1.0)], "old", "rejected"),
    ("invalid", 0.5, [INVALID], "old", "invalid"),
    ("unusable", 0.0, [UNUSABLE], "old", "invalid"),
    ("skipped", 0.5, [SKIPPED], "old", "skipped"),
    ("unscored", 0.0, [scored("a", None)], "old", "rejected"),
    ("best of several", 0.5, [scored("a", 0.6), scored("b", 0.8), scored("c", 0.7)], "b", "accepted"),
    ("first of equals", 0.5, [scored("a", 0.6), scored("b", 0.6)], "a", "accepted"),
    ("none of several", 0.5, [scored("a", 0.5), scored("b", 0.1)], "old", "rejected"),
    ("invalid beside better", 0.5, [INVALID, scored("b", 0.6)], "b", "accepted"),
    ("invalid beside worse", 0.5, [INVALID, scored("b", 0.4)], "old", "rejected"),
    ("invalid beside skipped", 0.5, [SKIPPED, INVALID], "old", "invalid"),
    ("all skipped", 0.5, [SKIPPED, SKIPPED], "old", "skipped"),
    ("first of all", None, [scored("a", 0.0)], "a", "accepted"),
    ("first of all, unscored", None, [scored("a", None)], None, "rejected"),
    ("first of all, invalid", None, [UNUSABLE], None, "invalid"),
]


@pytest.mark.parametrize(
    ("old", "items", "kept", "outcome"), [case[1:] for case in TRUTH], ids=[case[0] for case in TRUTH]
)
def test_candidate_is_kept_only_if_it_is_strictly_better(
    old: float | None, items: list[Candidate], kept: str | None, outcome: str
) -> None:
    before = None if old is None else scored("old", old)
    best = better(before, items)
    assert (best["id"] if best else None) == kept
    assert outcome_of(items, best is not before) == outcome


async def updated(
    state: dict[str, Any], schedule: Schedule | None = None, **settings: Any
) -> tuple[Writes, Trial, Resources]:
    """Run the node on a state; with a schedule it is a loop over programs."""
    given = await opened(in_turn(), **settings)
    if schedule:
        state |= {"optimizer": await put(given.store, Optimizer(name="o", purpose="p", schedule=schedule))}
    runtime: Runtime[Context] = Runtime(context=given.context, store=given.store)
    writes = await update(state, runtime)  # type: ignore[arg-type]
    return writes, await get(given.store, Trial, writes["last_trial"]), given


PROMPTS, STRUCTURE = stage("textual_gradient"), stage("structure")


async def test_first_turn_scores_what_was_given_and_is_no_step_of_the_schedule() -> None:
    given = scored("initial", 0.25)
    writes, trial, _ = await updated({"candidates": [given], "step": 0, "cursor": [0, None]}, chain(STRUCTURE, PROMPTS))
    assert writes["best"] == given
    assert (writes["step"], writes["cursor"], writes["current"], writes["needs_gradient"]) == (
        1,
        [0, None],
        "initial",
        True,
    )
    assert (trial.step, trial.outcome, trial.best, trial.best_score, trial.previous) == (
        0,
        "accepted",
        "initial",
        0.25,
        None,
    )


@pytest.mark.parametrize(
    ("items", "start_from", "current"),
    [
        ([scored("a", 0.6)], "best", "a"),
        ([scored("a", 0.4)], "best", "old"),
        ([INVALID], "best", "old"),
        ([scored("a", 0.6)], "last", "a"),
        ([scored("a", 0.4)], "last", "a"),
        ([scored("a", 0.6), scored("b", 0.4)], "last", "b"),
        ([scored("a", 0.4), UNUSABLE], "last", "a"),
        ([INVALID], "last", "before"),
        ([SKIPPED], "last", "before"),
    ],
)
async def test_next_proposal_starts_from_the_incumbent_or_from_the_last_scored_candidate(
    items: list[Candidate], start_from: str, current: str
) -> None:
    state = {"candidates": items, "step": 2, "best": scored("old", 0.5), "cursor": None, "current": "before"}
    writes, _, _ = await updated(state, PROMPTS, start_from=start_from)
    assert writes["current"] == current


@pytest.mark.parametrize(("score", "cursor"), [(0.6, [0, 0, None]), (0.5, [1, 0, None])], ids=["improved", "tie"])
async def test_schedule_is_told_whether_the_step_improved(score: float, cursor: object) -> None:
    """Under patience 2 the second step without improvement changes the stage; a tie is no improvement."""
    state = {
        "candidates": [scored("a", score)],
        "step": 2,
        "best": scored("old", 0.5),
        "cursor": [0, 1, None],
        "current": "x",
    }
    writes, _, _ = await updated(state, on_plateau(PROMPTS, STRUCTURE, 2))
    assert writes["cursor"] == cursor


async def test_trials_form_a_chain_with_what_was_tried_and_what_became_of_it() -> None:
    state = {
        "candidates": [INVALID, scored("a", 0.6)],
        "step": 3,
        "best": scored("old", 0.5),
        "last_trial": "the one before",
        "path": "tgd/3",
    }
    writes, trial, _ = await updated(state)
    assert trial == Trial(
        level="optimizer",
        path="tgd/3",
        step=3,
        previous="the one before",
        candidates=(INVALID, scored("a", 0.6)),
        outcome="accepted",
        best="a",
        best_score=0.6,
    )
    assert "first" not in writes
    assert "cursor" not in writes, "a loop over optimizers has no schedule"


async def test_meta_loop_notes_what_it_was_given() -> None:
    writes, _, _ = await updated({"candidates": [scored("given", 0.25)], "step": 0})
    assert writes["first"] == scored("given", 0.25)


async def test_trial_of_a_loop_over_programs_says_so() -> None:
    state = {"candidates": [scored("a", 0.1)], "step": 1, "best": scored("old", 0.5), "cursor": None, "current": "old"}
    _, trial, _ = await updated(state, PROMPTS)
    assert (trial.level, trial.outcome, trial.best, trial.best_score) == ("program", "rejected", "old", 0.5)


async def test_initial_program_that_cannot_be_scored_ends_the_run_with_the_reason() -> None:
    with pytest.raises(InputError, match="The initial program cannot be scored: all replies empty"):
        await updated({"candidates": [UNUSABLE], "step": 0, "cursor": None}, PROMPTS)


@pytest.mark.parametrize(
    ("step", "score", "ends"),
    [(1, 0.5, False), (6, 0.5, False), (7, 0.5, True), (1, 0.99, False), (1, 1.0, True), (6, None, False)],
)
def test_loop_ends_when_its_steps_are_used_up_or_nothing_can_be_better(
    step: int, score: float | None, ends: bool
) -> None:
    assert finished({"step": step, "best": scored("a", score)}, 6) is ends


def test_loop_without_an_incumbent_goes_on() -> None:
    assert not finished({"step": 1, "best": None}, 6)
    assert not finished({"step": 1}, 6)


def test_proposal_without_a_usable_candidate_skips_its_evaluation() -> None:
    assert proposed({"candidates": [INVALID, SKIPPED]}) == "none"
    assert proposed({"candidates": [INVALID, candidate("a", "s")]}) == "usable"


@pytest.mark.parametrize(
    ("scores", "winner"),
    [([0.2, 0.5, 0.4], 1), ([0.5, 0.5], 0), ([0.0, 0.0], 0), ([None, 0.0], 0), ([None, 0.1], 1)],
)
def test_structure_phase_starts_from_the_best_lineage_and_of_equal_ones_from_the_first(
    scores: list[float | None], winner: int
) -> None:
    lineages: list[Any] = [
        {"name": f"l{n}", "order": n, "first": scored("f", 0.0), "best": scored(f"b{n}", score), "trial": "t"}
        for n, score in enumerate(scores)
    ]
    writes = pick_incumbent({"lineages": lineages[::-1]})  # whichever lineage came in first
    assert writes["best"] == lineages[winner]["best"]
    assert writes["step"] == 1
