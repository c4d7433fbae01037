"""DSPy's real GEPA as a stage (https://dspy.ai): one step of the loop is one short run of it.

It differs from the stage `gepa` in what DSPy puts around the engine: its traces, its evaluation, and its merging of
programs from two lineages.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from metatextgrad.core.program import Program
from metatextgrad.stages import gepa, reflection
from metatextgrad.stages.bridge import Bridge, in_thread
from metatextgrad.stages.dspy_program import as_examples, as_module, dspy_ready, result_of, threads
from metatextgrad.stages.gepa import GepaSettings, compared_on, seed_of
from metatextgrad.stages.grounding import sample_of
from metatextgrad.stages.kind import NothingToProposeError, Proposing, StageKind
from metatextgrad.stages.reflection import Record, reflected


async def propose(given: Proposing) -> Program:
    """Return the best program that one run of DSPy's GEPA found."""
    settings = GepaSettings.model_validate(given.stage.settings)
    proposed = await in_thread(given, lambda bridge: _run(bridge, settings))
    if proposed == given.program:
        raise NothingToProposeError(f"GEPA found nothing better within {settings.metric_calls} metric calls")
    return proposed


def _run(bridge: Bridge, settings: GepaSettings) -> Program:
    given = bridge.given
    task, program = given.resources.task, given.program
    compared = compared_on(given, settings.validation)
    with dspy_ready(bridge) as dspy:
        module = as_module(dspy, bridge)
        names = dict(zip((name for name, _ in module.named_predictors()), module.calls, strict=True))
        optimizer = dspy.GEPA(
            metric=_metric(dspy),
            max_metric_calls=settings.metric_calls,
            reflection_minibatch_size=min(settings.minibatch, len(task.trainset)),
            instruction_proposer=_Proposer(bridge, names),
            num_threads=threads(bridge),
            seed=seed_of(given),
            gepa_kwargs={"stop_callbacks": [lambda state: bridge.stopped is not None]},
        )
        best = optimizer.compile(
            module,
            trainset=as_examples(dspy, "train", task.trainset, task.trainset, program),
            valset=as_examples(dspy, "val", compared, task.valset, program),
        )
        return result_of(bridge, best)


class _Proposer:
    """Asks for new instructions by the protocol of `reflection`."""

    def __init__(self, bridge: Bridge, names: Mapping[str, str]) -> None:
        self.bridge = bridge
        self.names = names
        """Our names of the components by DSPy's."""
        self.asked = 0

    def __call__(
        self,
        candidate: Mapping[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: Sequence[str],
    ) -> dict[str, str]:
        """Return new instructions by DSPy's name of the component."""
        texts: dict[str, str] = {}
        for name in components_to_update:
            if records := [_record(item) for item in reflective_dataset.get(name, ())]:
                self.asked += 1
                texts[name] = self._asked(self.names[name], candidate[name], records, self.asked)
        return texts

    def _asked(self, name: str, text: str, records: Sequence[Record], number: int) -> str:
        given = self.bridge.given
        part = given.program.trainable()[name].model_copy(update={"instructions": text})
        return self.bridge.wait(lambda: reflected(given, part, records, sample_of(given.step, number)))


def _record(item: Mapping[str, Any]) -> Record:
    """Read one record of DSPy's: what the call read, what it wrote, and what was said."""
    read, wrote = (" ".join(str(text) for text in item[key].values()) for key in ("Inputs", "Generated Outputs"))
    return Record(input=read, output=wrote, answer=wrote, said=str(item["Feedback"]))


def _metric(dspy: Any) -> Any:
    def metric(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
        """Return the score that the program's run has brought along, with what was said about it."""
        del gold, trace, pred_name, pred_trace
        return dspy.Prediction(score=float(pred.score), feedback=pred.feedback)

    return metric


KIND = StageKind(
    name="dspy_gepa",
    improves="prompts",
    purpose="runs DSPy's GEPA for a while: reflection from programs on its Pareto front, and merges of them",
    instructions=reflection.INSTRUCTIONS,
    needs_gradient=False,
    settings=GepaSettings,
    propose=propose,
    cost=gepa.cost,
    extra="dspy",
    package="dspy",
    offered=False,
)
