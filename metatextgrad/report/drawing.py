"""Draw a program from its data: a box for each component, a line to it from each component whose value it reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

from markupsafe import Markup

from metatextgrad.core.components import Component, Extract, Join, Llm, Map, Select, Split, Vote
from metatextgrad.core.program import Program
from metatextgrad.core.wrapped import Wrapped
from metatextgrad.report.svg import element

_WIDTH, _HEAD, _LINE = 232, 40, 15
_GAP, _BESIDE, _LANE, _INSIDE = 30, 18, 14, 12
_LETTERS, _MOST_LINES = 36, 2


@dataclass(frozen=True)
class _Box:
    """A component's place."""

    part: Component
    left: float
    top: float
    width: float
    height: float
    inner: tuple["_Box", ...] = ()

    @property
    def middle(self) -> float:
        return self.left + self.width / 2

    @property
    def bottom(self) -> float:
        return self.top + self.height


def draw_program(program: Program, known: frozenset[str] = frozenset()) -> Markup:
    """Return the drawing as SVG; components that are not among the `known` ones are marked as new."""
    boxes = _placed(program.components, _BESIDE, _GAP + 22)
    right = max(box.left + box.width for box in boxes)
    bottom = max(box.bottom for box in boxes)
    start = _terminal(", ".join(program.inputs), _above(boxes), 11)
    end = _terminal(f"answer: {program.answer}", _of(boxes, program).middle, bottom + _GAP + 11)
    lines = [*_from_start(boxes), *_wires(boxes, right), _wire(_of(boxes, program), bottom + _GAP)]
    drawn = [_drawn(box, known) for box in boxes]
    width, height = right + _lanes(boxes) * _LANE + _BESIDE, bottom + _GAP + 24
    title = element("title", f"The program {program.name}: {', '.join(box.part.name for box in boxes)}")
    return element(
        "svg", title, *lines, start, end, *drawn, class_="program", role="img", width=width, height=height,
        viewBox=f"0 0 {width:g} {height:g}",
    )  # fmt: skip


def _of(boxes: Sequence[_Box], program: Program) -> _Box:
    """Return the box that the answer comes out of; the first, where the answer is an input."""
    return next((box for box in boxes if box.part.name == program.answer), boxes[0])


def _placed(parts: Sequence[Component], left: float, top: float) -> tuple[_Box, ...]:
    """Place components in rows, each below all that it reads, around a common middle."""
    rows: dict[int, list[Component]] = {}
    row_of: dict[str, int] = {}
    for part in parts:
        row_of[part.name] = 1 + max((row_of.get(name, -1) for name in part.reads()), default=-1)
        rows.setdefault(row_of[part.name], []).append(part)
    widest = max(map(_width, rows.values()))
    placed: dict[str, _Box] = {}
    for _, row in sorted(rows.items()):
        beside, lowest = left + (widest - _width(row)) / 2, top
        for part in row:
            box = placed[part.name] = _box(part, beside, top)
            beside, lowest = box.left + box.width + _BESIDE, max(lowest, box.bottom)
        top = lowest + _GAP
    return tuple(placed[part.name] for part in parts)


def _width(row: Sequence[Component]) -> float:
    return sum(_box(part, 0, 0).width for part in row) + _BESIDE * (len(row) - 1)


def _box(part: Component, left: float, top: float) -> _Box:
    height = _HEAD + _LINE * len(_said(part))
    if not isinstance(part, Map):
        return _Box(part, left, top, _WIDTH, height)
    inner = _placed(part.body, left + _INSIDE, top + height + 4)
    right, bottom = max(box.left + box.width for box in inner), max(box.bottom for box in inner)
    width = right + _lanes(inner) * _LANE + _INSIDE - left
    return _Box(part, left, top, width, bottom + _INSIDE - top, inner)


def _above(boxes: Sequence[_Box]) -> float:
    """Return the middle of the first row."""
    row = [box.middle for box in boxes if box.top == boxes[0].top]
    return (min(row) + max(row)) / 2


def _from_start(boxes: Sequence[_Box]) -> list[Markup]:
    """Feed the first row. Components below may read the question too; lines for that would hide what feeds what."""
    return [_wire_between(22, _above(boxes), box) for box in boxes if box.top == boxes[0].top]


def _wires(boxes: Sequence[_Box], right: float) -> list[Markup]:
    """Draw what feeds what; a wire past other boxes goes around them, in a lane at the right."""
    by_name = {box.part.name: box for box in boxes}
    wires: list[Markup] = []
    lane = 0
    for box in boxes:
        for source in (by_name[name] for name in box.part.reads() if name in by_name):
            if _is_next(source, box, boxes):
                wires.append(_wire_between(source.bottom, source.middle, box))
            else:
                lane += 1
                wires.append(_around(source, box, right + lane * _LANE, boxes))
    return wires


def _is_next(source: _Box, box: _Box, boxes: Sequence[_Box]) -> bool:
    return not any(source.bottom < other.top < box.top for other in boxes)


def _lanes(boxes: Sequence[_Box]) -> int:
    by_name = {box.part.name: box for box in boxes}
    read = [(by_name[name], box) for box in boxes for name in box.part.reads() if name in by_name]
    return sum(not _is_next(source, box, boxes) for source, box in read)


def _wire_between(top: float, middle: float, box: _Box) -> Markup:
    bend = (top + box.top) / 2
    return _path(f"M{middle:g} {top:g}C{middle:g} {bend:g} {box.middle:g} {bend:g} {box.middle:g} {box.top - 5:g}")


def _wire(box: _Box, bottom: float) -> Markup:
    return _path(f"M{box.middle:g} {box.bottom:g}V{bottom - 5:g}")


def _around(source: _Box, box: _Box, lane: float, boxes: Sequence[_Box]) -> Markup:
    """Lead a wire through a lane; boxes at the right of its ends are passed below and above."""
    out_y, out = source.bottom - 12, f"M{source.left + source.width:g} {source.bottom - 12:g}"
    if below := _at_right(source, boxes):
        out_y = max(source.bottom, *(one.bottom for one in below)) + 8
        out = f"M{source.middle + 24:g} {source.bottom:g}V{out_y:g}"
    in_y, into = box.top + 14, f"H{box.left + box.width + 5:g}"
    if _at_right(box, boxes):
        in_y, into = box.top - 14, f"H{box.middle + 24:g}V{box.top - 5:g}"
    return _path(f"{out}H{lane - 6:g}q6 0 6 6V{in_y - 6:g}q0 6 -6 6{into}")


def _at_right(box: _Box, boxes: Sequence[_Box]) -> list[_Box]:
    return [one for one in boxes if one.top == box.top and one.left > box.left]


def _path(course: str) -> Markup:
    return element("path", d=course, class_="wire", marker_end="url(#arrow)")


def _terminal(text: str, middle: float, centre: float) -> Markup:
    width = max(70, 7 * len(text) + 20)
    pill = element(
        "rect", x=middle - width / 2, y=centre - 11, width=width, height=22, rx=11, class_="terminal"
    )  # fmt: skip
    return element("g", pill, element("text", text, x=middle, y=centre + 4, text_anchor="middle", class_="small"))


def _drawn(box: _Box, known: frozenset[str]) -> Markup:
    fresh = bool(known) and box.part.name not in known
    classes = f"box{' calls' if isinstance(box.part, Llm | Select | Wrapped) else ''}{' fresh' if fresh else ''}"
    frame = element("rect", x=box.left, y=box.top, width=box.width, height=box.height, rx=6, class_=classes)
    name = element("text", box.part.name, x=box.left + 12, y=box.top + 18, class_="name")
    what = element("text", _what(box.part), x=box.left + 12, y=box.top + 33, class_="small")
    said = [
        element("text", line, x=box.left + 12, y=box.top + 33 + _LINE * (number + 1), class_="small said")
        for number, line in enumerate(_said(box.part))
    ]
    inner = [_drawn(one, known) for one in box.inner]
    wires = _wires(box.inner, max(one.left + one.width for one in box.inner)) if box.inner else []
    return element("g", element("title", _hint(box.part)), frame, name, what, *said, *wires, *inner)


def _what(part: Component) -> str:
    match part:
        case Llm():
            shown = f", {len(part.demonstrations)} demonstrations" if part.demonstrations else ""
            return f"model call{f', {part.samples} samples' if part.samples > 1 else ''}{shown}"
        case Select():
            return f"model chooses among {part.over}"
        case Split():
            return f"splits {part.text} by {part.by}"
        case Join():
            return "fills a template"
        case Extract():
            return f"takes what follows {part.after!r}"
        case Vote():
            return f"most common of {part.over}"
        case Map():
            return f"for each {part.item} of {part.over}"
        case Wrapped():
            return f"runnable {part.factory.rpartition(':')[2]}"


def _said(part: Component) -> list[str]:
    """Return the role in a line or two, unless it only repeats the name."""
    role = getattr(part, "role", "")
    if not role or role == part.name:
        return []
    return wrap(role, _LETTERS, max_lines=_MOST_LINES, placeholder=" …")


def _hint(part: Component) -> str:
    reads = f"{part.name} reads {', '.join(part.reads())}"
    return f"{reads}\n\n{part.instructions}" if isinstance(part, Llm | Select) else reads


def names_in(program: Program) -> frozenset[str]:
    """Return the names of a program's components, for telling new ones from old."""
    found: Mapping[str, Component] = {part.name: part for part in program.components}
    return frozenset(found)
