"""The command line `metatextgrad`: one file a command or a small group; heavy modules are imported inside them."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_INTERRUPTED = {"error": "Interrupted.", "exit_code": 130, "resume": None}


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command and return the exit code.

    Without arguments it is this process's own command, and takes its signals too.

    0 done, 2 bad input, 3 budget reached, 4 provider failed, 5 a person has to decide, 130 interrupted; 1 is a defect
    of ours.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if arguments is None:
        _leave_at_once_on_signals(as_json="--json" in given)
    try:
        from metatextgrad.cli.app import carry_out

        return carry_out(given)
    except KeyboardInterrupt:
        from metatextgrad.cli.failures import interrupted

        return interrupted(as_json="--json" in given)


def heeded() -> tuple[signal.Signals, ...]:
    """Return the signals that ask to stop, but for those that whoever started the process has it ignore."""
    return tuple(number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN)


def _leave_at_once_on_signals(*, as_json: bool) -> None:
    """Until a run attends to the signals itself, end the process from within their handler.

    Most of that time goes into imports. An exception out of a handler can get lost there: in a callback of the garbage
    collector Python only prints it, and out of code that is made from text it ends the process by the signal itself.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        del number, frame
        if as_json:
            os.write(1, f"{json.dumps(_INTERRUPTED, indent=2)}\n".encode())
        os.write(2, b"error: Interrupted.\n")
        os._exit(130)

    for number in heeded():
        signal.signal(number, leave)
