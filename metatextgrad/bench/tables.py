"""Tables from outcomes: every score with its interval, the paper's figure beside it, and what a difference is worth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

from metatextgrad.bench.cells import OURS, Outcome
from metatextgrad.bench.layouts import Layout, Slot
from metatextgrad.bench.paper import COSTS, FIGURES, TOKENS
from metatextgrad.core.identity import Value
from metatextgrad.core.report import Tally, tally
from metatextgrad.core.statistics import Difference, over_seeds, paired_bootstrap, wilson
from metatextgrad.core.trial import Evaluation
from metatextgrad.wording import money

Outcomes = Mapping[str, Outcome]
"""By the cell's name."""
_Z = 1.959964
"""Of a 95 % interval."""


class Shown(Value):
    """A score over the seeds, with its 95 % interval."""

    mean: float
    low: float
    high: float
    seeds: int
    n: int
    """Scored examples of one seed."""

    def text(self) -> str:
        """Write it in per cent."""
        return f"{100 * self.mean:.1f} [{100 * self.low:.0f}, {100 * self.high:.0f}]"


@dataclass(frozen=True)
class Grid:
    """A table as texts."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def shown(tallies: Sequence[Tally]) -> Shown:
    """Sum up one score over the seeds, with an interval for what seeds change and for what the examples are.

    For one seed it is Wilson's. Seeds share their examples, and may agree on all of them; so for several it is the
    wider one of Student's over the seeds and Wilson's for their mean on the examples of one.
    """
    n = min(one.scored for one in tallies)
    mean = fmean(one.score for one in tallies)
    low, high = wilson(mean * n, n)
    return _widened(Shown(mean=mean, low=low, high=high, seeds=len(tallies), n=n), [one.score for one in tallies])


def _widened(by_examples: Shown, means: Sequence[float]) -> Shown:
    """Widen an interval to that of the spread over the seeds, within 0 to 1."""
    found = over_seeds(means)
    low = by_examples.low if found.low is None else max(0.0, min(by_examples.low, found.low))
    high = by_examples.high if found.high is None else min(1.0, max(by_examples.high, found.high))
    return by_examples.model_copy(update={"low": low, "high": high})


def scores(slot: Slot, outcomes: Outcomes) -> tuple[Shown, Shown] | None:
    """Return the validation and the test score of a slot; None where a seed of it has none."""
    every = _found(slot, outcomes)
    return (shown([val for val, _, _ in every]), shown([test for _, test, _ in every])) if every else None


def _found(slot: Slot, outcomes: Outcomes) -> list[tuple[Tally, Tally, Evaluation]]:
    """Return validation score, test score, and the evaluation behind it of each seed; nothing where a seed has none."""
    every: list[tuple[Tally, Tally, Evaluation]] = []
    for cell in slot.cells:
        outcome = outcomes.get(cell.name)
        whole = (tally(outcome.val), tally(outcome.test), outcome.test) if outcome else None
        found = outcome.of_row(slot.row) if outcome and slot.row else whole
        if found is None:
            return []
        every.append(found)
    return every


def grid(layout: Layout, outcomes: Outcomes) -> Grid:
    """Fill a table in."""
    title = f"Table {layout.number}. {layout.title}"
    if layout.left_out:
        return Grid(title, (), (), (f"Left out: {layout.left_out}",))
    fill = {"scores": _scores, "tokens": _tokens, "cost": _costs}[layout.measure]
    return fill(title, layout, outcomes)


def _scores(title: str, layout: Layout, outcomes: Outcomes) -> Grid:
    columns = [*layout.columns, *(["average"] if layout.average else [])]
    header = ["method"]
    for column in columns:
        short = column.rpartition("/")[2].removesuffix(".toml")
        header += [f"{short} val", "test", "paper"]
    rows = []
    for method, slots in layout.rows:
        pairs = [scores(slot, outcomes) for slot in slots]
        pairs += [_average(slots, outcomes)] if layout.average else []
        row = [method]
        for column, pair in zip(columns, pairs, strict=True):
            row += [pair[0].text(), pair[1].text()] if pair else ["-", "-"]
            row.append(_paper(layout.number, method, column))
        rows.append(tuple(row))
    notes = [_intervals(layout), *verdicts(layout, outcomes), *_cut(layout, outcomes)]
    return Grid(title, tuple(header), tuple(rows), tuple(notes))


def _paper(number: int, method: str, column: str) -> str:
    pair = FIGURES.get(number, {}).get((method, column))
    return f"{pair[0]:g} / {pair[1]:g}" if pair else "-"


def _average(slots: Sequence[Slot], outcomes: Outcomes) -> tuple[Shown, Shown] | None:
    """Average over the tasks, whose examples are independent of one another's."""
    by_task = [_found(slot, outcomes) for slot in slots]
    if not all(by_task):
        return None
    val = _averaged([[one for one, _, _ in every] for every in by_task])
    return val, _averaged([[one for _, one, _ in every] for every in by_task])


def _averaged(by_task: Sequence[Sequence[Tally]]) -> Shown:
    parts = [shown(tallies) for tallies in by_task]
    mean = fmean(part.mean for part in parts)
    variance = sum(part.mean * (1 - part.mean) / max(1, part.n) for part in parts)
    half = _Z * sqrt(variance) / len(parts)
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    seeds = [fmean(one.score for one in tallies) for tallies in zip(*by_task, strict=True)]
    return _widened(Shown(mean=mean, low=low, high=high, seeds=len(seeds), n=min(part.n for part in parts)), seeds)


def difference(one: Slot, other: Slot, outcomes: Outcomes) -> Difference | None:
    """Compare two slots on the test set; None where one has no result.

    The scores of an example are averaged over the seeds first: seeds repeat the examples, and are no further ones.
    """
    first, second = ([test for _, _, test in _found(slot, outcomes)] for slot in (one, other))
    return paired_bootstrap(_by_example(first), _by_example(second)) if first and second else None


def _by_example(tests: Iterable[Evaluation]) -> list[float | None]:
    seeds = [[result.score for result in test.results] for test in tests]
    known = [[score for score in found if score is not None] for found in zip(*seeds, strict=True)]
    return [fmean(found) if found else None for found in known]


def verdicts(layout: Layout, outcomes: Outcomes) -> list[str]:
    """Say for each column what ours is worth against the best other method, chosen by validation."""
    rows = dict(layout.rows)
    said = []
    for place, column in enumerate(layout.columns):
        others = {}
        for method, slots in layout.rows:
            found = scores(slots[place], outcomes)
            if method != OURS and found:
                others[method] = found[0].mean
        if OURS not in rows or not others:
            continue
        best = max(others, key=lambda method: others[method])
        apart = difference(rows[best][place], rows[OURS][place], outcomes)
        if apart is not None:
            said.append(
                f"{column}: {OURS} against {best} (best other on validation), test: {100 * apart.mean:+.1f} points "
                f"[{100 * apart.low:+.1f}, {100 * apart.high:+.1f}], paired bootstrap p = {apart.p:.2g}"
            )
    return said


def _intervals(layout: Layout) -> str:
    seeds = max((len(slot.cells) for _, slots in layout.rows for slot in slots), default=1)
    of = "Wilson's" if seeds == 1 else f"the wider of Student's over {seeds} seeds and Wilson's over the examples"
    return f"Per cent [95 % interval: {of}]; paper: validation / test, on its own models."


def _cut(layout: Layout, outcomes: Outcomes) -> list[str]:
    cells = {cell.name: method for method, slots in layout.rows for slot in slots for cell in slot.cells}
    cut = sorted({method for name, method in cells.items() if name in outcomes and outcomes[name].cut})
    return [f"Ended by the budget, with the best until then: {', '.join(cut)}."] if cut else []


def _tokens(title: str, layout: Layout, outcomes: Outcomes) -> Grid:
    rows = []
    for name, (slot,) in layout.rows:
        (cell,) = slot.cells
        outcome = outcomes.get(cell.name)
        text = "-"
        if outcome and cell.kind == "program":
            text = f"{outcome.total.tokens:,}"
        elif outcome:
            asked = 2 * cell.context.meta_prompt_steps + cell.context.meta_structure_steps
            times = asked if name == "meta" else asked + 2
            used = next(used for level, used in outcome.usage.items() if level == name)
            text = f"{used.tokens / max(1, times):,.0f}"
        rows.append((name, text, f"{TOKENS[name]:,}"))
    note = "A meta step is one proposal and its inner loop; the look at the test set is spread over them."
    return Grid(title, ("level", "tokens", "paper"), tuple(rows), (note,))


def _costs(title: str, layout: Layout, outcomes: Outcomes) -> Grid:
    rows = []
    for name, (slot,) in layout.rows:
        found, known = scores(slot, outcomes), [outcomes[cell.name] for cell in slot.cells if cell.name in outcomes]
        spent = [money(outcome.total) for outcome in known]
        calls = f"{fmean(outcome.total.calls for outcome in known):,.0f}" if known else "-"
        paper = COSTS[name]
        row = (name, found[1].text() if found else "-", calls, spent[0] if spent else "-")
        rows.append((*row, f"{paper[0]} for {paper[1]:.2f}"))
    note = "Calls are the mean over the seeds; US dollars those of the first one, optimization included."
    return Grid(title, ("method", "test", "calls", "USD", "paper"), tuple(rows), (_intervals(layout), note))


def markdown(found: Grid) -> str:
    """Write a table as Markdown."""
    lines = [f"### {found.title}", ""]
    if found.header:
        lines += [_line(found.header), _line(["---"] * len(found.header)), *map(_line, found.rows), ""]
    return "\n".join([*lines, *(f"{note}  " for note in found.notes)])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
