"""Measure what starting costs: importing the package, using its first name, and the command line.

    python benchmarks/startup.py

Each figure is the median over fresh interpreters, less that of an empty one. Beside them what LangGraph alone takes,
which is the floor of every command that carries out a graph.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from statistics import median

from metatextgrad.runtime.workspace import open_workspace

RUNS = 9
COMMAND = ["-m", "metatextgrad.cli"]
CASES = {
    "import metatextgrad": ["-c", "import metatextgrad"],
    "metatextgrad --help": [*COMMAND, "--help"],
    "metatextgrad runs, of none": [*COMMAND, "runs", "--workspace"],
    "import langgraph.graph": ["-c", "import langgraph.graph"],
    "from metatextgrad import optimize": ["-c", "from metatextgrad import optimize"],
}


def main() -> None:
    """Print milliseconds for each case."""
    bare = seconds(["-c", "pass"])
    print(f"{'an empty interpreter':<34} {bare * 1000:8.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(made(folder))
        for name, arguments in CASES.items():
            place = [folder] if "--workspace" in arguments else []
            print(f"{name:<34} {(seconds([*arguments, *place]) - bare) * 1000:8.0f} ms")


async def made(folder: str) -> None:
    """Make a workspace without runs."""
    async with open_workspace(folder):
        pass


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
