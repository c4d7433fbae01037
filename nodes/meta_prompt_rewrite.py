"""Propose() of the meta-prompt optimizer: rewrite the incumbent's instructions (paper 3.3.1, Algorithm 3)."""

from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.identity import Value
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example
from metatextgrad.core.trial import Candidate, candidate
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.events import emit, proposal_of
from metatextgrad.runtime.prompts import META_PROMPT, section
from metatextgrad.runtime.resources import Resources, resources
from metatextgrad.runtime.structured import ask_for
from metatextgrad.stages import kind_of
from metatextgrad.stages.textual_gradient import accepted_text


class Reads(TypedDict, total=False):
    """What `meta_prompt_rewrite` reads."""

    best: Candidate
    lineage: str
    step: int


class Writes(TypedDict):
    """What `meta_prompt_rewrite` writes."""

    optimizer: str
    path: str
    candidates: list[Candidate]


class Improved(Value):
    """The form of the reply."""

    improved_instructions: str


async def meta_prompt_rewrite(state: Reads, runtime: Runtime[Context]) -> Writes:
    """Propose the incumbent with the instructions of one stage rewritten; nothing else of it changes.

    The model sees the optimizer, the question type, training examples (one, as in the paper) and the current
    instructions; no score and no failed proposal, as in the paper. With several stages they take turns.
    """
    given = await resources(runtime, state)
    incumbent = await get(given.store, Optimizer, str(state["best"]["id"]))
    step, lineage = state["step"], state.get("lineage", "")
    position = (step - 1) % len(incumbent.stages())
    try:
        text = await _rewritten(given, incumbent, position, lineage, step)
        proposal = candidate(
            await put(given.store, incumbent.with_instructions({position: text})), "meta_prompt_rewrite"
        )
    except ReplyError as error:
        proposal = candidate(None, "meta_prompt_rewrite", "invalid", str(error))
    emit(runtime, proposal_of(proposal, "optimizer", lineage, step))
    return Writes(optimizer=proposal["id"] or "", path=f"{lineage}/{step}", candidates=[proposal])


async def _rewritten(given: Resources, incumbent: Optimizer, position: int, lineage: str, step: int) -> str:
    stage = incumbent.stages()[position]
    context = given.context
    drawn = derive(context.seed, "meta", lineage, step).sample(
        given.task.trainset, min(context.meta_examples, len(given.task.trainset))
    )
    messages = META_PROMPT.messages(
        optimizer=incumbent.model_dump_json(indent=1, exclude={"format"}),
        question_type=given.task.question_type,
        examples="\n".join(shown(example) for example in drawn),
        instructions=stage.instructions,
        improves=kind_of(stage).improves,
    )

    def used(reply: Improved) -> str:
        return accepted_text(stage.instructions, reply.improved_instructions)

    return await ask_for(Improved, used, given.ledger, "meta", messages, context.meta_temperature, step)


def shown(example: Example) -> str:
    """Write a training example as a section."""
    return section("EXAMPLE", f"{section('QUESTION', example.input)}\n{section('ANSWER', example.target)}")
