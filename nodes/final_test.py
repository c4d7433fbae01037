"""The one look at the test set, at the end (design 6)."""

from functools import partial

from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from metatextgrad.core.report import Findings
from metatextgrad.core.trial import Candidate
from metatextgrad.nodes.extract_optimizer import Lineage
from metatextgrad.runtime.artifacts import put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import emit
from metatextgrad.runtime.findings import initial_of, name_of_start, row
from metatextgrad.runtime.resources import resources


class Reads(TypedDict, total=False):
    """What `final_test` reads."""

    lineages: list[Lineage]
    best: Candidate


class Writes(TypedDict):
    """What `final_test` writes."""

    findings: str


async def final_test(state: Reads, runtime: Runtime[Context]) -> Writes:
    """Score the initial program, what each input optimizer found, and the result, on the test set."""
    given = await resources(runtime, state)
    lineages = sorted(state["lineages"], key=lambda item: item["order"])
    best = state["best"]
    start, tell = await initial_of(given, lineages[0]["first"]), partial(emit, runtime)
    rows = [await row(given, name_of_start(given, start), "initial", start, tell)]
    for item in lineages:
        rows.append(await row(given, item["name"], "optimizer", item["first"], tell))
        if item["best"]["id"] != item["first"]["id"]:
            rows.append(await row(given, f"{item['name']} (improved)", "improved", item["best"], tell))
    rows.append(await row(given, "metaTextGrad", "learned", best, tell))
    findings = Findings(
        kind="meta_optimize",
        task=given.task.name,
        simulated=given.ledger.models.simulated,
        rows=tuple(rows),
        program=str(best["program"]),
        optimizer=str(best["id"]),
    )
    return Writes(findings=await put(given.store, findings))
