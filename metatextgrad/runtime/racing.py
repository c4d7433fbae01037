"""Racing: stop scoring a candidate that can no longer beat the incumbent, even if all that is left came out right.

The decision is the one of a whole evaluation, as acceptance is strict; only the calls after it are saved. The examples
that the incumbent has wrong come first: a worse candidate mostly fails there too, and is beaten the sooner. They run in
blocks, each of at least as many examples as must still go wrong before the candidate is beaten. So a block ends at the
same example whatever the concurrency, and wherever a run was killed.
"""

from collections.abc import Sequence
from math import ceil

from metatextgrad.core.identity import Value
from metatextgrad.core.program import Program
from metatextgrad.core.trial import Evaluation, ExampleResult
from metatextgrad.runtime.evaluation import Attempt, Progress, attempt_all, memory_of
from metatextgrad.runtime.resources import Resources

_BLOCK = 8
"""The least examples between two looks at the score; of fewer, calls would wait for one another."""
_ROUNDING = 1e-9


class Stopped(Value):
    """How far a candidate came that could no longer win. It has no score: what was seen of it is not one."""

    done: int
    of: int
    bound: float
    """The score if every example left were right."""
    against: float
    """The incumbent's."""
    calls: int
    """Calls that were saved, at most: those of the examples left, by the program's size."""

    def sentence(self) -> str:
        """Say why it was stopped."""
        return f"stopped after {self.done} of {self.of}: at most {self.bound:.3f} against {self.against:.3f}"


async def race_program(
    resources: Resources, program: Program, incumbent: Evaluation, progress: Progress | None = None
) -> Evaluation | Stopped:
    """Score a program on the validation set, for as long as it can still be strictly better than the incumbent.

    A program scored before is stopped at the same example, so that results do not depend on who came first.

    Raises:
        ProviderError: the provider left more examples unscored than the settings tolerate.
    """
    memory = await memory_of(resources, program, "val")
    known, order = await memory.read(), _order(incumbent)
    examples, attempts, results = resources.task.valset, list[Attempt](), list[ExampleResult]()
    whole, against = len(examples), incumbent.score or 0.0
    while len(results) < whole:
        part = order[len(results) : len(results) + block(results, whole - len(results), against)]
        if known:
            results += [known.results[place] for place in part]
        else:
            chosen = tuple(examples[place] for place in part)
            attempts += await attempt_all(resources, program, chosen, progress, after=attempts, of=whole, traced=False)
            results = [attempt.result for attempt in attempts]
        bound = best_possible(results, whole - len(results))
        if len(results) < whole and bound <= against:
            calls = (whole - len(results)) * program.calls_per_example()
            return Stopped(done=len(results), of=whole, bound=bound, against=against, calls=calls)
    in_place = dict(zip(order, results, strict=True))
    evaluation = known or Evaluation(
        program=program.id, split="val", results=tuple(in_place[place] for place in range(whole))
    )
    await memory.keep(evaluation)
    return evaluation


def _order(incumbent: Evaluation) -> list[int]:
    """Return the places of the examples, those that the incumbent has wrong first."""
    return sorted(range(len(incumbent.results)), key=lambda place: incumbent.results[place].score or 0.0)


def best_possible(results: Sequence[ExampleResult], left: int) -> float:
    """Return the score if every example left were right; it is added up as a score is, so that rounding cannot differ.

    An example left that stays unscored only lowers it: of right ones, one more always raises the mean.
    """
    scores = [result.score for result in results if result.score is not None] + [1.0] * left
    return sum(scores) / len(scores) if scores else 1.0


def block(results: Sequence[ExampleResult], left: int, against: float) -> int:
    """Return how many examples to run before the next look: so many must go wrong to end the race."""
    scores = [result.score for result in results if result.score is not None]
    lost = len(scores) - sum(scores)
    needed = ceil((1 - against) * (len(scores) + left) - lost - _ROUNDING)
    return left if needed > left else min(left, max(needed, _BLOCK))
