"""How much longer a run will take, from the turns that it has left and how long they took so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from metatextgrad.runtime.context import Context
from metatextgrad.watching import MERGE, Strand, Watched

UNKNOWN = "time left unknown"
_MINUTE, _HOUR = 60, 3600
_ENOUGH = 3
"""Turns whose pace is taken for that of a line of work; its first ones may be known from others."""
_LEAST = 1e-6
"""Seconds of a turn that took none, as when everything was known."""


@dataclass
class Caps:
    """How fast the caps of a run are used up, from when it was first looked at."""

    _first: dict[str, tuple[float, float]] = field(default_factory=dict)
    """What is capped -> when it was looked at first, and how much of the cap was used then."""

    def nearest(self, shares: Mapping[str, float], now: float) -> tuple[str, float] | None:
        """Return the cap that is reached next and in how many seconds; None where no cap is being used up."""
        found: list[tuple[float, str]] = []
        for unit, share in shares.items():
            since, before = self._first.setdefault(unit, (now, share))
            if share > before and now > since:
                found.append(((1 - share) * (now - since) / (share - before), unit))
        return (min(found)[1], max(0.0, min(found)[0])) if found else None


def seconds_left(watched: Watched, settings: Context) -> float | None:
    """Return about how many seconds of work are left; None as long as nothing is known.

    Lineages run side by side, so the slowest of them counts. The merge comes after them and the test set last; those
    run alone, and so take about as long a turn as the lineages take for a turn of any of them: calls in flight are
    limited together.
    """
    now = watched.clock()
    if watched.kind == "evaluation":
        return next((_examples_left(strand, now) for strand in watched.working), None)
    paces = [strand.pace for strand in watched.working if strand.pace is not None]
    if not paces:
        return None
    merge = watched.strands.get(MERGE)
    lineages = [strand for strand in watched.working if strand is not merge]
    known = [strand.pace for strand in lineages if strand.pace is not None] or paces
    alone = 1 / sum(1 / max(pace, _LEAST) for pace in known)
    left = _rows_left(watched, len(lineages)) * alone
    if merge:
        return left + _left(merge, _turns(watched, settings, merge=True), settings, alone, now)
    if watched.kind == "meta_optimize":
        left += settings.meta_structure_steps * settings.steps * alone
    whole = _turns(watched, settings, merge=False)
    return left + max(_left(strand, whole, settings, max(paces), now) for strand in lineages)


def _examples_left(strand: Strand, now: float) -> float | None:
    return (now - strand.began) / strand.done * (strand.of - strand.done) if strand.done else None


def _turns(watched: Watched, settings: Context, *, merge: bool) -> int:
    if watched.kind == "optimize":
        return settings.steps
    return (settings.meta_structure_steps if merge else settings.meta_prompt_steps + 1) * settings.steps


def _left(strand: Strand, whole: int, settings: Context, otherwise: float, now: float) -> float:
    """Return how long a line of work still takes; what has passed of the turn that it is in counts as done."""
    loops = strand.meta_step - 1 if strand.name == MERGE else strand.meta_step
    pace = (strand.turns >= _ENOUGH and strand.pace) or otherwise
    turns = whole - loops * settings.steps - strand.ended
    passed = min(now - (strand.turned or strand.began), pace)
    return max(0.0, turns * pace - passed) if turns > 0 else 0.0


def _rows_left(watched: Watched, lineages: int) -> int:
    """Count the programs to score on the test set; one takes about as long as a turn."""
    rows = 2 if watched.kind == "optimize" else 2 + 2 * lineages
    return max(0, rows - len(watched.tested))


def in_words(seconds: float) -> str:
    """Say a time roughly, as it is only known so."""
    if seconds < _MINUTE:
        return "under a minute"
    if seconds < 1.5 * _HOUR:
        return f"about {round(seconds / _MINUTE)} min"
    return f"about {round(seconds / _HOUR, 1):g} h"


def time_left(work: float | None, cap: tuple[str, float] | None) -> str:
    """Say how much longer the work takes, or when a cap will stop it before its end."""
    if cap and (work is None or cap[1] < work):
        return f"cap on {cap[0]} in {in_words(cap[1])}"
    return UNKNOWN if work is None else f"{in_words(work)} left"


def clock(seconds: float) -> str:
    """Write how long something has taken."""
    minutes, rest = divmod(int(seconds), _MINUTE)
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
