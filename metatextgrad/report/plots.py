"""Plots as inline SVG whose widths are shares of the page, so that letters keep their size on a phone.

Plain SVG and not a plotting library in the page: plotly.js alone would be 1 to 5 MB in every report, sets styles that a
strict content security policy forbids, and does not follow the colours of a page that turns dark.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from metatextgrad.core.report import Tally
from metatextgrad.report.svg import element, per_cent
from metatextgrad.report.views import Loop, Method, Spent, Try

_ROW = 54
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST_LABELS = 12


@dataclass(frozen=True)
class _Frame:
    """The area of a plot over steps."""

    height: float
    top: float
    """The score at the upper edge."""
    first: int
    steps: int

    def x(self, step: float) -> str:
        return per_cent((step - self.first + 0.5) / self.steps)

    def y(self, score: float) -> float:
        return round(self.height * (1 - score / self.top), 2)


def methods_plot(methods: Sequence[Method]) -> Markup:
    """Draw the score of each method with its interval: validation hollow, test filled."""
    height = _ROW * len(methods)
    rows = [drawn for place, method in enumerate(methods) for drawn in _method(method, _ROW * place)]
    grid = [element("line", x1=per_cent(at), x2=per_cent(at), y1=0, y2=height, class_="grid") for at in _TICKS]
    labels = [
        element("text", f"{100 * at:g}", x=per_cent(at), y=height + 18, text_anchor="middle", class_="axis")
        for at in _TICKS
    ]
    return element("svg", *grid, *rows, *labels, class_="plot", role="img", width="100%", height=height + 24)


def _method(method: Method, top: float) -> Iterator[Markup]:
    yield element("text", method.title, x=6, y=top + 14, class_=f"name {method.kind}")
    shown = method.test or method.val
    if shown.scored:
        text = f"{100 * shown.score:.1f} %"
        yield element("text", text, x="100%", dx=-6, y=top + 14, text_anchor="end", class_=f"value {method.kind}")
    for tally, kind, y in ((method.val, "val", top + 26), (method.test, "test", top + 38)):
        if tally and tally.scored:
            low, high = tally.interval
            yield element(
                "g",
                element("title", f"{method.title}, {kind}: {_in_words(tally)}"),
                element("line", x1=per_cent(low), x2=per_cent(high), y1=y, y2=y, class_=f"range {kind} {method.kind}"),
                element("circle", cx=per_cent(tally.score), cy=y, r=4.5, class_=f"dot {kind} {method.kind}"),
            )


def top_of(loops: Sequence[Loop]) -> float:
    """Return the score at which the axes of these plots end, so that they can be compared."""
    ends = [item.tally.interval[1] for loop in loops for turn in loop.turns for item in turn.tries if item.tally]
    highest = max(ends, default=1.0)
    return next(top for top in (0.2, 0.4, 0.6, 0.8, 1.0) if highest <= top + 1e-9)


def steps_plot(loop: Loop, top: float, *, height: float = 180) -> Markup:
    """Draw the candidates of a loop with their intervals, and the score of the incumbent as a line."""
    frame = _Frame(height, top, loop.turns[0].step, len(loop.turns)) if loop.turns else _Frame(height, top, 0, 1)
    marks = [
        _mark(frame, turn.step + offset, item)
        for turn in loop.turns
        for offset, item in _beside(turn.tries)
    ]  # fmt: skip
    drawn = [*_grid(frame), *_incumbent(frame, loop), *marks, *_step_labels(frame, loop)]
    title = element("title", f"Scores of {loop.title} by step")
    return element("svg", title, *drawn, class_="plot", role="img", width="100%", height=height + 22)


def _beside(tries: Sequence[Try]) -> Iterator[tuple[float, Try]]:
    """Put several candidates of one step side by side."""
    for place, item in enumerate(tries):
        yield 0.3 * (place - (len(tries) - 1) / 2), item


def _grid(frame: _Frame) -> Iterator[Markup]:
    for part in range(5):
        score = frame.top * part / 4
        y = frame.y(score)
        yield element("line", x1=0, x2="100%", y1=y, y2=y, class_="grid")
        yield element("text", f"{100 * score:g}", x=-8, y=y + 4, text_anchor="end", class_="axis")


def _mark(frame: _Frame, step: float, item: Try) -> Markup:
    x, title = frame.x(step), element("title", f"{item.stage}: {item.said}")
    if item.tally is None or not item.tally.scored:
        y = frame.height - 8
        return element("g", title, element("text", "×", x=x, y=y, text_anchor="middle", class_=f"cross {item.status}"))
    low, high = (frame.y(min(end, frame.top)) for end in item.tally.interval)
    line = element("line", x1=x, x2=x, y1=low, y2=high, class_=f"range {item.status}")
    dot = element("circle", cx=x, cy=frame.y(item.tally.score), r=4, class_=f"dot {item.status}")
    return element("g", title, line, dot)


def _incumbent(frame: _Frame, loop: Loop) -> Iterator[Markup]:
    known = [(turn.step, turn.best) for turn in loop.turns if turn.best is not None]
    for (step, best), (following, after) in pairwise(known):
        x, y = frame.x(following), frame.y(best)
        yield element("line", x1=frame.x(step), x2=x, y1=y, y2=y, class_="incumbent")
        if after != best:
            yield element("line", x1=x, x2=x, y1=y, y2=frame.y(after), class_="incumbent")


def _step_labels(frame: _Frame, loop: Loop) -> Iterator[Markup]:
    every = -(-len(loop.turns) // _MOST_LABELS) if loop.turns else 1
    for turn in loop.turns[::every]:
        yield element(
            "text", str(turn.step), x=frame.x(turn.step), y=frame.height + 17, text_anchor="middle", class_="axis"
        )


def spent_plot(spent: Spent) -> Markup:
    """Draw the calls of one level: the planned range, the likely number, and those that were made."""
    end = max(spent.planned.high if spent.planned else 0, spent.used, 1)
    used = element("circle", cx=per_cent(spent.used / end), cy=10, r=5, class_="dot test learned")
    planned = []
    if spent.planned:
        low, width = spent.planned.low / end, (spent.planned.high - spent.planned.low) / end
        likely = per_cent(spent.planned.likely / end)
        planned = [
            element("rect", x=per_cent(low), width=per_cent(width), y=5, height=10, rx=2, class_="planned"),
            element("line", x1=likely, x2=likely, y1=2, y2=18, class_="likely"),
        ]
    title = element("title", f"{spent.level}: {spent.used:,} calls")
    return element("svg", title, *planned, used, class_="plot", role="img", width="100%", height=20)


def _in_words(tally: Tally) -> str:
    low, high = tally.interval
    return f"{100 * tally.score:.1f} % of {tally.scored}, 95 % interval {100 * low:.1f} to {100 * high:.1f}"
