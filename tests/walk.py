"""Schedules walked as plain generators: the meaning of each combinator in a few lines, to compare cursors with."""

from collections.abc import Generator

from metatextgrad.core.optimizer import Alternate, BestOf, Chain, OnPlateau, Repeat, Schedule, Stage

Walk = Generator[tuple[Stage, ...], bool, None]
"""Yields the stages of a step and is sent whether the step brought an improvement."""


def walk(schedule: Schedule) -> Walk:
    """Walk through a schedule once; one that never ends goes on for ever."""
    match schedule:
        case Stage():
            yield (schedule,)
        case Chain():
            for part in schedule.parts:
                yield from walk(part)
        case Repeat():
            for _ in range(schedule.times):
                yield from walk(schedule.part)
        case Alternate():
            yield from _in_turn([_around(part) for part in schedule.parts])
        case OnPlateau():
            yield from _until_plateau(_around(schedule.first), schedule.patience)
            yield from lasting(walk(schedule.then))
        case BestOf():
            yield from _side_by_side([walk(part) for part in schedule.parts])


def lasting(walked: Walk) -> Walk:
    """Stay at the last stages when the walk is through."""
    stages = next(walked)
    while True:
        improved = yield stages
        try:
            stages = walked.send(improved)
        except StopIteration:
            break
    while True:
        yield stages


def _around(schedule: Schedule) -> Walk:
    while True:
        yield from walk(schedule)


def _in_turn(walks: list[Walk]) -> Walk:
    at = [next(walked) for walked in walks]
    while True:
        for turn, walked in enumerate(walks):
            improved = yield at[turn]
            at[turn] = walked.send(improved)


def _until_plateau(walked: Walk, patience: int) -> Walk:
    stages, stale = next(walked), 0
    while True:
        improved = yield stages
        stale = 0 if improved else stale + 1
        if stale == patience:
            return
        stages = walked.send(improved)


def _side_by_side(walks: list[Walk]) -> Walk:
    at, through = [next(walked) for walked in walks], [False] * len(walks)
    while True:
        improved = yield tuple(stage for stages in at for stage in stages)
        for position, walked in enumerate(walks):
            try:
                at[position] = at[position] if through[position] else walked.send(improved)
            except StopIteration:
                through[position] = True
        if all(through):
            return
