"""A command in a real pseudo-terminal, and what its screen shows: the few control codes that a display uses."""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.command_line import environment

_CODES = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|\x1b[()].|[\r\n]|[^\x1b\r\n]", re.DOTALL)
_SECONDS = 60


class Picture:
    """The cells of a screen, and where the cursor is."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.rows: list[list[str]] = [[]]
        """All rows; those above the last `height` have scrolled away."""
        self.row = self.column = 0
        self.cursor = True

    @property
    def text(self) -> str:
        """What is in sight."""
        return "\n".join("".join(row).rstrip() for row in self.rows[self._top :]).rstrip()

    @property
    def _top(self) -> int:
        return max(0, len(self.rows) - self.height)

    def write(self, text: str) -> None:
        for found in _CODES.finditer(text):
            match found[2], found[1], found[0]:
                case None, _, "\r":
                    self.column = 0
                case None, _, "\n":
                    self._down()
                case None, _, letter if letter[0] != "\x1b":
                    self._put(letter)
                case "A", count, _:
                    self.row = max(self._top, self.row - int(count or 1))
                case "H", _, _:
                    self.row, self.column = self._top, 0
                case "J", "2", _:
                    self.rows[self._top :] = [[] for _ in self.rows[self._top :]]
                case "K", _, _:
                    self.rows[self.row] = []
                case "h" | "l" as switch, "?25", _:
                    self.cursor = switch == "h"
                case _:
                    pass  # colours

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])

    def _put(self, letter: str) -> None:
        if self.column == self.width:
            self.column = 0
            self._down()
        row = self.rows[self.row]
        row.extend(" " * (self.column + 1 - len(row)))
        row[self.column] = letter
        self.column += 1


class Terminal:
    """A command of ours in a pseudo-terminal of its own, which delivers Ctrl-C as a signal."""

    def __init__(self, *arguments: str, cwd: Path, width: int, height: int, **more: str) -> None:
        self._ours, theirs = os.openpty()
        self._rest = b""
        self.picture = Picture(width, height)
        self._size(width, height)
        told = {name: value for name, value in environment(**{"TERM": "xterm", **more}).items() if name != "COLUMNS"}
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "metatextgrad.cli", *arguments],
            cwd=cwd,
            env=told,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)

    def resize(self, width: int, height: int) -> None:
        self._size(width, height)
        self.picture.width, self.picture.height = width, height
        os.killpg(self.process.pid, signal.SIGWINCH)

    def _size(self, width: int, height: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def until(self, seen: Callable[[str], object]) -> str:
        """Read until the screen shows something, and return it."""
        end = time.monotonic() + _SECONDS
        while not seen(self.picture.text):
            assert time.monotonic() < end and self._read(), f"never shown; the screen is:\n{self.picture.text}"
        return self.picture.text

    def ended(self) -> str:
        """Read to the end of the command, and return what its screen shows then."""
        while self._read():
            pass
        self.process.wait(_SECONDS)
        return self.picture.text

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], _SECONDS)[0]:
            return False
        try:
            read = os.read(self._ours, 65536)
        except OSError:  # how Linux says that the other side is closed
            return False
        self.picture.write(self._decoded(read))
        return bool(read)

    def _decoded(self, read: bytes) -> str:
        """Decode, and keep half a character, or half a control code, for the next time."""
        read = self._rest + read
        whole = re.search(rb"(\x1b(\[[?\d;]*)?|[\xc0-\xff][\x80-\xbf]{0,2})\Z", read)
        cut = whole.start() if whole and not _is_whole(read[whole.start() :]) else len(read)
        self._rest = read[cut:]
        return read[:cut].decode()


def _is_whole(tail: bytes) -> bool:
    try:
        return not tail.startswith(b"\x1b") and bool(tail.decode())
    except UnicodeDecodeError:
        return False
