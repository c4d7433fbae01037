"""While a blocking run goes on Python looks for garbage seldom, and afterwards as before."""

import gc

import pytest

from metatextgrad.execution import blocking
from metatextgrad.runtime.garbage import seldom_collected


async def thresholds() -> tuple[int, int, int]:
    return gc.get_threshold()


def test_a_blocking_run_has_garbage_looked_for_seldom_and_leaves_the_program_its_own_way() -> None:
    before = gc.get_threshold()
    during = blocking(thresholds())
    assert during[0] > before[0] and during[2] > before[2]
    assert gc.get_threshold() == before


@pytest.mark.parametrize("own", [(0, 10, 10), (50_000, 30, 500)])
def test_who_looks_more_seldom_or_never_keeps_that(own: tuple[int, int, int]) -> None:
    before = gc.get_threshold()
    gc.set_threshold(*own)
    try:
        with seldom_collected():
            assert gc.get_threshold() == own
        assert gc.get_threshold() == own
    finally:
        gc.set_threshold(*before)
