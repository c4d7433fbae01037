"""Metrics: the built-in scorers, functions of the user's, and the check before a run."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metatextgrad.core.errors import InputError
from metatextgrad.core.program import chain_of_thought
from metatextgrad.core.task import Example, Score, Task
from metatextgrad.tasks.metrics import METRICS, as_metric, check_metric, metric_name, resolve_metric
from metatextgrad.tasks.scorers import contains, exact, letter, number


def asked(target: str) -> Example:
    return Example(id="x", input="?", target=target)


def task(metric: object, target: str = "yes", name: str = "mine") -> Task:
    train, val, test = (Example(id=split, input=split, target=target) for split in ("train", "val", "test"))
    program = chain_of_thought("p", "Answer.")
    return Task("t", "a question", program, (train,), (val,), (test,), metric, name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "reply", "value"),
    [
        ("New York", "Thinking.\nAnswer: new  york.", 1),
        ("New York", "**Answer:** **New York**", 1),
        ("New York", "new york", 1),
        ("New York", "Answer: York\nAnswer: New York", 1),
        ("New York", "Answer: New York City", 0),
        ("New York", "It is New York", 0),
        ("...", "Answer: ...", 1),
        ("...", "Answer: ", 0),
    ],
)
def test_exact_compares_the_normalised_last_answer(target: str, reply: str, value: float) -> None:
    assert exact(reply, asked(target)).value == value


def test_exact_feedback_names_both_answers_or_the_missing_marker() -> None:
    assert exact("Answer: b", asked("a")).feedback == "The expected answer is 'a'. The answer is 'b'."
    assert "no line 'Answer: ...'" in exact("It is a, I think", asked("a")).feedback


@pytest.mark.parametrize(
    ("target", "reply", "value"),
    [
        ("B", "Answer: B", 1),
        ("(B)", "Answer: (B) because", 1),
        ("b", "answer : **B**", 1),
        ("B", "Some say Answer: A.\nAnswer: B", 1),
        ("B", "B", 1),
        ("B", "(B).", 1),
        ("B", "Answer: Bee", 0),
        ("B", "Because of B", 0),
        ("B", "Answer: A", 0),
    ],
)
def test_letter_takes_the_last_match(target: str, reply: str, value: float) -> None:
    assert letter(reply, asked(target)).value == value


@pytest.mark.parametrize(
    ("target", "reply", "value"),
    [
        ("7", "3 boxes.\nAnswer: 7 apples", 1),
        ("1000", "Answer: $1,000.00.", 1),
        ("-3", "Answer: \u22123", 1),
        ("4", "Answer: 10-4 = 10-4", 1),
        ("0.5", "Answer: .5", 1),
        ("2e3", "Answer: 2000", 1),
        ("0.1", "Answer: 0.10000000000000001", 0),
        ("7", "Answer: 8", 0),
        ("7", "Answer: seven", 0),
        ("3", "Answer: 1,2,3", 1),
        ("7", "So 2 + 5 = 7", 1),
    ],
)
def test_number_compares_the_last_number_as_a_number(target: str, reply: str, value: float) -> None:
    assert number(reply, asked(target)).value == value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_number_reads_any_way_to_write_a_decimal(value: Decimal) -> None:
    assert number(f"Answer: {value:,}", asked(str(value))).value == 1
    assert number(f"Answer: {value}", asked(str(value + 1))).value == 0


@pytest.mark.parametrize(
    ("reply", "value"),
    [("The 7 of hearts", 1), ("Not 7!\nAnswer: 8", 0), ("17", 0), ("Answer: it is  7.", 1)],
)
def test_contains_looks_for_whole_words_in_the_last_answer(reply: str, value: float) -> None:
    assert contains(reply, asked("7")).value == value


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1).filter(str.strip))
def test_any_target_is_its_own_exact_answer(target: str) -> None:
    assert exact(target, asked(target)).value == 1


@pytest.mark.parametrize(("metric", "target"), [(letter, "AB"), (number, "seven"), (contains, "  ")])
def test_a_target_that_a_scorer_cannot_use_is_an_error_and_not_a_score(metric: object, target: str) -> None:
    with pytest.raises(ValueError, match="target"):
        metric("x", asked(target))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("returned", "score"),
    [
        (True, Score(value=1.0)),
        (0.25, Score(value=0.25)),
        (1, Score(value=1.0)),
        ((0.5, "half"), Score(value=0.5, feedback="half")),
        (Score(value=0.0, feedback="no"), Score(value=0.0, feedback="no")),
        (Score.unscored("no judge"), Score.unscored("no judge")),
        (Decimal("0.5"), Score(value=0.5)),
    ],
)
def test_a_function_may_return_a_score_in_several_forms(returned: object, score: Score) -> None:
    assert as_metric(lambda prediction, example: returned)("x", asked("x")) == score


@pytest.mark.parametrize("returned", [None, "1", 1.5, -0.1, float("nan"), (1, 2), Score(value=7.0)])
def test_any_other_return_value_is_an_error_that_shows_it(returned: object) -> None:
    metric = as_metric(lambda prediction, example: returned, "mine")
    with pytest.raises(ValueError, match="metric 'mine' returned"):
        metric("x", asked("x"))


def test_what_a_metric_raises_passes_through() -> None:
    def broken(prediction: str, example: Example) -> float:
        raise KeyError(prediction)

    with pytest.raises(KeyError):
        as_metric(broken)("x", asked("x"))


def test_wrapping_twice_changes_nothing() -> None:
    mine = as_metric(lambda prediction, example: True, "mine")
    assert as_metric(mine) is mine
    assert as_metric(exact) is exact
    assert metric_name(mine) == "mine"
    assert metric_name(exact) == "exact"
    assert metric_name(asked) == "asked"  # type: ignore[arg-type]
    assert metric_name(resolve_metric("math:fsum")) == "math:fsum"


def test_an_asynchronous_function_and_a_value_are_refused() -> None:
    async def judge(prediction: str, example: Example) -> float:
        return 1.0

    class Judge:
        async def __call__(self, prediction: str, example: Example) -> float:
            return 1.0

    with pytest.raises(InputError, match="'judge' is asynchronous"):
        as_metric(judge)
    with pytest.raises(InputError, match="'Judge' is asynchronous"):
        as_metric(Judge())
    with pytest.raises(InputError, match="'mine' is 7; expected a function"):
        as_metric(7, "mine")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", METRICS)
def test_built_in_metrics_resolve_by_name(name: str) -> None:
    assert resolve_metric(name) is METRICS[name]


def test_a_metric_resolves_to_a_file_beside_the_task_before_an_import(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("def score(prediction, example):\n    return prediction == example.target\n")
    metric = resolve_metric("json:score", tmp_path)
    assert metric("a", asked("a")) == Score(value=1.0)
    assert metric("b", asked("a")) == Score(value=0.0)


def test_a_metric_resolves_to_an_importable_function() -> None:
    metric = resolve_metric("metatextgrad.tasks.scorers:exact")
    assert metric("Answer: a", asked("a")).value == 1


def test_an_edited_metric_file_is_another_metric(tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    source.write_text("def score(prediction, example):\n    return 1\n")
    first = resolve_metric("mine:score", tmp_path)
    source.write_text("def score(prediction, example):\n    return 0\n")
    second = resolve_metric("mine:score", tmp_path)
    assert (first("", asked("a")).value, second("", asked("a")).value) == (1, 0)
    assert metric_name(first).startswith("mine:score@")
    assert metric_name(first) != metric_name(second)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_a_metric_file_may_define_dataclasses(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Rule:\n    value: float\n\n"
        "def score(prediction, example):\n    return Rule(0.5).value\n"
    )
    assert resolve_metric("mine:score", tmp_path)("", asked("a")).value == 0.5


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("exakt", "Unknown metric 'exakt'. Available: contains, dyck, exact"),
        ("../mine:score", "not of the form 'module:function'"),
        ("mine:", "not of the form"),
        ("mine:grade", "'mine' has no function 'grade'; it has score"),
        ("nowhere_at_all:score", "There is no nowhere_at_all.py beside the task file either"),
        ("broken:score", "importing broken.py beside the task file fails (SyntaxError"),
        ("linked:score", "leaves the folder"),
    ],
)
def test_a_metric_that_cannot_be_found_is_one_clear_error(tmp_path: Path, name: str, said: str) -> None:
    base = tmp_path / "task"
    base.mkdir()
    (base / "mine.py").write_text("def score(prediction, example):\n    return 1\n")
    (base / "broken.py").write_text("def score(:\n")
    (tmp_path / "outside.py").write_text("def score(prediction, example):\n    return 1\n")
    (base / "linked.py").symlink_to(tmp_path / "outside.py")
    with pytest.raises(InputError) as caught:
        resolve_metric(name, base)
    assert said in str(caught.value)


def test_the_check_calls_a_users_metric_once_with_the_target_of_a_training_example() -> None:
    calls: list[tuple[str, str]] = []

    def mine(prediction: str, example: Example) -> float:
        calls.append((prediction, example.id))
        return 0.0

    check_metric(task(mine))
    assert calls == [("yes", "train")]


def test_the_check_names_metric_example_and_exception() -> None:
    def mine(prediction: str, example: Example) -> float:
        raise KeyError("label")

    with pytest.raises(InputError) as caught:
        check_metric(task(mine))
    assert "metric 'mine' fails on example 'train'" in str(caught.value)
    assert "KeyError: 'label'" in str(caught.value)


def test_the_check_refuses_values_outside_0_to_1() -> None:
    with pytest.raises(InputError, match=r"returned 100"):
        check_metric(task(lambda prediction, example: 100))


def test_the_check_looks_at_every_example_when_the_metric_is_built_in() -> None:
    good = task(letter, "A", "letter")
    check_metric(good)
    bad = replace(good, testset=(Example(id="odd", input="odd", target="AB"),))
    with pytest.raises(InputError, match="example 'odd'"):
        check_metric(bad)
