"""DSPy's real MIPROv2 as a stage (https://dspy.ai): one step of the loop is one short run of it."""

from typing import Annotated, Any

from pydantic import Field

from metatextgrad.core.estimate import up_to
from metatextgrad.core.program import Program
from metatextgrad.stages import instruction_search
from metatextgrad.stages.bridge import Bridge, in_thread
from metatextgrad.stages.dspy_program import as_examples, as_module, dspy_ready, result_of, threads
from metatextgrad.stages.gepa import compared_on, seed_of
from metatextgrad.stages.kind import Cost, NothingToProposeError, Proposing, Settings, Situation, StageKind

Shown = Annotated[int, Field(ge=0, le=16)]
_SUMMARY = 11
"""Calls that MIPROv2 makes at the most to describe the data."""
_PROPOSAL = 3
"""Calls that it makes for each proposal: what the program does, what the component does, and the proposal."""


class DspyMiproSettings(Settings):
    """Settings of the stage."""

    candidates: Annotated[int, Field(ge=2, le=20)] = 6
    """Instructions, and sets of demonstrations, for each component."""
    trials: Annotated[int, Field(ge=1, le=100)] = 10
    """Combinations that are tried on minibatches."""
    minibatch: Annotated[int, Field(ge=1, le=1000)] = 25
    """Validation examples in one trial."""
    validation: Annotated[int, Field(ge=1, le=1000)] = 50
    """Validation examples by which MIPROv2 compares programs; the loop scores its result on all of them."""
    bootstrapped: Shown = 4
    """Demonstrations in a set, at the most, that come from runs of the program (DSPy's 4)."""
    labelled: Shown = 4
    """Up to so many a set is filled with training examples and their answers (DSPy's 4)."""


async def propose(given: Proposing) -> Program:
    """Return the best program that one run of MIPROv2 found."""
    settings = DspyMiproSettings.model_validate(given.stage.settings)
    if len(given.program.callers()) > 1:
        # An answer to the whole question is no worked example of a call that does a part of it.
        settings = settings.model_copy(update={"labelled": 0})
    proposed = await in_thread(given, lambda bridge: _run(bridge, settings))
    if proposed == given.program:
        raise NothingToProposeError("MIPROv2 found nothing better than the program that it began with")
    return proposed


def _run(bridge: Bridge, settings: DspyMiproSettings) -> Program:
    given = bridge.given
    task, program = given.resources.task, given.program
    compared = compared_on(given, settings.validation)
    with dspy_ready(bridge) as dspy:
        optimizer = dspy.MIPROv2(
            metric=_score,
            metric_threshold=1.0,
            max_bootstrapped_demos=settings.bootstrapped,
            max_labeled_demos=settings.labelled,
            auto=None,
            num_candidates=settings.candidates,
            num_threads=threads(bridge),
            seed=seed_of(given),
        )
        best = optimizer.compile(
            as_module(dspy, bridge),
            trainset=as_examples(dspy, "train", task.trainset, task.trainset, program),
            valset=as_examples(dspy, "val", compared, task.valset, program),
            num_trials=settings.trials,
            minibatch_size=min(settings.minibatch, len(compared)),
        )
        return result_of(bridge, best)


def _score(example: Any, prediction: Any, trace: Any = None) -> float:
    """Return the score that the program's run has brought along."""
    del example, trace
    return float(prediction.score)


def cost(given: Situation) -> Cost:
    """Count MIPROv2's bootstrapping, its trials and full evaluations, and its proposals."""
    settings: DspyMiproSettings = given.settings
    trials, whole = settings.trials, min(settings.validation, given.val)
    search = trials * min(settings.minibatch, whole) + (trials // 5 + 2) * whole
    proposals = settings.candidates * _PROPOSAL
    return Cost(
        runs=up_to(search + 4 * settings.candidates, search + (settings.candidates - 1) * given.train),
        asked=up_to(_SUMMARY / 2 + proposals * given.texts.likely, _SUMMARY + proposals * given.texts.high),
    )


KIND = StageKind(
    name="dspy_mipro",
    improves="prompts and demonstrations",
    purpose="runs DSPy's MIPROv2 for a while: a search over instructions and worked examples",
    instructions=instruction_search.INSTRUCTIONS,
    needs_gradient=False,
    settings=DspyMiproSettings,
    propose=propose,
    cost=cost,
    extra="dspy",
    package="dspy",
    offered=False,
)
