"""Score programs on examples, many at a time in one node (design 3)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from metatextgrad.core.errors import InputError, MetaTextGradError, ProviderError, ReplyError
from metatextgrad.core.identity import content_id
from metatextgrad.core.program import Program
from metatextgrad.core.task import Example, Score, Split, is_judged
from metatextgrad.core.trial import Evaluation, ExampleResult
from metatextgrad.runtime.artifacts import namespace
from metatextgrad.runtime.gathering import gather_in_turns
from metatextgrad.runtime.interpreter import Execution, Interpreter
from metatextgrad.runtime.judging import asking
from metatextgrad.runtime.resources import Resources
from metatextgrad.runtime.wrapping import versions_of
from metatextgrad.tasks.metrics import as_score

Progress = Callable[[int, int], None]
"""Told how many examples are done, of how many."""


@dataclass(frozen=True)
class Attempt:
    """One example under one program: what came out, and what the metric said."""

    example: Example
    result: ExampleResult
    execution: Execution | None
    error: str = ""


Then = Callable[[Attempt], Awaitable[None]]


@dataclass(frozen=True)
class Memory:
    """Where the score of a program on a set is remembered."""

    resources: Resources
    key: str

    async def read(self) -> Evaluation | None:
        """Return the score where the program was scored before."""
        known = await self.resources.store.aget(namespace("evaluated"), self.key)
        return None if known is None else Evaluation.model_validate(known.value)

    async def keep(self, evaluation: Evaluation) -> None:
        """Remember a score of the whole set, unless the provider's failures took part in it."""
        if not evaluation.unscored("provider"):
            value = evaluation.model_dump(mode="json")
            await self.resources.store.aput(namespace("evaluated"), self.key, value, index=False)


async def memory_of(resources: Resources, program: Program, split: Split) -> Memory:
    """Return where a score is remembered: under everything that it depends on."""
    versions = await asyncio.to_thread(versions_of, program, resources.context.builds, resources.ledger.run)
    return Memory(resources, content_id([program.id, resources.task.id, split, _settings(resources), *versions]))


async def evaluate_program(
    resources: Resources, program: Program, split: Split, progress: Progress | None = None
) -> Evaluation:
    """Score a program on a whole set; a program scored before is not scored again.

    Raises:
        ProviderError: the provider left more examples unscored than the settings tolerate.
    """
    memory = await memory_of(resources, program, split)
    if (known := await memory.read()) is not None:
        return known
    attempts = await attempt_all(resources, program, resources.task.split(split), progress, traced=False)
    evaluation = Evaluation(program=program.id, split=split, results=tuple(attempt.result for attempt in attempts))
    await memory.keep(evaluation)
    return evaluation


async def attempt_all(
    resources: Resources,
    program: Program,
    examples: tuple[Example, ...],
    progress: Progress | None = None,
    *,
    after: Sequence[Attempt] = (),
    of: int = 0,
    then: Then | None = None,
    traced: bool = True,
) -> list[Attempt]:
    """Run a program on examples, a bounded number in flight, in order of the examples.

    Once the provider has failed more of them than the settings tolerate, no further one is started. Where the examples
    are a part of a set, `after` are the attempts at those before them, and `of` is the size of the set. `then` is done
    with each attempt, while others are still under way. Without `traced` no execution is kept, which takes most of the
    memory.

    Raises:
        ProviderError: so many failed; says how many, and after how many requests.
    """
    interpreter = Interpreter(resources.ledger, resources.context)
    whole = of or len(examples)
    tolerated = int(resources.context.unscored_share * whole)
    done = len(after)
    failed = [attempt for attempt in after if attempt.result.failure == "provider"]

    async def one(example: Example) -> Attempt | None:
        nonlocal done
        if len(failed) > tolerated:
            return None
        attempt = await _attempt(resources, interpreter, program, example)
        done += 1
        if attempt.result.failure == "provider":
            failed.append(attempt)
        if progress:
            progress(done, whole)
        if then:
            await then(attempt)
        return attempt if traced else replace(attempt, execution=None)

    found = await gather_in_turns(one, examples, min(len(examples), resources.ledger.turns))
    if len(failed) > tolerated:
        raise _given_up(failed, whole - done, whole, resources.ledger.models.requests)
    return [attempt for attempt in found if attempt]


def _given_up(failed: list[Attempt], left: int, of: int, requests: int) -> ProviderError:
    counted = f" ({requests} requests so far)" if requests else ""
    return ProviderError(
        f"The provider failed on {len(failed)} of {of} examples{counted}, more than `unscored_share` tolerates; "
        f"{left} were not started. {failed[0].error}"
    )


async def _attempt(resources: Resources, interpreter: Interpreter, program: Program, example: Example) -> Attempt:
    try:
        execution = await interpreter.run(program, example.values())
        score = await _scored(resources, execution, example)
    except ProviderError as error:
        return Attempt(example, _unscored(example, "provider", str(error)), None, str(error))
    except ReplyError as error:
        return Attempt(example, _unscored(example, "reply", str(error)), None, str(error))
    result = ExampleResult(
        example=example.id,
        prediction=execution.answer,
        score=score.value,
        feedback=score.feedback,
        failure="" if score.value is not None else "metric",
    )
    return Attempt(example, result, execution)


async def _scored(resources: Resources, execution: Execution, example: Example) -> Score:
    """Score an answer; a judge whose reply cannot be used, not even the second one, leaves it unscored.

    An agent that failed on its own is wrong, and why is what the textual gradient starts from.
    """
    if execution.error:
        return Score(value=0.0, feedback=f"There is no answer, because the agent failed: {execution.error}")
    metric, prediction = resources.task.metric, execution.answer
    if not is_judged(metric):
        return verdict(resources, prediction, example)
    try:
        said = await metric.judge(prediction, example, asking(resources.ledger))
        return as_score(said, _metric_name(resources))
    except ReplyError as error:
        return Score.unscored(f"the judge gave no verdict: {error}")
    except MetaTextGradError:
        raise
    except Exception as error:
        raise _broken(resources, example, error) from error


def verdict(resources: Resources, prediction: str, example: Example) -> Score:
    """Return what the metric says about one prediction.

    Raises:
        InputError: the metric itself failed, or returned what is no score.
    """
    try:
        return as_score(resources.task.metric(prediction, example), _metric_name(resources))
    except Exception as error:
        raise _broken(resources, example, error) from error


def _metric_name(resources: Resources) -> str:
    task = resources.task
    return task.metric_name or getattr(task.metric, "__name__", type(task.metric).__name__)


def _broken(resources: Resources, example: Example, error: Exception) -> InputError:
    return InputError(
        f"Metric {_metric_name(resources)!r} raised {type(error).__name__} on example {example.id!r}: {error}. "
        "Mend it and start anew: what was answered is kept, and not paid for twice."
    )


def _unscored(example: Example, failure: str, reason: str) -> ExampleResult:
    return ExampleResult.model_validate(
        {"example": example.id, "prediction": "", "score": None, "feedback": reason, "failure": failure}
    )


def _settings(resources: Resources) -> list[object]:
    """Return the settings that a score depends on."""
    context, models = resources.context, resources.ledger.models
    judges = is_judged(resources.task.metric)
    return [
        models.identity("program"),
        context.program_temperature,
        context.sample_temperature,
        context.max_tokens,
        context.seed,
        *([models.identity("judge")] if judges else []),
    ]
