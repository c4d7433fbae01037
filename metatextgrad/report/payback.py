"""Whether an optimization pays: what a right answer costs now and cost before, and what the run has cost."""

from collections.abc import Iterator
from dataclasses import dataclass

from metatextgrad.core.comparison import BreakEven, break_even
from metatextgrad.core.program import Program
from metatextgrad.report.views import Verdict
from metatextgrad.runtime.meter import Usage
from metatextgrad.stored import StoredRun

_QUESTION = "When has the run paid for itself?"


@dataclass(frozen=True)
class _Currency:
    """What costs are counted in."""

    unit: str
    each: float
    """What one call of a program costs."""
    spent: float
    """What the run has cost."""
    why: str
    """Where the cost of a call comes from."""

    def write(self, amount: float) -> str:
        if self.unit == "calls":
            return "1 call" if amount == 1 else f"{f'{amount:,.1f}'.removesuffix('.0')} calls"
        return f"{amount:.2g} USD" if amount < 1 else f"{amount:,.2f} USD"


def payback(run: StoredRun, before: Program) -> Verdict | None:
    """Say after how many answers a run has paid for itself; None where it changed nothing or has no result."""
    if run.found is None or run.found.program.id == before.id:
        return None
    first, last = (row.test for row in (run.found.findings.rows[0], run.found.findings.rows[-1]))
    currency = _currency(run)
    if first is None or last is None or not first.scored or not last.scored or currency is None:
        return None
    calls = before.calls_per_example(), run.found.program.calls_per_example()
    costs = [number * currency.each for number in calls]
    found = break_even(currency.spent, before=(costs[0], first.score), after=(costs[1], last.score))
    scores = first.score, last.score
    return Verdict(_QUESTION, _answer(found, scores), tuple(_details(currency, costs, scores)))


def _currency(run: StoredRun) -> _Currency | None:
    """Count in money where every price is known and something was paid, and in calls otherwise."""
    total = Usage()
    for used in run.usage.values():
        total = total.plus(used)
    program = run.usage["program"]
    if not total.calls:
        return None
    if total.usd and not total.unpriced and program.calls:
        each = program.usd / program.calls
        return _Currency("USD", each, total.usd, f"A call of the program cost {each:.2g} USD on average in this run.")
    why = "Simulated calls cost nothing" if run.record.simulated else "Not every price is known"
    return _Currency("calls", 1.0, float(total.calls), f"{why}, so calls are counted in the place of money.")


def _answer(found: BreakEven, scores: tuple[float, float]) -> str:
    if found.examples is not None:
        return f"After {found.examples:,} answers."
    bought = " What it buys is more right answers." if scores[1] > scores[0] else ""
    return f"Never by being cheaper: a right answer costs no less than before.{bought}"


def _details(currency: _Currency, costs: list[float], scores: tuple[float, float]) -> Iterator[str]:
    old, new = (currency.write(cost) for cost in costs)
    said = (
        f"An answer takes at most {new} and is right in {100 * scores[1]:.1f} %; before, it took at most {old} and was "
        f"right in {100 * scores[0]:.1f} %."
    )
    if all(scores):
        once, now = (currency.write(cost / score) for cost, score in zip(costs, scores, strict=True))
        said += f" So a right answer costs {now} instead of {once}."
    yield said
    yield f"The run itself cost {currency.write(currency.spent)}. {currency.why}"
