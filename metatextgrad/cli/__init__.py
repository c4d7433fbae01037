"""The command line `metatextgrad`: one file a command or a small group; heavy modules are imported inside them."""

import signal
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command and return the exit code.

    0 done, 2 bad input, 3 budget reached, 4 provider failed, 5 a person has to decide, 130 interrupted; 1 is a defect
    of ours.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    # Before all imports, which take longest: until a run attends to the signals itself, SIGTERM is as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from metatextgrad.cli.app import carry_out

        return carry_out(given)
    except KeyboardInterrupt:
        from metatextgrad.cli.failures import interrupted

        return interrupted(as_json="--json" in given)
