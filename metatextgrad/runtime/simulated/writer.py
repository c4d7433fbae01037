"""The optimizer and meta levels: models that write about prompts, programs and optimizers.

What they are asked for they read from the keys of the JSON object that the prompt wants, never from who asks. Both
levels can do the same things; the meta level is the more careful of the two.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from langchain_core.messages import BaseMessage

from metatextgrad.core.randomness import derive
from metatextgrad.runtime.simulated.base import NOT_COVERED, SimulatedModel
from metatextgrad.runtime.simulated.criticism import criticise
from metatextgrad.runtime.simulated.focus import Author
from metatextgrad.runtime.simulated.grounding import describe, describe_program, ground
from metatextgrad.runtime.simulated.guidance import guide
from metatextgrad.runtime.simulated.merging import merge
from metatextgrad.runtime.simulated.questions import kind_of_text
from metatextgrad.runtime.simulated.redesign import redesign
from metatextgrad.runtime.simulated.rewriting import rewrite
from metatextgrad.runtime.simulated.sections import Request, request_in

Answer = dict[str, object]

WRITERS: Mapping[str, Callable[[Request, Author], Answer]] = {
    "reads": criticise,
    "improved_text": rewrite,
    "summary": describe,
    "observations": describe,
    "program_description": describe_program,
    "module_description": describe_program,
    "proposed_text": ground,
    "proposed_instruction": ground,
    "components": redesign,
    "improved_instructions": guide,
}
"""Who answers a request, by a key that its JSON object must have."""


class SimulatedWriter(SimulatedModel):
    """A model that criticises, rewrites and designs for two tasks."""

    noise: ClassVar[float]
    """How often it says something beside the point when nothing in its instructions keeps it to the task."""

    def reply(self, messages: Sequence[BaseMessage], draw: str, temperature: float) -> str:
        """Answer one request with a JSON object, or say that it is not covered."""
        del temperature  # the base has turned it into the presence of a draw
        request = request_in(messages)
        rng = derive(0, draw, *(message.text for message in messages))
        if "schedule" in request.keys:
            return json.dumps(merge(request, rng))
        writer = next((WRITERS[key] for key in sorted(request.keys) if key in WRITERS), None)
        kind = kind_of_text(request.user)
        if writer is None or kind is None:
            return NOT_COVERED
        author = Author.reading(kind, request.system, self.noise, rng)
        return json.dumps(writer(request, author), ensure_ascii=False)


class SimulatedOptimizerModel(SimulatedWriter):
    """The model that writes gradients and candidates."""

    noise = 0.4


class SimulatedMetaModel(SimulatedWriter):
    """The model that improves optimizers."""

    noise = 0.2
