"""Initialize of the meta-structure optimizer: the best input optimizer, with its known score (paper 3.3.2)."""

from typing_extensions import TypedDict

from metatextgrad.core.trial import Candidate
from metatextgrad.nodes.extract_optimizer import Lineage


class Reads(TypedDict):
    """What `pick_incumbent` reads."""

    lineages: list[Lineage]


class Writes(TypedDict):
    """What `pick_incumbent` writes."""

    best: Candidate
    step: int


def pick_incumbent(state: Reads) -> Writes:
    """Start from the best optimizer of the lineages; of equal ones, the first.

    The paper's text asks for this; its Algorithm 4 starts from nothing (`docs/method.md`).
    """
    best = max(sorted(state["lineages"], key=lambda item: item["order"]), key=lambda item: item["best"]["score"] or 0.0)
    return Writes(best=best["best"], step=1)
