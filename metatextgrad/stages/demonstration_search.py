"""Demonstration search: MIPROv2, with worked examples beside the instructions (paper 7.2)."""

from typing import Annotated

from pydantic import Field

from metatextgrad.core.program import Llm, Program
from metatextgrad.core.randomness import derive
from metatextgrad.stages.demonstrations import Pool, Shown, bootstrapped, drawn_set
from metatextgrad.stages.grounding import instruction_candidates
from metatextgrad.stages.kind import Proposing, StageKind
from metatextgrad.stages.rounds import SearchSettings, Space, cost, searched, sets_of

INSTRUCTIONS = """You write the instructions of one call in a language model program; worked examples may be shown to
the call beside them. Learn from what you are shown how the call can be made to serve the program better, and propose
instructions that do so."""

Examples = Annotated[int, Field(ge=0, le=16)]


class DemonstrationSearchSettings(SearchSettings):
    """Settings of the stage."""

    runs: Annotated[int, Field(ge=1, le=100)] = 24
    """Training examples that the program is run on to find demonstrations."""
    sets: Annotated[int, Field(ge=1, le=20)] = 4
    """Sets of demonstrations to choose from for each component, the present one among them."""
    bootstrapped: Examples = 8
    """Demonstrations in a set, at the most, that come from runs of the program."""
    labelled: Examples = 8
    """Up to so many a set is filled with training examples and their answers, in programs of a single call."""


async def propose(given: Proposing) -> Program:
    """Return the best combination of instructions and demonstrations that one more round of the search found."""
    settings = DemonstrationSearchSettings.model_validate(given.stage.settings)

    async def begin(given: Proposing) -> Space:
        labelled = settings.labelled > 0
        pool = await bootstrapped(given.resources, given.program, settings.runs, given.step, labelled=labelled)
        texts = await instruction_candidates(given, pool, settings.candidates, settings.temperature)
        present = {
            part.name: part.demonstrations for part in given.program.trainable().values() if isinstance(part, Llm)
        }
        drawn = [_drawn(given, settings, pool, tuple(present), place) for place in range(1, settings.sets)]
        return Space(instructions=texts, demonstrations=sets_of(tuple(present), [present, *drawn]))

    return await searched(given, settings, begin)


def _drawn(
    given: Proposing, settings: DemonstrationSearchSettings, pool: Pool, components: tuple[str, ...], place: int
) -> Shown:
    """Draw one set as MIPROv2 does: the first of labelled examples alone, the second full, the others of any size."""
    rng = derive(given.resources.context.seed, "set", given.step, place)
    most = settings.bootstrapped
    if place == 1 and pool.labelled:
        most = 0
    elif place > 2 and most > 1:
        most = rng.randint(1, most)
    return drawn_set(pool, components, most, settings.labelled, rng)


KIND = StageKind(
    name="demonstration_search",
    improves="prompts and demonstrations",
    purpose="collects worked examples from what the program got right, and searches for the best combination of them "
    "with several instructions for each call",
    instructions=INSTRUCTIONS,
    needs_gradient=False,
    settings=DemonstrationSearchSettings,
    propose=propose,
    cost=cost,
    needs_all_trials=True,
    extra="search",
    package="optuna",
)
