"""JSON documents of results: the same run gives the same document, whenever and wherever it was carried out."""

from typing import Any

from metatextgrad.core.report import Findings, Row, Tally
from metatextgrad.runtime.meter import Level, Usage
from metatextgrad.stored import Branch, Found, Turn
from metatextgrad.wording import NOTICE

Document = dict[str, Any]


def result_document(run: str, found: Found, usage: dict[Level, Usage]) -> Document:
    """Describe what a run found."""
    return {
        "run": run,
        "task": found.findings.task,
        "kind": found.findings.kind,
        **simulation(found.findings.simulated),
        "rows": rows_document(found.findings),
        "optimizer": found.optimizer.model_dump(mode="json"),
        "program": found.program.model_dump(mode="json"),
        "usage": usage_document(usage),
    }


def simulation(simulated: bool) -> Document:
    """Mark what was made with simulated models."""
    return {"simulated": True, "notice": NOTICE} if simulated else {"simulated": False}


def rows_document(findings: Findings) -> list[Document]:
    """Describe the table."""
    return [_row(row) for row in findings.rows]


def _row(row: Row) -> Document:
    return {
        "name": row.name,
        "kind": row.kind,
        "validation": tally_document(row.val),
        "test": tally_document(row.test) if row.test else None,
        "program": row.program,
        "optimizer": row.optimizer,
    }


def tally_document(tally: Tally) -> Document:
    """Describe a score with its interval; a score of nothing is null and not zero."""
    low, high = tally.interval
    return {
        "score": tally.score if tally.scored else None,
        "low": low,
        "high": high,
        "n": tally.scored,
        "unscored": tally.unscored,
    }


def usage_document(usage: dict[Level, Usage]) -> Document:
    """Describe what was used, by level and in all; a price that is not known is null."""
    total = sum_of(usage)
    return {**{level: _usage(used) for level, used in usage.items()}, "total": _usage(total)}


def sum_of(usage: dict[Level, Usage]) -> Usage:
    """Add up the levels."""
    total = Usage()
    for used in usage.values():
        total = total.plus(used)
    return total


def _usage(used: Usage) -> Document:
    return {
        "calls": used.calls,
        "input_tokens": used.input_tokens,
        "output_tokens": used.output_tokens,
        "usd": None if used.unpriced else round(used.usd, 6),
        "calls_without_price": used.unpriced,
    }


def branch_document(branch: Branch) -> Document:
    """Describe the turns of a loop."""
    return {"name": branch.name, "turns": [_turn(turn) for turn in branch.turns]}


def _turn(turn: Turn) -> Document:
    document = turn.trial.model_dump(mode="json", exclude={"previous"})
    return {**document, "inner": [_turn(inner) for inner in turn.inner]} if turn.inner else document
