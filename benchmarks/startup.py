"""Measure what starting costs: importing the package, using its first name, and the command line.

    python benchmarks/startup.py

Each figure is the median over fresh interpreters, less that of an empty one.
"""

import subprocess
import sys
import time
from statistics import median

RUNS = 9
CASES = {
    "import metatextgrad": ["-c", "import metatextgrad"],
    "its first name": ["-c", "from metatextgrad import optimize"],
    "metatextgrad --help": ["-m", "metatextgrad.cli", "--help"],
}


def main() -> None:
    """Print milliseconds for each case."""
    bare = seconds(["-c", "pass"])
    print(f"{'an empty interpreter':<22} {bare * 1000:8.0f} ms")
    for name, arguments in CASES.items():
        print(f"{name:<22} {(seconds(arguments) - bare) * 1000:8.0f} ms")


def seconds(arguments: list[str]) -> float:
    """Return how long an interpreter takes for this."""
    taken = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        taken.append(time.perf_counter() - begin)
    return median(taken)


if __name__ == "__main__":
    main()
