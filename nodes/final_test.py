"""The one look at the test set, at the end (design 6)."""

from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from metatextgrad.core.program import Program
from metatextgrad.core.report import Findings, Row, tally
from metatextgrad.core.trial import Candidate, Evaluation, Trial
from metatextgrad.nodes.extract_optimizer import Lineage
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.evaluation import evaluate_program
from metatextgrad.runtime.events import Event, emit
from metatextgrad.runtime.resources import Resources, resources


class Reads(TypedDict, total=False):
    """What `final_test` reads."""

    lineages: list[Lineage]
    best: Candidate


class Writes(TypedDict):
    """What `final_test` writes."""

    findings: str


async def final_test(state: Reads, runtime: Runtime[Context]) -> Writes:
    """Score the initial program, what each input optimizer found, and the result, on the test set."""
    given = await resources(runtime)
    lineages = sorted(state["lineages"], key=lambda item: item["order"])
    best = state["best"]
    initial = await _initial(given, lineages[0]["first"])
    rows = [await _row(given, runtime, "zero-shot", "initial", initial)]
    for item in lineages:
        rows.append(await _row(given, runtime, item["name"], "optimizer", item["first"]))
        if item["best"]["id"] != item["first"]["id"]:
            rows.append(await _row(given, runtime, f"{item['name']} (improved)", "improved", item["best"]))
    rows.append(await _row(given, runtime, "metaTextGrad", "learned", best))
    findings = Findings(
        kind="meta_optimize",
        task=given.task.name,
        simulated=given.ledger.models.simulated,
        rows=tuple(rows),
        program=str(best["program"]),
        optimizer=str(best["id"]),
    )
    return Writes(findings=await put(given.store, findings))


async def _initial(given: Resources, first: Candidate) -> Candidate:
    """Find the initial program's own score at the start of a lineage's first inner loop."""
    newest: str | None = first["trial"]
    while newest:
        trial = await get(given.store, Trial, newest)
        newest = trial.previous
    return trial.candidates[0]


async def _row(given: Resources, runtime: Runtime[Context], name: str, kind: str, item: Candidate) -> Row:
    program = await get(given.store, Program, str(item["program"] or item["id"]))
    val = await get(given.store, Evaluation, str(item["evaluation"]))
    test = await evaluate_program(given, program, "test")
    emit(runtime, Event(type="test", stage=name, score=test.score, done=test.scored, of=len(test.results)))
    return Row.model_validate(
        {
            "name": name,
            "kind": kind,
            "optimizer": item["id"] if item["program"] else None,
            "program": program.id,
            "val": tally(val),
            "test": tally(test),
        }
    )
