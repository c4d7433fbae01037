"""Which stages propose at a step.

A schedule is walked with a cursor, in optax's manner: `start` gives the first cursor, `current` the stages at a cursor,
`advance` the cursor after a step. A cursor is a small JSON value whose size depends on the schedule and never on the
number of steps, so it can live in a checkpoint. A schedule that is through stays at its last stage.
"""

from typing import Any

from metatextgrad.core.optimizer import Alternate, BestOf, Chain, OnPlateau, Repeat, Schedule, Stage

Cursor = Any
"""JSON: None for a stage, [position, inner cursor, ...] for a combinator."""


def start(schedule: Schedule) -> Cursor:
    """Return the cursor of the first step."""
    match schedule:
        case Stage():
            return None
        case Chain():
            return [0, start(schedule.parts[0])]
        case Repeat():
            return [0, start(schedule.part)]
        case OnPlateau():
            return [0, 0, start(schedule.first)]
        case Alternate():
            return [0, [start(part) for part in schedule.parts]]
        case BestOf():
            return [start(part) for part in schedule.parts]


def current(schedule: Schedule, cursor: Cursor) -> tuple[Stage, ...]:
    """Return the stages that propose at this step; more than one only under best_of."""
    match schedule:
        case Stage():
            return (schedule,)
        case Chain():
            return current(schedule.parts[cursor[0]], cursor[1])
        case Repeat():
            return current(schedule.part, cursor[1])
        case OnPlateau():
            return current(schedule.then if cursor[0] else schedule.first, cursor[2])
        case Alternate():
            return current(schedule.parts[cursor[0]], cursor[1][cursor[0]])
        case BestOf():
            found = [current(part, inner) for part, inner in zip(schedule.parts, cursor, strict=True)]
            return tuple(stage for stages in found for stage in stages)


def advance(schedule: Schedule, cursor: Cursor, improved: bool) -> Cursor:
    """Return the cursor after a step; a schedule that is through stays where it is."""
    following, ended = _next(schedule, cursor, improved)
    return cursor if ended else following


def _next(schedule: Schedule, cursor: Cursor, improved: bool) -> tuple[Cursor, bool]:
    """Return the next cursor, and whether the schedule is through instead."""
    match schedule:
        case Stage():
            return None, True
        case Chain():
            return _next_in_chain(schedule, cursor, improved)
        case Repeat():
            inner, ended = _next(schedule.part, cursor[1], improved)
            if not ended:
                return [cursor[0], inner], False
            return [cursor[0] + 1, start(schedule.part)], cursor[0] + 1 == schedule.times
        case OnPlateau():
            return _next_on_plateau(schedule, cursor, improved), False
        case Alternate():
            turn, cursors = cursor
            part = schedule.parts[turn]
            moved = [*cursors[:turn], _around(part, cursors[turn], improved), *cursors[turn + 1 :]]
            return [(turn + 1) % len(schedule.parts), moved], False
        case BestOf():
            steps = [_next(part, inner, improved) for part, inner in zip(schedule.parts, cursor, strict=True)]
            kept = [old if ended else new for old, (new, ended) in zip(cursor, steps, strict=True)]
            return kept, all(ended for _, ended in steps)


def _next_in_chain(schedule: Chain, cursor: Cursor, improved: bool) -> tuple[Cursor, bool]:
    position, inner = cursor
    moved, ended = _next(schedule.parts[position], inner, improved)
    if not ended:
        return [position, moved], False
    if position + 1 == len(schedule.parts):
        return cursor, True
    return [position + 1, start(schedule.parts[position + 1])], False


def _next_on_plateau(schedule: OnPlateau, cursor: Cursor, improved: bool) -> Cursor:
    switched, stale, inner = cursor
    if switched:
        return [1, 0, advance(schedule.then, inner, improved)]
    stale = 0 if improved else stale + 1
    if stale >= schedule.patience:
        return [1, 0, start(schedule.then)]
    return [0, stale, _around(schedule.first, inner, improved)]


def _around(schedule: Schedule, cursor: Cursor, improved: bool) -> Cursor:
    """Advance, and begin again when the schedule is through."""
    following, ended = _next(schedule, cursor, improved)
    return start(schedule) if ended else following
