"""ExtractOptimizedOptimizer(): the result of a meta loop (paper Algorithm 2)."""

from typing_extensions import TypedDict

from metatextgrad.core.trial import Candidate


class Lineage(TypedDict):
    """What became of one input optimizer; small and JSON-plain, as channels hold it."""

    name: str
    order: int
    """Its place among the input optimizers."""
    first: Candidate
    """The optimizer as it was given."""
    best: Candidate
    """The optimizer with its instructions improved, or as it was."""
    trial: str


class Reads(TypedDict, total=False):
    """What `extract_optimizer` reads."""

    lineage: str
    order: int
    first: Candidate
    best: Candidate
    last_trial: str


class Writes(TypedDict):
    """What `extract_optimizer` writes."""

    lineages: list[Lineage]


def extract_optimizer(state: Reads) -> Writes:
    """Report the incumbent optimizer beside the one it came from."""
    lineage = Lineage(
        name=state.get("lineage") or state["first"]["stage"],
        order=state.get("order", 0),
        first=state["first"],
        best=state["best"],
        trial=state["last_trial"],
    )
    return Writes(lineages=[lineage])
