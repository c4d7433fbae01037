"""Rows of a result table: a program's score on the validation and test sets."""

from typing import Literal

from metatextgrad.core.program import Program
from metatextgrad.core.report import Row, tally
from metatextgrad.core.trial import Candidate, Evaluation, Trial
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.evaluation import evaluate_program
from metatextgrad.runtime.events import Event, Tell
from metatextgrad.runtime.resources import Resources


async def initial_of(given: Resources, found: Candidate) -> Candidate:
    """Return the initial program with its score, from the start of the inner loop that scored an optimizer."""
    newest = found["trial"]
    assert newest, "an optimizer that was scored has trials"
    trial = await get(given.store, Trial, newest)
    while trial.previous:
        trial = await get(given.store, Trial, trial.previous)
    return trial.candidates[0]


async def row(
    given: Resources, name: str, kind: Literal["initial", "optimizer", "improved", "learned"], item: Candidate
) -> Row:
    """Score the program behind a candidate on the test set and set it beside its validation score."""
    program = await get(given.store, Program, str(item["program"] or item["id"]))
    val = await get(given.store, Evaluation, str(item["evaluation"]))
    test = await evaluate_program(given, program, "test")
    return Row(
        name=name,
        kind=kind,
        optimizer=item["id"] if item["program"] else None,
        program=program.id,
        val=tally(val),
        test=tally(test),
        val_evaluation=val.id,
        test_evaluation=await put(given.store, test),
    )


def tell_of(tell: Tell, found: Row) -> None:
    """Tell a row's score on the test set."""
    if found.test:
        done, unscored = found.test.scored, found.test.unscored
        tell(
            Event(
                type="test",
                stage=found.name,
                candidate=found.program,
                score=found.test.score,
                done=done,
                of=done + unscored,
            )
        )
