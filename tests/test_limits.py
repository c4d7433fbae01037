"""No proposal explodes the bill: one larger than the limits is rejected with its reason, one at the limits is taken."""

import json
from typing import Any

import pytest

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.optimizer import Optimizer, alternate, best_of, chain, on_plateau, repeat
from metatextgrad.core.program import Program, chain_of_thought
from metatextgrad.nodes.structure_merge import Merged, optimizer_from
from metatextgrad.runtime.structured import parsed
from metatextgrad.stages import adas_tg, stage, tgd
from metatextgrad.stages.limits import OPTIMIZER_LIMITS, PROGRAM_LIMITS, checked_program, checked_schedule
from metatextgrad.stages.structure import Redesigned

BASE = chain_of_thought("base", "Think.")
REFERENCES = {"tgd": tgd(), "adas-tg": adas_tg()}


def llm(name: str, **others: Any) -> dict[str, Any]:
    return {"kind": "llm", "name": name, "instructions": "Do it."} | others


def split(name: str, text: str, most: int) -> dict[str, Any]:
    return {"kind": "split", "name": name, "text": text, "most": most}


def nested(levels: int, most: int = 2) -> list[dict[str, Any]]:
    """Return maps inside maps, each one over the pieces of the item outside."""
    inside: list[dict[str, Any]] = [llm("call", template=f"{{item_{levels - 1}}}" if levels else "{question}")]
    for level in reversed(range(levels)):
        text = f"item_{level - 1}" if level else "question"
        over = {
            "kind": "map",
            "name": f"map_{level}",
            "over": f"pieces_{level}",
            "item": f"item_{level}",
            "body": inside,
        }
        inside = [
            split(f"pieces_{level}", text, most),
            over,
            {"kind": "join", "name": f"join_{level}", "template": f"{{map_{level}}}"},
        ]
    return inside


def redesigned(parts: list[dict[str, Any]]) -> Program:
    return checked_program(BASE, parsed(Redesigned, json.dumps({"components": parts})).components)


TOO_LARGE = [
    ([llm(f"c{n}") for n in range(17)], "the proposal has 17 components; at most 16 are taken"),
    (
        [llm("a", samples=9), {"kind": "vote", "name": "v", "over": "a"}],
        "the proposal has 9 samples; at most 8 are taken",
    ),
    (nested(3), "the proposal has 3 levels of maps; at most 2 are taken"),
    (nested(2, most=5), "the proposal has 25 model calls for one question; at most 24 are taken"),
    ([llm("a", instructions="x" * 40_000)], r"the proposal has 40\d\d\d characters; at most 40000 are taken"),
    ([split("s", "question", 2), {"kind": "join", "name": "j", "template": "{s}"}], "the program calls no model"),
    ([llm("a", template="{b}")], "component 'a' reads 'b', but only question are known there"),
    ([split("s", "question", 2)], "output 's' is a list"),
    ([], "components: Tuple should have at least 1 item"),
]
LARGEST: list[list[dict[str, Any]]] = [
    [llm(f"c{n}") for n in range(16)],
    [llm("a", samples=8), {"kind": "vote", "name": "v", "over": "a"}],
    nested(2, most=4),
    [llm("a", instructions="x" * 39_000)],
]


@pytest.mark.parametrize(("parts", "reason"), TOO_LARGE, ids=[reason for _, reason in TOO_LARGE])
def test_program_larger_than_the_limits_is_rejected_with_its_reason(parts: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(ReplyError, match=reason):
        redesigned(parts)


@pytest.mark.parametrize("parts", LARGEST, ids=["components", "samples", "maps", "characters"])
def test_program_at_the_limits_is_taken_under_the_name_of_the_old_one(parts: list[dict[str, Any]]) -> None:
    taken = redesigned(parts)
    assert (taken.name, taken.purpose, taken.inputs) == (BASE.name, BASE.purpose, BASE.inputs)


A = stage("textual_gradient")
TALL = repeat(repeat(repeat(repeat(A, 1), 1), 1), 1)
TOO_LARGE_SCHEDULES = [
    (chain(*[A] * 13), "the proposal has 13 stages; at most 12 are taken"),
    (repeat(TALL, 1), "the proposal has 6 levels of nesting; at most 5 are taken"),
    (repeat(A, 21), "the proposal has 21 repetitions; at most 20 are taken"),
    (alternate(A, on_plateau(A, repeat(A, 21))), "the proposal has 21 repetitions; at most 20 are taken"),
    (best_of(A, A, A, A), "the proposal has 4 parts in a best_of; at most 3 are taken"),
    (
        A.model_copy(update={"instructions": "x" * 40_000}),
        r"the proposal has 40\d\d\d characters; at most 40000 are taken",
    ),
]


@pytest.mark.parametrize(("schedule", "reason"), TOO_LARGE_SCHEDULES, ids=[reason for _, reason in TOO_LARGE_SCHEDULES])
def test_schedule_larger_than_the_limits_is_rejected_with_its_reason(schedule: Any, reason: str) -> None:
    with pytest.raises(ReplyError, match=reason):
        checked_schedule(schedule)
    with pytest.raises(ReplyError, match=reason):
        optimizer_from(Merged(name="n", purpose="p", schedule=schedule.model_dump(mode="json")), REFERENCES)


@pytest.mark.parametrize("schedule", [chain(*[A] * 12), TALL, repeat(A, 20), best_of(A, A, A)])
def test_schedule_at_the_limits_is_taken(schedule: Any) -> None:
    assert checked_schedule(schedule) is schedule
    merged = optimizer_from(Merged(name="n", purpose="p", schedule=schedule.model_dump(mode="json")), REFERENCES)
    assert merged == Optimizer(name="n", purpose="p", schedule=schedule)


def test_limits_are_told_to_whoever_proposes() -> None:
    assert "16 components, 8 samples, and 24 model calls" in PROGRAM_LIMITS.sentence()
    assert "12 stages, 5 levels of nesting, 20 repetitions, and 3 parts" in OPTIMIZER_LIMITS.sentence()
