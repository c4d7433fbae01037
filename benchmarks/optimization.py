"""Measure an optimization of 12 TGD proposals in latencies of one call.

    python benchmarks/optimization.py

50 validation examples at 50 ms a call, 32 in flight, over a real socket, with a SQLite workspace. The critical path is
counted by hand: the validation of the initial program, and for each proposal a forward pass, a backward pass, the
proposal, and a validation of two rounds of calls.
"""

import tempfile
import time

from endless import task
from loopback import serving

from metatextgrad import Context, optimize

LATENCY, PROPOSALS, EXAMPLES, IN_FLIGHT, RUNS = 0.05, 12, 50, 32, 6


def main() -> None:
    """Print the latencies of each run."""
    rounds = -(-EXAMPLES // IN_FLIGHT)
    path = rounds + PROPOSALS * (3 + rounds)
    print(f"{PROPOSALS} proposals, {EXAMPLES} validation examples, {LATENCY * 1000:g} ms a call, {IN_FLIGHT} in flight")
    print(f"critical path {path:6d} latencies")
    with serving(LATENCY):
        measured()  # imports
        for _ in range(RUNS):
            print(f"measured      {measured() / LATENCY:6.1f} latencies")


def measured() -> float:
    """Return the seconds of one run, the look at the test set of one example included."""
    data = task(36, EXAMPLES, 1)
    # From the last candidate, because this model's next text depends on the one before alone.
    settings = Context(program_model="openai:endless", steps=PROPOSALS, concurrency=IN_FLIGHT, start_from="last")
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        result = optimize(data, settings=settings, workspace=folder)
        taken = time.perf_counter() - begin
    calls = sum(used.calls for used in result.usage.values())
    assert calls >= (1 + PROPOSALS) * EXAMPLES, f"{calls} calls: not every proposal was scored"
    return taken


if __name__ == "__main__":
    main()
