"""The real GEPA engine as a stage (https://github.com/gepa-ai/gepa): one step of the loop is one short run of it.

GEPA draws parents and minibatches, accepts and keeps its own Pareto front. Programs run through the ledger, and new
texts are asked for by the protocol of `reflection`, so that no reply is adopted that is cut off or loses a placeholder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Annotated, Any

from pydantic import Field

from metatextgrad.core.estimate import up_to
from metatextgrad.core.program import Program
from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example
from metatextgrad.runtime.evaluation import Attempt
from metatextgrad.stages import reflection
from metatextgrad.stages.bridge import Bridge, in_thread
from metatextgrad.stages.grounding import sample_of
from metatextgrad.stages.kind import Cost, NothingToProposeError, Proposing, Settings, Situation, StageKind
from metatextgrad.stages.reflection import Record, records_of, reflected

Texts = dict[str, str]
"""What GEPA calls a candidate: instructions by component."""


class GepaSettings(Settings):
    """Settings of the stages that run GEPA."""

    metric_calls: Annotated[int, Field(ge=1, le=10_000)] = 150
    """GEPA begins no further round after so many runs of a program on an example, those in the ledger included."""
    minibatch: Annotated[int, Field(ge=1, le=50)] = 3
    """Training examples that are reflected on in one round."""
    validation: Annotated[int, Field(ge=1, le=1000)] = 30
    """Validation examples by which GEPA compares programs; the loop scores its result on all of them."""


@dataclass
class Adapter:
    """What GEPA asks of a system that it optimizes."""

    bridge: Bridge
    asked: int = 0
    """How many texts were asked for, which numbers the draws."""

    def evaluate(self, batch: list[Example], candidate: Texts, capture_traces: bool = False) -> Any:
        """Score a candidate; an example without a score counts as 0, since GEPA knows nothing else."""
        program = self.bridge.given.program.with_instructions(candidate)
        attempts = self.bridge.attempts(program, tuple(batch))
        return import_module("gepa").EvaluationBatch(
            outputs=[attempt.result.prediction for attempt in attempts],
            scores=[attempt.result.score or 0.0 for attempt in attempts],
            trajectories=attempts if capture_traces else None,
        )

    def make_reflective_dataset(
        self, candidate: Texts, eval_batch: Any, components_to_update: list[str]
    ) -> dict[str, list[Texts]]:
        """Return what happened, by component."""
        del candidate  # the attempts know what ran
        attempts: Sequence[Attempt] = eval_batch.trajectories
        return {name: [asdict(record) for record in records_of(attempts, name)] for name in components_to_update}

    def propose_new_texts(
        self, candidate: Texts, reflective_dataset: Mapping[str, Sequence[Any]], components_to_update: list[str]
    ) -> Texts:
        """Ask for new instructions; a component that was not called keeps its own."""
        given, texts = self.bridge.given, {}
        parts = given.program.with_instructions(candidate).trainable()
        for name in components_to_update:
            if records := [Record(**record) for record in reflective_dataset.get(name, ())]:
                self.asked += 1
                texts[name] = self._asked(given, parts[name], records, sample_of(given.step, self.asked))
        return texts

    def _asked(self, given: Proposing, part: Any, records: Sequence[Record], sample: int) -> str:
        return self.bridge.wait(lambda: reflected(given, part, records, sample))


class Silent:
    """A logger of GEPA's that says nothing."""

    def log(self, message: str) -> None:
        """Drop a message."""


async def propose(given: Proposing) -> Program:
    """Return the best program that one run of GEPA found."""
    settings = GepaSettings.model_validate(given.stage.settings)
    found = await in_thread(given, lambda bridge: _run(bridge, settings))
    proposed = given.program.with_instructions(found)
    if proposed == given.program:
        raise NothingToProposeError(f"GEPA found nothing better within {settings.metric_calls} metric calls")
    return proposed


def _run(bridge: Bridge, settings: GepaSettings) -> Texts:
    given = bridge.given
    result = import_module("gepa").optimize(
        seed_candidate={name: part.instructions for name, part in given.program.trainable().items()},
        trainset=list(given.resources.task.trainset),
        valset=compared_on(given, settings.validation),
        adapter=Adapter(bridge),
        reflection_minibatch_size=min(settings.minibatch, len(given.resources.task.trainset)),
        max_metric_calls=settings.metric_calls,
        stop_callbacks=[lambda state: bridge.stopped is not None],
        logger=Silent(),
        display_progress_bar=False,
        raise_on_exception=True,
        seed=seed_of(given),
    )
    return dict(result.best_candidate)


def compared_on(given: Proposing, number: int) -> list[Example]:
    """Return the validation examples that a library sees, the same at every step."""
    examples = given.resources.task.valset
    return derive(given.resources.context.seed, "compared").sample(examples, min(number, len(examples)))


def seed_of(given: Proposing) -> int:
    """Return a library's seed at this step; never 0, which some take for none."""
    return derive(given.resources.context.seed, "library", given.stage.kind, given.step).randrange(1, 2**31)


def cost(given: Situation) -> Cost:
    """Count GEPA's budget, which its last round can pass, and a text for each round."""
    settings: GepaSettings = given.settings
    rounds = settings.metric_calls / settings.minibatch
    last = 2 * settings.minibatch + min(settings.validation, given.val)
    return Cost(runs=up_to(settings.metric_calls, settings.metric_calls + last), asked=up_to(rounds / 4, rounds + 1))


KIND = StageKind(
    name="gepa",
    improves="prompts",
    purpose="runs the GEPA library for a while: reflection from programs on its Pareto front",
    instructions=reflection.INSTRUCTIONS,
    needs_gradient=False,
    settings=GepaSettings,
    propose=propose,
    cost=cost,
    extra="gepa",
    package="gepa",
    offered=False,
)
