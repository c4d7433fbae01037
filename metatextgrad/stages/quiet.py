"""Keep a library from writing to the terminal while it works in threads of ours.

Others go on writing: the command line shows its progress on stderr and gives one JSON document on stdout.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_silent: ContextVar[bool] = ContextVar("silent", default=False)
"""Also in the threads that a library starts with a copy of its context."""
_lock = threading.Lock()
_running = 0
_before: dict[str, Any] = {}


class _Without:
    """A stream that drops what is written where silence is kept."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if _silent.get() else int(self._stream.write(text) or 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def muted() -> Iterator[None]:
    """Drop what is written to stdout and stderr from here on; of several at a time, the last restores the streams."""
    global _running
    with _lock:
        if not _running:
            _before.update(stdout=sys.stdout, stderr=sys.stderr)
            sys.stdout, sys.stderr = _Without(sys.stdout), _Without(sys.stderr)
        _running += 1
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)
        with _lock:
            _running -= 1
            if not _running:
                sys.stdout, sys.stderr = _before.pop("stdout"), _before.pop("stderr")
