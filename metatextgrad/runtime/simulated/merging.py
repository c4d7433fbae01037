"""Write one schedule from given optimizers."""

import random
import re

from metatextgrad.runtime.simulated.sections import Request, Section, sections

STRUCTURE_FIRST = 0.85
MALFORMED = 0.03

_STEPS = re.compile(r"each of its (\d+) steps")
_STRUCTURE = re.compile(r"structur|redesign|component", re.IGNORECASE)

Schedule = dict[str, object]


def merge(request: Request, rng: random.Random) -> Schedule:
    """Return name, purpose and schedule of a merged optimizer."""
    given = [found for found in sections(request.user, "OPTIMIZER") if found.attributes.get("name")]
    if not given:
        return {"name": "none", "purpose": "No optimizers were given.", "schedule": {}}
    steps = int(found[1]) if (found := _STEPS.search(request.system)) else 6
    order = _ordered(given, rng)
    names = [found.attributes["name"] for found in order]
    schedule, manner = _composed(names, steps, rng)
    if rng.random() < MALFORMED:
        schedule = {"op": "sequence", "parts": [schedule]}
    return {"name": f"merged ({manner})", "purpose": f"{' and '.join(names)}, {manner}.", "schedule": schedule}


def _ordered(given: list[Section], rng: random.Random) -> list[Section]:
    """Return one or two optimizers, those that change the structure first in most cases."""
    chosen = rng.sample(given, min(len(given), 2))
    if rng.random() < STRUCTURE_FIRST:
        chosen.sort(key=lambda found: not _STRUCTURE.search(found.attributes.get("purpose", "")))
    return chosen


def _composed(names: list[str], steps: int, rng: random.Random) -> tuple[Schedule, str]:
    uses: list[Schedule] = [{"op": "use", "optimizer": name} for name in names]
    first, last = uses[0], uses[-1]
    early = rng.randint(1, max(1, steps - 1))
    manners: list[tuple[Schedule, str, float]] = [
        (
            {"op": "chain", "parts": [{"op": "repeat", "part": first, "times": early}, last]},
            f"{early} steps of the first, then the other",
            4,
        ),
        ({"op": "alternate", "parts": [first, last]}, "in turn", 1.5),
        (
            {"op": "on_plateau", "first": first, "then": last, "patience": rng.choice((1, 2))},
            "the other one when the first brings nothing more",
            2.5,
        ),
        ({"op": "best_of", "parts": [first, last]}, "the better one at each step", 1),
        (first, "as it is", 1),
    ]
    chosen = rng.choices(manners, [weight for _, _, weight in manners])[0]
    return chosen[0], chosen[1]
