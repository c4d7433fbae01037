"""Rounds of a search over combinations of instructions and demonstrations, as MIPROv2 searches (paper 7.2).

One step of the loop is one round: some trials on minibatches of the validation set; then the combination that is best
on average, and was never scored on the whole set, is proposed. The node `evaluate` scores it, and the next round learns
from that too. A search goes on for as long as the loop's program is one of its own, and begins anew from any other.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import import_module
from math import prod
from statistics import fmean
from typing import Annotated

from pydantic import Field

from metatextgrad.core.estimate import up_to
from metatextgrad.core.identity import Content, Value, content_id
from metatextgrad.core.program import Demonstration, Program
from metatextgrad.core.randomness import derive
from metatextgrad.core.trial import Candidate, Trial
from metatextgrad.runtime.artifacts import get, namespace, put
from metatextgrad.runtime.evaluation import attempt_all, evaluate_program
from metatextgrad.runtime.resources import Resources
from metatextgrad.stages.kind import Cost, NothingToProposeError, Proposing, Settings, Situation
from metatextgrad.stages.tpe import Combination, Point, suggested

Some = Annotated[int, Field(ge=1, le=100)]


class SearchSettings(Settings):
    """Settings of both searches."""

    candidates: Annotated[int, Field(ge=1, le=20)] = 6
    """Instructions to choose from for each component, the present ones among them (6: MIPROv2's `light`)."""
    trials: Annotated[int, Field(ge=1, le=50)] = 5
    """Combinations tried in one step; MIPROv2 scores one on the whole validation set after so many."""
    minibatch: Some = 25
    """Validation examples in one trial (MIPROv2's 35 would be a third of the paper's validation set)."""
    runs: Some = 12
    """Training examples that the program is run on to find demonstrations."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    """Of the calls that write instructions; MIPROv2's, so that proposals differ."""


class Space(Content):
    """What can be combined, by component; the first choice is always what the program has."""

    instructions: dict[str, tuple[str, ...]]
    demonstrations: dict[str, tuple[tuple[Demonstration, ...], ...]] = {}

    def sizes(self) -> dict[str, int]:
        """Return the parameters that leave a choice, with the number of their choices."""
        told = {f"{name}.instructions": len(texts) for name, texts in self.instructions.items()}
        shown = {f"{name}.demonstrations": len(sets) for name, sets in self.demonstrations.items()}
        return {name: size for name, size in (told | shown).items() if size > 1}

    def is_exhausted(self, points: Sequence[Point]) -> bool:
        """Tell whether every combination has been scored on the whole validation set."""
        done = {content_id(point.combination) for point in points if point.full}
        return len(done) >= prod(self.sizes().values())

    def combined(self, base: Program, combination: Combination) -> Program:
        """Return the program with these choices."""
        texts = {name: found[combination.get(f"{name}.instructions", 0)] for name, found in self.instructions.items()}
        sets = {
            name: found[combination.get(f"{name}.demonstrations", 0)] for name, found in self.demonstrations.items()
        }
        return base.with_instructions(texts).with_demonstrations(sets)


class Round(Value):
    """Where a search stands after a round. It is kept under the trial before it, which says all that led to it."""

    base: str
    """The program that the search began with."""
    space: str
    points: tuple[Point, ...]
    combination: Combination
    program: str
    """What was proposed; empty when nothing was left."""


async def searched(
    given: Proposing, settings: SearchSettings, begin: Callable[[Proposing], Awaitable[Space]]
) -> Program:
    """Go on with the search that the current program belongs to, or begin one, by one round."""
    before = await _last_round(given)
    space = await get(given.resources.store, Space, before.space) if before else None
    if before is None or space is None or space.is_exhausted(before.points):
        before, space = await _begun(given, begin)
    base = await get(given.resources.store, Program, before.base)
    if not space.sizes():
        raise NothingToProposeError("no instruction and no set of demonstrations differs from the present ones")
    await asyncio.to_thread(import_module, "optuna")
    points = before.points
    for number in range(settings.trials):
        points = (*points, await _tried(given, settings, space, base, points, number))
    best = best_on_average(points)
    proposed = space.combined(base, best) if best is not None else None
    after = {"points": points, "combination": best or {}, "program": proposed.id if proposed else ""}
    await _keep(given, before.model_copy(update=after))
    if proposed is None:
        raise NothingToProposeError("every combination that was tried has been scored on the whole validation set")
    return proposed


def best_on_average(points: Sequence[Point]) -> Combination | None:
    """Return what has the best mean over its minibatches, of all never scored in full; of equals the oldest."""
    done = {content_id(point.combination) for point in points if point.full}
    scores: dict[str, list[float]] = defaultdict(list)
    for point in points:
        key = content_id(point.combination)
        if key not in done and point.score is not None:
            scores[key].append(point.score)
    if not scores:
        return None
    best = max(scores, key=lambda key: fmean(scores[key]))
    return next(point.combination for point in points if content_id(point.combination) == best)


async def _begun(given: Proposing, begin: Callable[[Proposing], Awaitable[Space]]) -> tuple[Round, Space]:
    """Begin a search; the program that it begins with is its first point."""
    space = await begin(given)
    known = scored_before(given.history, given.program.id)
    score = known["score"] if known else (await evaluate_program(given.resources, given.program, "val")).score
    default = dict.fromkeys(space.sizes(), 0)
    point = Point(combination=default, program=given.program.id, score=score, full=True)
    base, kept = await put(given.resources.store, given.program), await put(given.resources.store, space)
    return Round(base=base, space=kept, points=(point,), combination=default, program=""), space


async def _tried(
    given: Proposing, settings: SearchSettings, space: Space, base: Program, points: Sequence[Point], number: int
) -> Point:
    """Score the next combination on a minibatch of the validation set."""
    resources = given.resources
    seed, task = resources.context.seed, resources.task
    chance = derive(seed, "tpe", given.step, number).getrandbits(32)
    combination = suggested(space.sizes(), points, chance)
    program = space.combined(base, combination)
    batch = derive(seed, "minibatch", given.step, number).sample(task.valset, min(settings.minibatch, len(task.valset)))
    attempts = await attempt_all(resources, program, tuple(batch))
    scores = [attempt.result.score for attempt in attempts if attempt.result.score is not None]
    unusable = sum(attempt.result.failure in ("reply", "metric") for attempt in attempts)
    usable = scores and unusable <= resources.context.unscored_share * len(attempts)
    return Point(combination=combination, program=program.id, score=fmean(scores) if usable else None, full=False)


async def _last_round(given: Proposing) -> Round | None:
    """Return where the search stands that the current program belongs to, the score of its last proposal added."""
    for trial in reversed(given.history):
        found = await given.resources.store.aget(_kept(given.resources), _key(given, trial.previous))
        if found is None:
            continue
        last = Round.model_validate(found.value)
        points = last.points
        if last.program:
            item = next((item for item in trial.candidates if item["id"] == last.program), None)
            score = item["score"] if item else None
            points = (*points, Point(combination=last.combination, program=last.program, score=score, full=True))
        belongs = given.program.id in {last.base, *(point.program for point in points)}
        return last.model_copy(update={"points": points}) if belongs else None
    return None


async def _keep(given: Proposing, done: Round) -> None:
    newest = given.history[-1].id if given.history else None
    await given.resources.store.aput(
        _kept(given.resources), _key(given, newest), done.model_dump(mode="json"), index=False
    )


def _kept(resources: Resources) -> tuple[str, ...]:
    return namespace("round", resources.ledger.run)


def _key(given: Proposing, trial: str | None) -> str:
    return content_id([given.stage.model_dump(mode="json"), trial])


def scored_before(history: Sequence[Trial], program: str) -> Candidate | None:
    """Return the candidate that a program was when the loop scored it."""
    tried = (item for trial in history for item in trial.candidates)
    return next((item for item in tried if item["id"] == program and item["score"] is not None), None)


def cost(given: Situation) -> Cost:
    """Count the trials of a round, and what a search begins with."""
    settings: SearchSettings = given.settings
    trials = settings.trials * min(settings.minibatch, given.val)
    runs = min(settings.runs, given.train)
    proposals = settings.candidates - 1
    likely, high = 1 + proposals * given.texts.likely, 1 + proposals * given.texts.high
    return Cost(
        runs=up_to(trials + (runs if given.first else 0), trials + runs),
        asked=up_to(likely if given.first else 0, high),
    )


def sets_of(
    components: Sequence[str], drawn: Sequence[Mapping[str, tuple[Demonstration, ...]]]
) -> dict[str, tuple[tuple[Demonstration, ...], ...]]:
    """Return the different sets of each component, in the order in which they were drawn."""
    return {name: tuple(dict.fromkeys(item.get(name, ()) for item in drawn)) for name in components}
