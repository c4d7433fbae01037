"""Instruction search: MIPROv2 without demonstrations (paper 7.2)."""

from metatextgrad.core.program import Program
from metatextgrad.stages.demonstrations import bootstrapped
from metatextgrad.stages.grounding import instruction_candidates
from metatextgrad.stages.kind import Proposing, StageKind
from metatextgrad.stages.rounds import SearchSettings, Space, cost, searched

INSTRUCTIONS = """You write the instructions of one call in a language model program. Learn from what you are shown how
the call can be made to serve the program better, and propose instructions that do so."""


class InstructionSearchSettings(SearchSettings):
    """Settings of the stage."""


async def propose(given: Proposing) -> Program:
    """Return the best combination of instructions that one more round of the search found."""
    settings = InstructionSearchSettings.model_validate(given.stage.settings)

    async def begin(given: Proposing) -> Space:
        # Demonstrations ground the proposals and are not shown to the program, as in MIPROv2 with 0 of them.
        pool = await bootstrapped(given.resources, given.program, settings.runs, given.step)
        texts = await instruction_candidates(given, pool, settings.candidates, settings.temperature)
        return Space(instructions=texts)

    return await searched(given, settings, begin)


KIND = StageKind(
    name="instruction_search",
    improves="prompts",
    purpose="writes several instructions for each call from a look at the data, and searches for the best combination",
    instructions=INSTRUCTIONS,
    needs_gradient=False,
    settings=InstructionSearchSettings,
    propose=propose,
    cost=cost,
    needs_all_trials=True,
    extra="search",
    package="optuna",
)
