"""Statistics of scores, against enumeration by hand, closed forms and known values."""

import builtins
import itertools
import math
import random
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metatextgrad.core.errors import InputError
from metatextgrad.core.statistics import holm, mcnemar, over_seeds, paired_bootstrap, pairs, wilson


def differing(only_first: int, only_second: int, agreeing: int = 3) -> tuple[list[float], list[float]]:
    """Return paired results with so many examples of each kind."""
    first = [1.0] * only_first + [0.0] * only_second + [1.0] * agreeing
    second = [0.0] * only_first + [1.0] * only_second + [1.0] * agreeing
    return first, second


def enumerated_p(only_first: int, only_second: int) -> float:
    """Toss a coin for each differing example in all ways, and count those at least as lopsided."""
    total = only_first + only_second
    lopsided = abs(only_first - only_second)
    ways = itertools.product((0, 1), repeat=total)
    return sum(abs(total - 2 * sum(way)) >= lopsided for way in ways) / 2**total


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 1), (1, 1), (0, 5), (2, 7), (9, 1), (6, 6), (3, 9)])
def test_mcnemar_is_the_share_of_coin_tosses_that_are_as_lopsided(only_first: int, only_second: int) -> None:
    found = mcnemar(*differing(only_first, only_second))
    assert (found.only_first, found.only_second) == (only_first, only_second)
    assert found.p == pytest.approx(enumerated_p(only_first, only_second))


def test_mcnemar_of_programs_that_never_differ_is_1() -> None:
    assert mcnemar([1, 0, 1], [1, 0, 1]).p == 1
    assert mcnemar([], []).p == 1


def test_mcnemar_leaves_out_examples_that_one_side_has_not_scored() -> None:
    found = mcnemar([1, None, 1, 0], [0, 1, None, 0])
    assert (found.only_first, found.only_second, found.p) == (1, 0, 1)


def test_mcnemar_refuses_partial_scores_and_says_what_to_use() -> None:
    with pytest.raises(InputError, match=r"one is 0\.5; use the paired bootstrap"):
        mcnemar([1, 0.5], [1, 1])


def test_scores_of_different_lengths_do_not_pair_up() -> None:
    with pytest.raises(InputError, match="there are 2 and 3 of them"):
        pairs([1, 0], [1, 0, 1])


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[round(share * (len(values) - 1))]


def test_bootstrap_is_that_of_all_samples_written_out() -> None:
    first, second = [0.1, 0.9, 0.3, 0.4, 0.0], [0.6, 0.7, 0.9, 0.8, 0.3]
    gaps = [other - one for one, other in zip(first, second, strict=True)]
    means = [fmean(sample) for sample in itertools.product(gaps, repeat=5)]
    below = sum(mean <= 1e-12 for mean in means) / len(means)

    found = paired_bootstrap(first, second, resamples=40_000)

    assert found.mean == pytest.approx(fmean(gaps))
    assert found.low == pytest.approx(quantile(means, 0.025), abs=0.01)
    assert found.high == pytest.approx(quantile(means, 0.975), abs=0.01)
    assert found.p == pytest.approx(2 * below, abs=0.004)
    assert found.error == pytest.approx(stdev(gaps) * math.sqrt(4 / 5) / math.sqrt(5), rel=0.02)
    assert found.pairs == 5


def test_bootstrap_of_many_pairs_comes_to_the_normal_interval() -> None:
    drawn = random.Random(4)
    first = [drawn.gauss(0.5, 0.1) for _ in range(400)]
    second = [one + drawn.gauss(0.02, 0.1) for one in first]
    gaps = [other - one for one, other in zip(first, second, strict=True)]
    half = 1.96 * stdev(gaps) / 20
    found = paired_bootstrap(first, second)
    assert (found.low, found.high) == pytest.approx((fmean(gaps) - half, fmean(gaps) + half), abs=0.001)


def test_bootstrap_gives_the_same_interval_again_and_another_one_by_another_seed() -> None:
    first, second = [0.0, 1.0, 0.25, 0.5] * 6, [0.5, 1.0, 0.0, 1.0] * 6
    assert paired_bootstrap(first, second) == paired_bootstrap(first, second)
    other = paired_bootstrap(first, second, seed=1)
    assert other != paired_bootstrap(first, second)
    assert other.low == pytest.approx(paired_bootstrap(first, second).low, abs=0.03)


def test_bootstrap_of_the_same_scores_is_a_tie() -> None:
    found = paired_bootstrap([1, 0, 0.3, 1], [1, 0, 0.3, 1])
    assert (found.mean, found.low, found.high, found.p, found.error) == (0, 0, 0, 1, 0)


def test_bootstrap_is_symmetric_in_what_it_compares() -> None:
    first, second = differing(3, 11, 20)
    there, back = paired_bootstrap(first, second), paired_bootstrap(second, first)
    assert there.mean == pytest.approx(-back.mean)
    assert there.low == pytest.approx(-back.high, abs=0.03)
    assert there.p == pytest.approx(back.p, abs=0.02)


def test_bootstrap_needs_two_examples_that_both_have_scored() -> None:
    with pytest.raises(InputError, match="Only 1 examples have both scores"):
        paired_bootstrap([1, None, 0], [1, 1, None])


def test_five_seeds_have_the_t_interval_of_the_table() -> None:
    values = [0.30, 0.34, 0.36, 0.38, 0.42]
    found = over_seeds(values)
    half = 2.776 * stdev(values) / math.sqrt(5)  # t of 4 degrees of freedom at 97.5 %, from any table
    assert (found.mean, found.sd, found.seeds) == (pytest.approx(0.36), pytest.approx(stdev(values)), 5)
    assert (found.low, found.high) == (pytest.approx(0.36 - half, abs=1e-4), pytest.approx(0.36 + half, abs=1e-4))


def test_two_seeds_have_the_interval_of_cauchys_distribution() -> None:
    found = over_seeds([0.0, 1.0], confidence=0.5)
    assert (found.low, found.high) == (pytest.approx(0), pytest.approx(1))  # its quartiles are -1 and 1


def test_one_seed_says_nothing_about_the_spread_and_none_is_an_error() -> None:
    found = over_seeds([0.4])
    assert (found.mean, found.sd, found.low, found.high) == (0.4, None, None, None)
    with pytest.raises(InputError, match="at least one seed's"):
        over_seeds([])


def test_wilson_solves_its_equation_and_knows_its_ends() -> None:
    for successes, total in ((0, 10), (3, 10), (10, 10), (18, 100), (12.5, 40)):
        rate = successes / total
        for end in wilson(successes, total):
            assert (rate - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / total, abs=1e-6)
    assert wilson(0, 0) == (0, 1)


def test_without_scipy_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "scipy":
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    for call in (lambda: mcnemar([1], [0]), lambda: paired_bootstrap([1, 0], [0, 0]), lambda: over_seeds([1, 0])):
        with pytest.raises(InputError, match=r"pip install 'metatextgrad\[stats\]'"):
            call()
    assert mcnemar([1], [1]).p == 1


def test_holm_corrects_for_the_number_of_tests() -> None:
    # Holm (1979): the smallest times 3, the next times 2, the last as it is, and none below the one before.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(values: list[float]) -> None:
    corrected = holm(values)
    assert all(value <= later <= 1 for value, later in zip(values, corrected, strict=True))
    assert sorted(corrected) == [later for _, later in sorted(zip(values, corrected, strict=True))]
