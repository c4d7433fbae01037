"""The generalization bound and its command, against figures worked out from the paper's formula."""

import math
from pathlib import Path

import pytest

from metatextgrad.core.bound import bound
from metatextgrad.core.errors import InputError
from tests.command_line import call, document


def test_the_papers_sizes_give_the_figures_worked_out_by_hand() -> None:
    found = bound(50, 100)
    assert (found.paper_selection, found.testing) == (pytest.approx(0.438, abs=5e-4), pytest.approx(0.155, abs=5e-4))
    assert found.paper == pytest.approx(0.59, abs=5e-3)
    assert bound(10, 40).paper == pytest.approx(1.22, abs=5e-3)
    assert bound(10, 40).vacuous


@pytest.mark.parametrize(("candidates", "slack"), [(1, 0.464), (8, 0.495), (20, 0.507)])
def test_more_candidates_cost_little(candidates: int, slack: float) -> None:
    found = bound(100, 100, candidates=candidates)
    assert found.corrected == pytest.approx(slack, abs=5e-4)
    assert found.paper == pytest.approx(0.464, abs=5e-4)
    assert not found.vacuous


def test_the_bound_is_the_formula_of_theorem_1() -> None:
    n, m, delta, candidates = 37, 81, 0.1, 12
    found = bound(n, m, delta=delta, candidates=candidates)
    testing = math.sqrt(math.log(6 / delta) / (2 * m))
    assert found.paper == pytest.approx(math.sqrt(2 * math.log(6 / delta) / n) + testing)
    compared = math.sqrt(math.log(6 * candidates / delta) / (2 * n)) + math.sqrt(math.log(6 / delta) / (2 * n))
    assert found.corrected == pytest.approx(compared + testing)


def test_both_bounds_agree_for_one_candidate() -> None:
    found = bound(64, 32, delta=0.2)
    assert found.paper == pytest.approx(found.corrected)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"n": 0}, "n must be at least 1, not 0"),
        ({"m": -3}, "m must be at least 1, not -3"),
        ({"candidates": 0}, "candidates must be at least 1, not 0"),
        ({"delta": 0.0}, "delta must be between 0 and 1"),
        ({"delta": math.nan}, "delta must be between 0 and 1"),
    ],
)
def test_numbers_out_of_range_are_named(numbers: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        bound(**{"n": 10, "m": 10, **numbers})  # type: ignore[arg-type]


def test_the_command_prints_both_bounds_and_their_parts(tmp_path: Path) -> None:
    found = document("bound", "--n", "100", "--m", "100", "--delta", "0.05", "--candidates", "8", cwd=tmp_path)
    assert found["paper"] == pytest.approx(0.464, abs=5e-4)
    assert found["corrected"] == pytest.approx(0.495, abs=5e-4)
    assert found["vacuous"] is False
    shown = call("bound", "--n", "50", "--candidates", "8", cwd=tmp_path).stdout
    assert "0.438" in shown
    assert "best of 8" in shown


def test_the_command_says_when_the_bound_says_nothing(tmp_path: Path) -> None:
    assert "says nothing" in call("bound", "--n", "10", "--m", "40", cwd=tmp_path).stdout


def test_the_command_refuses_a_set_of_no_examples(tmp_path: Path) -> None:
    done = call("bound", "--n", "0", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "n must be at least 1, not 0" in done.stderr
