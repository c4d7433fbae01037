"""Measure a meta-run of 14 inner loops against its critical path.

    python benchmarks/meta_run.py

Simulated models with a latency, on a SQLite workspace. The lineages run side by side and share one limit, ledger and
store; after them the optimizers are merged. The critical path is the longer lineage run alone, and then the merges.
"""

import tempfile
import time

from metatextgrad import Context, meta_optimize
from metatextgrad.runtime.events import Event
from metatextgrad.runtime.meter import LEVELS
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.simulated import simulated_model

LATENCY, IN_FLIGHT = 0.1, 64
OPTIMIZERS = ("tgd", "adas-tg")
SETTINGS = Context(meta_prompt_steps=4, meta_structure_steps=4, concurrency=IN_FLIGHT)


def main() -> None:
    """Print how long each part took."""
    alone = {name: timed((name,), SETTINGS.model_copy(update={"meta_structure_steps": 0}))[0] for name in OPTIMIZERS}
    whole, parts = timed(OPTIMIZERS, SETTINGS)
    merges = parts["merge"] - max(parts[name] for name in OPTIMIZERS)
    path = max(alone.values()) + merges
    print(f"{LATENCY * 1000:g} ms a call, {IN_FLIGHT} in flight; {len(OPTIMIZERS)} lineages of 5 inner loops, 4 merges")
    for name, seconds in alone.items():
        print(f"{name + ' alone':<24} {seconds:7.2f} s")
    print(f"{'one after the other':<24} {sum(alone.values()) + merges:7.2f} s")
    print(f"{'critical path':<24} {path:7.2f} s")
    print(f"{'measured':<24} {whole:7.2f} s   {whole / path:.2f} times the critical path")


def timed(optimizers: tuple[str, ...], settings: Context) -> tuple[float, dict[str, float]]:
    """Return the seconds of a run, and when each lineage and the merging had its last step."""
    ends: dict[str, float] = {}
    models = Models(
        chat={level: simulated_model(level, latency_seconds=LATENCY) for level in LEVELS},
        names={level: f"simulated:{level}" for level in LEVELS},
    )
    begin = time.perf_counter()

    def noted(event: Event) -> None:
        if event.type == "step":
            ends[event.path.partition("/")[0]] = time.perf_counter() - begin

    with tempfile.TemporaryDirectory() as folder:
        meta_optimize(
            "bbh/dyck_languages",
            optimizers=optimizers,
            settings=settings,
            models=models,
            workspace=folder,
            on_event=noted,
        )
    return time.perf_counter() - begin, ends


if __name__ == "__main__":
    main()
