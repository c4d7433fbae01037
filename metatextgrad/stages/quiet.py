"""Keep a library from writing to the terminal while it works in threads of ours, and from changing what all share.

Others go on writing: the command line shows its progress on stderr and gives one JSON document on stdout.
"""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Undo = Callable[[], None]

_silent: ContextVar[bool] = ContextVar("silent", default=False)
"""Also in the threads that a library starts with a copy of its context."""
_lock = threading.Lock()
_holders: Counter[str] = Counter()
_undo: dict[str, Undo] = {}


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
    """Drop what is written to stdout and stderr from here on."""
    with changed("streams", _filter_streams):
        token = _silent.set(True)
        try:
            yield
        finally:
            _silent.reset(token)


@contextmanager
def changed(what: str, change: Callable[[], Undo]) -> Iterator[None]:
    """Hold a change of something that all threads share: the first holder makes it, the last one undoes it."""
    with _lock:
        if not _holders[what]:
            _undo[what] = change()
        _holders[what] += 1
    try:
        yield
    finally:
        with _lock:
            _holders[what] -= 1
            if not _holders[what]:
                _undo.pop(what)()


def silent_optuna(optuna: Any) -> Callable[[], Undo]:
    """Return the change by which optuna tells nothing."""

    def change() -> Undo:
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        return lambda: optuna.logging.set_verbosity(before)

    return change


def _filter_streams() -> Undo:
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Without(sys.stdout), _Without(sys.stderr)

    def undo() -> None:
        sys.stdout, sys.stderr = before

    return undo
