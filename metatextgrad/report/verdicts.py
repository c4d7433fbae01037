"""What the numbers are worth, in plain words. The tests are those of `metatextgrad.core.comparison`."""

from collections.abc import Mapping, Sequence

from metatextgrad.core.comparison import Comparison, aa_check, compare, shrinkage
from metatextgrad.core.errors import InputError
from metatextgrad.core.report import Findings, Row, Tally
from metatextgrad.core.statistics import RESAMPLES
from metatextgrad.core.trial import Evaluation
from metatextgrad.report.views import Verdict
from metatextgrad.wording import spoken

SIGNIFICANT = 0.05
_STEADY = "So what differs between the runs comes from their programs, and not from chance in the model's replies."
_WAVERING = (
    "That much comes from the model alone. A difference between runs of that size is noise, whatever a test says of it."
)
Table = Mapping[str, Evaluation]


def verdicts(findings: Findings, table: Table, paid: Verdict | None = None) -> tuple[Verdict, ...]:
    """Compare the result with the initial program and with the best given optimizer, and with itself on validation.

    What it has `paid` comes after what it is worth.
    """
    result = findings.rows[-1]
    others = [findings.rows[0]]
    if (base := best_base(findings.rows)) is not None:
        others.append(base)
    found = [against(other, result, table) for other in others]
    found.append(_shrinkage(findings.rows[0], result, table))
    return (*(verdict for verdict in (*found, paid) if verdict), _reading(findings.rows))


def best_base(rows: Sequence[Row]) -> Row | None:
    """Return the best of what the given optimizers found, by validation: choosing by the test set would flatter it."""
    bases = [row for row in rows[1:-1] if row.kind == "optimizer"]
    return max(bases, key=lambda row: row.val.score, default=None)


def against(other: Row, result: Row, table: Table) -> Verdict | None:
    """Compare two rows on the test set; None where a run of an older version kept no evaluations."""
    first, second = table.get(other.test_evaluation), table.get(result.test_evaluation)
    if first is None or second is None:
        return None
    return side_by_side(spoken(other.name), first, spoken(result.name), second)


def side_by_side(
    name: str, first: Evaluation, better: str, second: Evaluation, *, corrected: float | None = None
) -> Verdict:
    """Compare two programs on the same examples, the second against the first.

    Args:
        name: what to call the first.
        first: its evaluation.
        better: what to call the second.
        second: its evaluation.
        corrected: the p-value that counts, where this is one of several tests.
    """
    question = f"Is {better} better than {name} on the test set?"
    try:
        found = compare(first, second)
    except InputError as error:
        return Verdict(question, "That cannot be told.", (str(error),))
    said = p_value(found.p) if corrected is None else f"{p_value(corrected)} after Holm's correction"
    p = found.p if corrected is None else corrected
    return Verdict(question, _answer(found.difference.mean, p, said), tuple(_details(found, name, better)))


def chance(first: Evaluation, second: Evaluation) -> float | None:
    """Return the p-value of a comparison; None where there is none to make."""
    try:
        return compare(first, second).p
    except InputError:
        return None


def steadiness(name: str, first: Evaluation, second: Evaluation) -> Verdict:
    """Tell whether one program scores the same twice: how much of a difference is noise of the model."""
    question = f"Does {name} score the same twice, with another seed?"
    try:
        found = aa_check(first, second)
    except InputError as error:
        return Verdict(question, "That cannot be told.", (str(error),))
    if found.ties:
        return Verdict(question, f"Yes, on all {found.examples} test examples.", (_STEADY,))
    scores = " and ".join(f"{100 * (one.score or 0):.1f} %" for one in (first, second))
    answer = f"No: {len(found.differing)} of {found.examples} test examples come out differently ({scores})."
    return Verdict(question, answer, (_WAVERING,))


def _answer(gap: float, p: float, said: str) -> str:
    size = f"{abs(100 * gap):.1f} points {'higher' if gap > 0 else 'lower'}"
    if gap == 0:
        return "They score the same."
    if p < SIGNIFICANT:
        return f"{'Yes' if gap > 0 else 'No, it is worse'}: {size}, more than chance explains ({said})."
    return f"Not shown: it is {size}, which chance alone makes too often to rule it out ({said})."


def _details(found: Comparison, name: str, better: str) -> list[str]:
    gap, counted = found.difference, found.mcnemar
    said = []
    if counted:
        said.append(
            f"Only {better} has {counted.only_second} examples right, only {name} has {counted.only_first}; on all "
            f"others they agree. McNemar's exact test, two-sided: {p_value(counted.p)}."
        )
    said.append(
        f"Mean difference {_points(gap.mean)} points, 95 % interval {_points(gap.low)} to {_points(gap.high)} "
        f"(paired bootstrap over {gap.pairs} examples, {RESAMPLES:,} draws)."
    )
    return said


def _shrinkage(initial: Row, result: Row, table: Table) -> Verdict | None:
    names = (initial.val_evaluation, result.val_evaluation, initial.test_evaluation, result.test_evaluation)
    found = [table.get(name) for name in names]
    if any(one is None for one in found):
        return None
    val_before, val_after, test_before, test_after = (one for one in found if one is not None)
    question = "How much of the gain on the validation set is left on the test set?"
    try:
        lost = shrinkage(compare(val_before, val_after).difference, compare(test_before, test_after).difference)
    except InputError as error:
        return Verdict(question, "That cannot be told.", (str(error),))
    kept = "There was no gain to keep" if lost.kept is None else f"{100 * lost.kept:.0f} % of it"
    detail = (
        f"Gain on validation {_points(lost.validation)} points, on test {_points(lost.test)}; the gap is "
        f"{_points(-lost.lost)} (95 % interval {_points(-lost.high)} to {_points(-lost.low)}).",
        "The validation set chose the program, so its gain is too high on average. The test set was looked at once.",
    )
    return Verdict(question, f"{kept}.", detail)


def _reading(rows: Sequence[Row]) -> Verdict:
    sizes = [f"{row.scored}" for row in (rows[-1].val, rows[-1].test) if row]
    return Verdict(
        "What do the intervals mean?",
        "A score on a few examples is known only so well.",
        (
            f"Intervals of scores are Wilson's, at 95 %, from {' validation and '.join(sizes)} test examples. They say "
            "what other examples of the same kind could have given, not what another seed or model would give.",
            "Two scores of the same examples are compared in pairs, which tells more than whether intervals overlap.",
        ),
    )


def p_value(p: float) -> str:
    """Write a p-value, which no line may break."""
    return (f"p = {p:.3f}" if p >= 0.001 else "p < 0.001").replace(" ", "\u00a0")


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "\u2212")


def scored(tally: Tally) -> str:
    """Write a score with its interval."""
    if not tally.scored:
        return "unscored"
    low, high = tally.interval
    return f"{100 * tally.score:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
