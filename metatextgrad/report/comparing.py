"""Set runs side by side: what each found, in what they differ, and which differences are more than chance."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

from metatextgrad.core.statistics import holm
from metatextgrad.core.trial import Evaluation
from metatextgrad.report.material import Material
from metatextgrad.report.story import tell
from metatextgrad.report.verdicts import chance, side_by_side, steadiness
from metatextgrad.report.views import Method, Several, Verdict
from metatextgrad.wording import title

MOST_TESTED = 5
"""Runs that are tested pair by pair; of more, each is tested against the first."""


def set_side_by_side(materials: Sequence[Material]) -> Several:
    """Return what there is to say about several runs together."""
    tested = list(_pairs(materials))
    verdicts = tuple(_verdicts(tested))
    return Several(
        stories=tuple(map(tell, materials)),
        results=tuple(_results(materials)),
        verdicts=(*verdicts, *_steadiness(tested)),
        apart=tuple(_apart(materials, len(verdicts))),
        settings=tuple(_differing(materials)),
    )


def _results(materials: Sequence[Material]) -> Iterator[Method]:
    """Return each run's last row, of the runs on the data that most of them share."""
    tasks = Counter(map(_data, materials))
    shared = max(tasks, key=lambda task: tasks[task])
    for material in materials:
        found = material.stored.found
        if found and _data(material) == shared:
            row = found.findings.rows[-1]
            yield Method(f"{material.stored.record.run}: {title(row.name)}", row.kind, row.val, row.test, None)


def _pairs(materials: Sequence[Material]) -> Iterator[tuple[Material, Material]]:
    every = (
        combinations(materials, 2) if len(materials) <= MOST_TESTED else ((materials[0], one) for one in materials[1:])
    )
    return ((one, other) for one, other in every if _data(one) == _data(other))


def _data(material: Material) -> str:
    return material.stored.record.task_id


def _verdicts(tested: Sequence[tuple[Material, Material]]) -> Iterator[Verdict]:
    """Compare results of runs on the test set, where both have one; several tests are corrected for their number."""
    both = [(one, other, _tested(one), _tested(other)) for one, other in tested]
    found = [
        (one, other, first, second, chance(first, second)) for one, other, first, second in both if first and second
    ]
    known = [p for *_, p in found if p is not None]
    corrected: Iterator[float | None] = iter(holm(known) if len(known) > 1 else [None] * len(known))
    for one, other, first, second, p in found:
        names = one.stored.record.run, other.stored.record.run
        yield side_by_side(names[0], first, names[1], second, corrected=None if p is None else next(corrected))


def _tested(material: Material) -> Evaluation | None:
    """Return the evaluation of a run's result on the test set."""
    found = material.stored.found
    return material.table.get(found.findings.rows[-1].test_evaluation) if found else None


def _steadiness(tested: Sequence[tuple[Material, Material]]) -> Iterator[Verdict]:
    """Check the program that two runs started from against itself, where each has asked the models anew.

    Runs with one seed share the replies of their workspace, so a program would only meet itself there.
    """
    for one, other in tested:
        rows = [material.stored.found.findings.rows[0] for material in (one, other) if material.stored.found]
        found = [one.table.get(rows[0].test_evaluation), other.table.get(rows[1].test_evaluation)] if rows[1:] else []
        first, second = found or (None, None)
        if first and second and first.program == second.program and _asks_anew(one, other):
            yield steadiness(
                f"the program that {one.stored.record.run} and {other.stored.record.run} started from", first, second
            )


def _asks_anew(one: Material, other: Material) -> bool:
    settings = [material.stored.record.settings for material in (one, other)]
    models = [[given[name] for name in ("program_model", "program_temperature")] for given in settings]
    return models[0] == models[1] and settings[0]["seed"] != settings[1]["seed"]


def _apart(materials: Sequence[Material], verdicts: int) -> Iterator[str]:
    if len({_data(material) for material in materials}) > 1:
        yield (
            "These runs are not all on the same data. Scores on different examples stand beside each other here, and "
            "no test compares them: a difference would be one of the data as much as of the method."
        )
    unfinished = [material.stored.record.run for material in materials if material.stored.found is None]
    if unfinished:
        yield f"No result yet, and so in no test: {', '.join(unfinished)}."
    if len({bool(material.stored.record.simulated) for material in materials}) > 1:
        yield "Some runs used simulated models and some real ones; nothing follows from their difference."
    if verdicts > 1:
        yield f"These are {verdicts} tests, so their p-values are corrected for that, after Holm."


def _differing(materials: Sequence[Material]) -> Iterator[tuple[str, tuple[str, ...]]]:
    every = [material.stored.record.settings for material in materials]
    for name in dict.fromkeys(name for settings in every for name in settings):
        values = tuple(_written(settings.get(name, "")) for settings in every)
        if len(set(values)) > 1:
            yield name, values


def _written(value: object) -> str:
    return "none" if value is None else str(value)
