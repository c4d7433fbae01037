"""Redraw one display in place on a terminal, also while its window is made larger or smaller."""

from rich.console import Console, ConsoleDimensions, ConsoleRenderable
from rich.control import Control
from rich.live import Live
from rich.live_render import LiveRender
from rich.segment import ControlType

_REFRESH_PER_SECOND = 8


class InPlace(Live):
    """A live display that is gone without a trace at the end."""

    def __init__(self, drawn: ConsoleRenderable, console: Console) -> None:
        super().__init__(drawn, console=console, refresh_per_second=_REFRESH_PER_SECOND, transient=True)
        self._live_render = _Resized(drawn, console)


class _Resized(LiveRender):
    """Begins on an empty screen once the window has another size.

    What is drawn in place is erased by its number of rows. A terminal that got narrower has wrapped them, one that got
    lower has scrolled some away, and it may do so before this process learns of it: then nobody knows the number.
    """

    def __init__(self, drawn: ConsoleRenderable, console: Console) -> None:
        super().__init__(drawn, vertical_overflow="crop")
        self._console = console
        self._size: ConsoleDimensions | None = None

    def position_cursor(self) -> Control:
        before, self._size = self._size, self._console.size
        if before in (None, self._size):
            return super().position_cursor()
        return Control(ControlType.HOME, ControlType.CLEAR)
