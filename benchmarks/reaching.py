"""Measure how many calls optimizers need to reach a validation score, on simulated models.

    python benchmarks/reaching.py [TASK [CALLS [SEEDS]]]

Each method gets the same budget of calls in a workspace of its own; every call at every level counts. `learned` applies
the optimizer that metaTextGrad learned with such a budget and another seed: what it takes once it has been learned. It
needs the extras search, dspy and gepa. Scores of simulated models say nothing about real ones.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from metatextgrad import Context, Optimizer
from metatextgrad.api import ameta_optimize, aoptimize
from metatextgrad.bench.cells import learning_cell
from metatextgrad.bench.run import carry_out
from metatextgrad.core.errors import BudgetReachedError
from metatextgrad.execution import Stop
from metatextgrad.runtime.events import Event

METHODS = ("tgd", "adas-tg", "mipro", "mipro-8", "reflection", "gepa", "dspy-gepa", "metaTextGrad", "learned")
Curve = list[tuple[int, float]]
"""Calls, and the best validation score until then; rising."""


def main(task: str = "bbh/dyck_languages", calls: str = "5000", seeds: str = "3") -> None:
    """Print the median calls to each score, over the seeds; a dash where fewer than half of the seeds reach it."""
    found: dict[str, list[Curve]] = {}
    for method in METHODS:
        found[method] = [asyncio.run(curve(method, task, int(calls), seed)) for seed in range(int(seeds))]
        ends = ", ".join(f"{one[-1][1]:.2f} after {one[-1][0]}" for one in found[method])
        print(f"{method}: {ends}", file=sys.stderr, flush=True)
    best = max(one[-1][1] for curves in found.values() for one in curves)
    scores = [step / 20 for step in range(1, 21) if step / 20 <= best]
    print(f"SIMULATED MODELS. {task}, {calls} calls each, {seeds} seeds: median calls until validation reaches")
    print("| method | " + " | ".join(f"{score:.2f}" for score in scores) + " | best |")
    print("| --- |" + " --- |" * (len(scores) + 1))
    for method, curves in found.items():
        cells = [reached(curves, score) for score in scores]
        print(f"| {method} | " + " | ".join(cells) + f" | {median(one[-1][1] for one in curves):.2f} |")


def reached(curves: Sequence[Curve], score: float) -> str:
    """Return the median calls until a score is reached."""
    firsts = sorted(next((calls for calls, best in curve if best >= score), sys.maxsize) for curve in curves)
    middle = firsts[len(firsts) // 2]
    return "-" if middle == sys.maxsize else f"{middle:,}"


async def curve(method: str, task: str, calls: int, seed: int) -> Curve:
    """Run one method until its budget is spent."""
    stop = Stop()
    seen: Curve = []

    def see(event: Event) -> None:
        scored = event.best if event.type == "step" and event.level == "program" else None
        if scored is not None and stop.opened and (not seen or scored > seen[-1][1]):
            seen.append((stop.opened.ledger.meter.total.calls, scored))

    settings = Context(task=task, seed=seed, max_calls=calls, steps=6 if method == "metaTextGrad" else 100)
    with tempfile.TemporaryDirectory() as folder:
        learned = await optimizer(task, calls, seed + 1000, Path(folder)) if method == "learned" else method
        try:
            if method == "metaTextGrad":
                await ameta_optimize(task, settings=settings, workspace=folder, on_event=see, stop=stop)
            else:
                await aoptimize(task, optimizer=learned, settings=settings, workspace=folder, on_event=see, stop=stop)
        except BudgetReachedError:
            pass
    return seen


async def optimizer(task: str, calls: int, seed: int, folder: Path) -> str | Optimizer:
    """Learn an optimizer with a budget, with another seed."""
    cell = learning_cell(Context(task=task, seed=seed, max_calls=calls))
    outcome = await carry_out(cell, folder, Stop())
    return outcome.optimizer or "tgd"


if __name__ == "__main__":
    main(*sys.argv[1:])
