"""Propose() of the meta-structure optimizer: merge the given optimizers into one (paper 3.3.2, Algorithm 4).

Not to be confused with GEPA's merge, which crosses two candidate programs.
"""

from collections.abc import Mapping
from typing import Annotated

from langgraph.runtime import Runtime
from pydantic import Field, ValidationError
from typing_extensions import TypedDict

from metatextgrad.core.errors import InputError, ReplyError
from metatextgrad.core.identity import Value
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.trial import Candidate, candidate
from metatextgrad.nodes.extract_optimizer import Lineage
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import emit, proposal_of
from metatextgrad.runtime.prompts import MERGE, section
from metatextgrad.runtime.resources import Resources, resources
from metatextgrad.runtime.structured import ask_for, first_problem
from metatextgrad.stages import KINDS, checked
from metatextgrad.stages.limits import OPTIMIZER_LIMITS, checked_schedule

_DEEPEST = 2 * OPTIMIZER_LIMITS.nesting + 1
"""Levels of JSON: a combinator is one and its list of parts another, and a stage's settings are the last."""


class Reads(TypedDict, total=False):
    """What `structure_merge` reads."""

    lineages: list[Lineage]
    best: Candidate
    step: int


class Writes(TypedDict):
    """What `structure_merge` writes."""

    optimizer: str
    path: str
    candidates: list[Candidate]


class Merged(Value):
    """The form of the reply; `use` in its schedule stands for a given optimizer."""

    name: Annotated[str, Field(max_length=80)]
    purpose: Annotated[str, Field(max_length=1000)]
    schedule: dict[str, object]


async def structure_merge(state: Reads, runtime: Runtime[Context]) -> Writes:
    """Propose one optimizer made of the given ones; the model sees each with its purpose, and the incumbent."""
    given = await resources(runtime, state)
    step = state["step"]
    try:
        merged = await _merged(given, state)
        proposal = candidate(await put(given.store, merged), "structure_merge")
    except ReplyError as error:
        proposal = candidate(None, "structure_merge", "invalid", str(error))
    emit(runtime, proposal_of(proposal, "optimizer", "merge", step))
    return Writes(optimizer=proposal["id"] or "", path=f"merge/{step}", candidates=[proposal])


async def _merged(given: Resources, state: Reads) -> Optimizer:
    lineages = sorted(state["lineages"], key=lambda item: item["order"])
    references = {item["name"]: await get(given.store, Optimizer, str(item["best"]["id"])) for item in lineages}
    best = await get(given.store, Optimizer, str(state["best"]["id"]))
    context = given.context
    messages = MERGE.messages(
        references="\n".join(_shown(name, references[name]) for name in references),
        incumbent=section(
            "INCUMBENT", best.model_dump_json(indent=1, exclude={"format"}), score=f"{state['best']['score']:.3f}"
        ),
        steps=str(context.steps),
        limits=OPTIMIZER_LIMITS.sentence(),
        kinds="; ".join(f"{kind.name} ({kind.purpose})" for kind in KINDS.values() if kind.offered),
    )

    def used(reply: Merged) -> Optimizer:
        return optimizer_from(reply, references)

    # The prompt stays the same until a merge is accepted, so the step is the sample index: each step is a new draw.
    return await ask_for(Merged, used, given.ledger, "meta", messages, context.meta_temperature, state["step"])


def _shown(name: str, optimizer: Optimizer) -> str:
    text = optimizer.model_dump_json(indent=1, exclude={"format"})
    return section("OPTIMIZER", text, name=name, purpose=optimizer.purpose)


def optimizer_from(reply: Merged, references: Mapping[str, Optimizer]) -> Optimizer:
    """Put the given optimizers in the place of each `use` and check the whole.

    Raises:
        ReplyError: it is not a schedule, is larger than the limits, or has an unknown optimizer, kind or setting.
    """
    written = _with_references(reply.schedule, references, _DEEPEST)
    try:
        whole = Optimizer.model_validate({"name": reply.name, "purpose": reply.purpose, "schedule": written})
    except ValidationError as error:
        raise ReplyError(first_problem(error)) from None
    checked_schedule(whole.schedule)
    try:
        return checked(whole)
    except InputError as error:
        raise ReplyError(str(error)) from None


def _with_references(value: object, references: Mapping[str, Optimizer], levels: int) -> object:
    if levels < 0:
        raise ReplyError(f"the schedule is nested more than {OPTIMIZER_LIMITS.nesting} levels deep")
    if isinstance(value, list):
        return [_with_references(item, references, levels - 1) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("op") == "use":
        name = value.get("optimizer")
        if not isinstance(name, str) or name not in references:
            raise ReplyError(f"the schedule uses {name!r}; the given optimizers are {', '.join(references)}")
        return references[name].schedule.model_dump(mode="json")
    return {key: _with_references(item, references, levels - 1) for key, item in value.items()}
