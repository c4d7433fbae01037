"""Rows of a result table: a program's score on the validation and test sets."""

from typing import Literal

from metatextgrad.core.program import Program
from metatextgrad.core.report import Row, Tally, tally
from metatextgrad.core.trial import Candidate, Evaluation, Trial
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.evaluation import Progress, evaluate_program
from metatextgrad.runtime.events import TEST, Event, Tell
from metatextgrad.runtime.resources import Resources


async def initial_of(given: Resources, found: Candidate) -> Candidate:
    """Return the initial program with its score, from the start of the inner loop that scored an optimizer."""
    newest = found["trial"]
    assert newest, "an optimizer that was scored has trials"
    trial = await get(given.store, Trial, newest)
    while trial.previous:
        trial = await get(given.store, Trial, trial.previous)
    return trial.candidates[0]


def name_of_start(given: Resources, start: Candidate) -> str:
    """Call the program that a run started from what it is: the task's own is zero-shot, another one was chosen."""
    return "zero-shot" if start["id"] == given.task.program.id else "start program"


async def row(
    given: Resources,
    name: str,
    kind: Literal["initial", "optimizer", "improved", "learned"],
    item: Candidate,
    tell: Tell,
) -> Row:
    """Score the program behind a candidate on the test set and set it beside its validation score."""
    program = await get(given.store, Program, str(item["program"] or item["id"]))
    val = await get(given.store, Evaluation, str(item["evaluation"]))
    test = await evaluate_program(given, program, "test", _progress(name, tell))
    found = Row(
        name=name,
        kind=kind,
        optimizer=item["id"] if item["program"] else None,
        program=program.id,
        val=tally(val),
        test=tally(test),
        val_evaluation=val.id,
        test_evaluation=await put(given.store, test),
    )
    tell(_tested(found, tally(test)))
    return found


def _progress(name: str, tell: Tell) -> Progress:
    def told(done: int, of: int) -> None:
        if done == of or done % 10 == 0:
            tell(Event(type="evaluating", path=TEST, stage=name, done=done, of=of))

    return told


def _tested(found: Row, test: Tally) -> Event:
    return Event(
        type="test",
        stage=found.name,
        candidate=found.program,
        score=test.score,
        done=test.scored,
        of=test.scored + test.unscored,
    )
