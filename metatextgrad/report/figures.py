"""Figures for papers, as PNG and SVG: drawn by matplotlib without a display, a browser or a network."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metatextgrad.core.errors import InputError
from metatextgrad.report.plots import top_of
from metatextgrad.report.views import Loop, Method, Several, Spent, Story
from metatextgrad.wording import NOTICE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Drawing = tuple[str, Callable[[], Figure]]

_ACCENT, _GREY, _PALE, _BAD = "#0b6e75", "#626a75", "#c9ced4", "#b3402a"
_LOOK: Any = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a figure is the same on every machine
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "metatextgrad",
}
_UNDATED: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None}}


def write_figures(story: Story, folder: Path) -> list[Path]:
    """Write the figures of a run into a folder and return their paths; the same run gives the same files.

    Raises:
        InputError: the folder cannot be written.
    """
    return _written(_figures(story), story.run, folder, simulated=story.simulated)


def write_comparison(several: Several, folder: Path) -> list[Path]:
    """Write the figure of what came out of several runs, beside those of each."""
    if not several.results:
        return []
    runs = "-and-".join(story.run for story in several.stories)
    simulated = any(story.simulated for story in several.stories)
    return _written([("scores", lambda: _scores(several.results))], runs, folder, simulated=simulated)


def _written(drawings: "Iterable[Drawing]", name: str, folder: Path, *, simulated: bool) -> list[Path]:
    import matplotlib

    written: list[Path] = []
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # a figure looks the same whatever the user's own settings are
        matplotlib.rcParams.update(_LOOK)
        for what, draw in drawings:
            figure = draw()
            if simulated:
                figure.text(0.995, 0.005, NOTICE, ha="right", va="bottom", fontsize=7, color="#8a5a00")
            written += [_save(figure, folder / f"{name}-{what}.{kind}", kind) for kind in _UNDATED]
    return written


def _figures(story: Story) -> "Iterator[Drawing]":
    if story.methods:
        yield "scores", lambda: _scores(story.methods)
    if story.loops:
        yield "steps", lambda: _steps(story.loops)
    if any(spent.planned for spent in story.spent):
        yield "cost", lambda: _cost([spent for spent in story.spent if spent.planned])


def _save(figure: "Figure", path: Path, kind: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=200, metadata=_UNDATED[kind])
    except OSError as error:
        msg = f"Cannot write to {str(path.parent)!r}: {error.strerror}. Name another folder with --figures."
        raise InputError(msg) from error
    return path


def _new(width: float, height: float, columns: int = 1) -> "tuple[Figure, Sequence[Axes]]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0.04, 1, 0.96))  # type: ignore[union-attr,call-arg]  # room for the notice
    return figure, figure.subplots(1, columns, sharey=True, squeeze=False)[0]


def _scores(methods: Sequence[Method]) -> "Figure":
    figure, (axes,) = _new(6.3, 0.5 * len(methods) + 1)
    for place, method in enumerate(methods):
        colour = _ACCENT if method.kind == "learned" else _GREY
        for tally, y, face in ((method.val, place - 0.13, "white"), (method.test, place + 0.13, colour)):
            if tally and tally.scored:
                axes.plot([100 * end for end in tally.interval], [y, y], color=colour, linewidth=1.4)
                axes.plot([100 * tally.score], [y], "o", color=colour, markerfacecolor=face, markersize=5)
    axes.set_yticks(range(len(methods)), [method.title for method in methods])
    axes.set(xlim=(0, 100), xlabel="per cent right, 95 % interval (hollow: validation, filled: test)")
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.grid(axis="x", color=_PALE, linewidth=0.5)
    return figure


def _steps(loops: Sequence[Loop]) -> "Figure":
    figure, every = _new(max(4.0, 2.4 * len(loops)), 2.8, len(loops))
    for axes, loop in zip(every, loops, strict=True):
        _loop(axes, loop)
        axes.set(title=loop.title, ylim=(0, 100 * top_of(loops)))
        axes.set_xlabel("meta step" if loop.level == "optimizer" else "step")
    every[0].set_ylabel("validation, per cent")
    figure.suptitle(
        "filled: accepted, hollow: rejected; line: the best so far; 95 % intervals", fontsize=7, color=_GREY
    )
    return figure


def _loop(axes: "Axes", loop: Loop) -> None:
    from matplotlib.ticker import MaxNLocator

    known = [(turn.step, 100 * turn.best) for turn in loop.turns if turn.best is not None]
    steps, best = [step for step, _ in known], [score for _, score in known]
    axes.step(steps, best, where="post", color=_ACCENT, alpha=0.45)
    for turn in loop.turns:
        for item in turn.tries:
            colour = _ACCENT if item.status == "accepted" else _GREY
            if item.tally is None or not item.tally.scored:
                axes.plot([turn.step], [1], "x", color=_BAD if item.status == "invalid" else _PALE)
                continue
            axes.plot([turn.step] * 2, [100 * end for end in item.tally.interval], color=colour, linewidth=1)
            face = colour if item.status == "accepted" else "white"
            axes.plot([turn.step], [100 * item.tally.score], "o", color=colour, markerfacecolor=face, markersize=4)
    axes.margins(x=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=_PALE, linewidth=0.5)


def _cost(levels: Sequence[Spent]) -> "Figure":
    figure, (axes,) = _new(6.3, 0.45 * len(levels) + 1)
    for place, spent in enumerate(levels):
        if spent.planned is None:
            continue
        # The axis is a logarithm, which has no zero; fewer than one call is none.
        low, likely, high = (max(end, 0.5) for end in (spent.planned.low, spent.planned.likely, spent.planned.high))
        axes.plot([low, high], [place, place], color=_PALE, linewidth=7, solid_capstyle="butt")
        axes.plot([likely], [place], "|", color=_GREY, markersize=11)
        axes.plot([max(spent.used, 0.5)], [place], "o", color=_ACCENT, markersize=5)
    axes.set_yticks(range(len(levels)), [spent.level for spent in levels])
    axes.margins(y=0.25)
    axes.set(xscale="log", xlabel="model calls (band: planned, bar: likely, dot: made)")
    axes.invert_yaxis()
    return figure
