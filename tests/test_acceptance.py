"""Acceptance by a paired test: a higher score replaces the incumbent only if chance is an unlikely cause of it."""

import sys
from typing import Any

import pytest
from langgraph.runtime import Runtime

from metatextgrad.core.comparison import is_confirmed
from metatextgrad.core.errors import InputError
from metatextgrad.core.trial import Candidate, Evaluation, ExampleResult, candidate
from metatextgrad.given import prepared
from metatextgrad.nodes.update import update
from metatextgrad.runtime.artifacts import put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.resources import Resources
from tests.scripted import in_turn, opened


def evaluation(scores: list[float | None], program: str = "p") -> Evaluation:
    results = (
        ExampleResult(example=str(number), prediction="", score=score, feedback="")
        for number, score in enumerate(scores)
    )
    return Evaluation(program=program, split="val", results=tuple(results))


def of(right: int, wrong: int = 0, base: int = 20) -> list[float | None]:
    """Return scores: the first `wrong` of what was right are lost, and `right` others are won."""
    return [0.0] * wrong + [1.0] * (base - wrong) + [1.0] * right + [0.0] * (20 - right)


CASES = [
    ("six alone, p = .03", of(6), 0.05, True),
    ("five alone, p = .06", of(5), 0.05, False),
    ("five alone at a tenth", of(5), 0.1, True),
    ("eight against two, p = .11", of(8, 2), 0.05, False),
    ("worse for sure", of(0, 15), 0.05, False),
    ("the same", of(0), 1.0, False),
    ("won where nothing is known", [None] * 40, 1.0, False),
    ("better by a little everywhere", [score / 2 + 0.5 for score in of(0) if score is not None], 0.05, True),
]


@pytest.mark.parametrize(("scores", "level", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_gain_is_confirmed_by_the_examples_that_differ(
    scores: list[float | None], level: float, expected: bool
) -> None:
    assert is_confirmed(evaluation(of(0)), evaluation(scores), level=level) is expected


async def scored(given: Resources, name: str, scores: list[float | None]) -> Candidate:
    found = evaluation(scores, name)
    kept = await put(given.store, found)
    return {**candidate(name, "s", "scored"), "score": found.score, "evaluation": kept}


async def kept(items: dict[str, list[float | None]], **settings: Any) -> str | None:
    given = await opened(in_turn(), **settings)
    best = await scored(given, "old", of(0))
    state: Any = {"candidates": [await scored(given, *item) for item in items.items()], "best": best, "step": 1}
    runtime: Runtime[Context] = Runtime(context=given.context, store=given.store)
    found = (await update(state, runtime))["best"]
    return found and found["id"]


async def test_only_a_confirmed_gain_replaces_the_incumbent() -> None:
    assert await kept({"lucky": of(2)}) == "lucky", "strict acceptance is the paper's, and the default"
    assert await kept({"lucky": of(2)}, accept="paired") == "old"
    assert await kept({"better": of(9)}, accept="paired") == "better"
    assert await kept({"lucky": of(2)}, accept="paired", accept_level=0.5) == "lucky"


async def test_of_several_confirmed_ones_the_best_is_kept() -> None:
    assert await kept({"good": of(7), "lucky": of(2), "best": of(10)}, accept="paired") == "best"


async def test_first_score_of_a_loop_has_nothing_to_be_tested_against() -> None:
    given = await opened(in_turn(), accept="paired")
    state: Any = {"candidates": [await scored(given, "first", of(0))], "best": None, "step": 0}
    runtime: Runtime[Context] = Runtime(context=given.context, store=given.store)
    found = (await update(state, runtime))["best"]
    assert found and found["id"] == "first"


def test_paired_acceptance_without_scipy_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(InputError, match=r"metatextgrad\[stats\]"):
        prepared("bbh/word_sorting", Context(accept="paired"), None)
