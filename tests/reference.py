"""The algorithms of the paper in plain Python: no graph, no store, no prompt, nothing imported that carries them out.

Written from the paper's sections 2 and 3.3, its text where its pseudo-code differs, to compare the graphs with.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from metatextgrad.core.optimizer import Alternate, BestOf, Chain, OnPlateau, Optimizer, Repeat, Schedule, Stage
from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example, Task
from metatextgrad.runtime.context import Context
from tests.walk import lasting, walk
from tests.worlds import INITIAL, Plan, Sketch, World, advice, numbers, numbers_of, program


@dataclass(frozen=True)
class Tried:
    """A candidate of a turn; for an optimizer, with the turns of its inner loop."""

    id: str | None
    score: float | None
    status: str
    inner: tuple["Turn", ...] = ()


@dataclass(frozen=True)
class Turn:
    """One turn of a loop, at either level."""

    step: int
    tried: tuple[Tried, ...]
    outcome: str
    best: str
    score: float


@dataclass(frozen=True)
class Learned:
    """The best optimizer of a loop, the program that it found, and how the loop went."""

    optimizer: Optimizer
    found: Sketch
    score: float
    turns: tuple[Turn, ...]


@dataclass
class Reference:
    """Algorithms 1 to 4 in one world. `to_the_end` leaves out the early end at a score of 1, as the paper does."""

    world: World
    settings: Context
    to_the_end: bool = False
    merges: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.task: Task = self.world.task()

    # Algorithm 1

    def inner_loop(self, optimizer: Optimizer) -> Learned:
        """Improve the initial program, the same one for every optimizer; return the best one with its score."""
        best, score = INITIAL, self.score(INITIAL)
        assert score is not None
        first = Tried(program(best).id, score, "scored")
        turns = [Turn(0, (first,), "accepted", program(best).id, score)]
        walked = lasting(walk(optimizer.schedule))
        current, stages = INITIAL, next(walked)
        for step in range(1, self.settings.steps + 1):
            if score >= 1 and not self.to_the_end:
                break
            proposals = [self.propose(stage, current, step) for stage in stages]
            before, tried = score, []
            for proposal in proposals:
                if isinstance(proposal, str):
                    tried.append(Tried(None, None, proposal))
                    continue
                reached = self.score(proposal)
                tried.append(Tried(program(proposal).id, reached, "invalid" if reached is None else "scored"))
                if reached is None:
                    continue
                if self.settings.start_from == "last":
                    current = proposal
                if reached > score:
                    best, score = proposal, reached
            if self.settings.start_from == "best":
                current = best
            turns.append(Turn(step, tuple(tried), outcome(tried, score > before), program(best).id, score))
            stages = walked.send(score > before)
        return Learned(optimizer, best, score, tuple(turns))

    def score(self, sketch: Sketch) -> float | None:
        """Return the mean over all of the validation set; None for a program that gives no answers."""
        if any(self.world.is_broken(number) for _, number in sketch):
            return None
        return sum(self.is_right(sketch, example) for example in self.task.valset) / len(self.task.valset)

    def is_right(self, sketch: Sketch, example: Example) -> bool:
        return self.world.is_right(sum(number for _, number in sketch), example.input)

    def propose(self, stage: Stage, current: Sketch, step: int) -> Sketch | str:
        """Return a program, or what became of the proposal instead."""
        wrong = self.wrong(current, step)
        criticisms = [f"{example.id} should be {example.target}" for example in wrong]
        (advised,) = numbers("o", stage.instructions)
        if stage.kind == "structure":
            if not wrong:
                return "skipped"
            return self.world.redesign(advised, [number for _, number in current], criticisms) or "invalid"
        notes, lost = self.backward(current, wrong)
        blamed = {name: said for name, said in notes.items() if said}
        if not blamed:
            return "invalid" if lost else "skipped"
        rewritten = dict(current)
        for name, said in blamed.items():
            number = self.world.rewrite(advised, rewritten[name], said)
            if number is None:
                return "invalid"
            rewritten[name] = number
        return tuple(rewritten.items())

    def wrong(self, current: Sketch, step: int) -> list[Example]:
        """Return the wrong examples of the first batch that has any."""
        shuffled = list(self.task.trainset)
        derive(self.settings.seed, "batch", step).shuffle(shuffled)
        size = self.settings.batch_size
        for draw in range(self.settings.batch_draws):
            batch = shuffled[draw * size : (draw + 1) * size]
            if wrong := [example for example in batch if not self.is_right(current, example)]:
                return wrong
        return []

    def backward(self, current: Sketch, wrong: Sequence[Example]) -> tuple[dict[str, list[str]], bool]:
        """Send each criticism back through the calls; return what is said of each, and whether any of it was lost."""
        notes: dict[str, list[str]] = {name: [] for name, _ in current}
        lost = False
        for example in wrong:
            said = f"{example.id} should be {example.target}"
            for name, number in reversed(current):
                blamed = self.world.blame(number, example.input, [said])
                if blamed is None:
                    lost = True
                    break
                of_instructions, of_what_was_read = blamed
                if of_instructions:
                    notes[name].append(of_instructions)
                if not of_what_was_read:
                    break
                said = of_what_was_read
        return notes, lost

    # Algorithm 3

    def meta_prompt(self, optimizer: Optimizer, lineage: str) -> Learned:
        """Rewrite the instructions of an optimizer, which is scored as it is first."""
        best = self.inner_loop(optimizer)
        turns = [Turn(0, (tried(best),), "accepted", best.optimizer.id, best.score)]
        for step in range(1, self.settings.meta_prompt_steps + 1):
            if best.score >= 1 and not self.to_the_end:
                break
            stages = best.optimizer.stages()
            stage = stages[(step - 1) % len(stages)]
            drawn = derive(self.settings.seed, "meta", lineage, step).sample(
                self.task.trainset, self.settings.meta_examples
            )
            number = self.world.instruct(numbers("o", stage.instructions)[0], [example.input for example in drawn])
            proposal = None if number is None else with_advice(best.optimizer, (step - 1) % len(stages), number)
            best, turn = self.meta_turn(step, best, proposal)
            turns.append(turn)
        return replace(best, turns=tuple(turns))

    def meta_turn(self, step: int, best: Learned, proposal: Optimizer | None) -> tuple[Learned, Turn]:
        """Score a proposed optimizer by an inner loop and keep it if it is strictly better."""
        if proposal is None:
            return best, Turn(step, (Tried(None, None, "invalid"),), "invalid", best.optimizer.id, best.score)
        found = self.inner_loop(proposal)
        better = found.score > best.score
        after = found if better else best
        said = "accepted" if better else "rejected"
        return after, Turn(step, (tried(found),), said, after.optimizer.id, after.score)

    # Algorithm 4

    def meta_structure(self, given: dict[str, Learned]) -> Learned:
        """Merge optimizers; the best one given is the first incumbent, with its known score."""
        best = next(item for item in given.values() if item.score == max(other.score for other in given.values()))
        turns = []
        for step in range(1, self.settings.meta_structure_steps + 1):
            if best.score >= 1 and not self.to_the_end:
                break
            self.merges[best.optimizer.id] += 1
            plan = self.world.merge(numbers_of(best.optimizer), self.merges[best.optimizer.id], list(given))
            best, turn = self.meta_turn(step, best, merged(plan, given))
            turns.append(turn)
        return replace(best, turns=tuple(turns))

    # Algorithm 2 for both, and 3.3.3

    def meta_text_grad(self, optimizers: dict[str, Optimizer]) -> tuple[dict[str, Learned], Learned]:
        """Rewrite each optimizer by itself, then merge what came of them."""
        improved = {name: self.meta_prompt(optimizer, name) for name, optimizer in optimizers.items()}
        return improved, self.meta_structure(improved)


def outcome(candidates: Sequence[Tried], improved: bool) -> str:
    states = [item.status for item in candidates]
    if improved:
        return "accepted"
    return "rejected" if "scored" in states else "invalid" if "invalid" in states else "skipped"


def tried(learned: Learned) -> Tried:
    return Tried(learned.optimizer.id, learned.score, "scored", learned.turns)


def with_advice(optimizer: Optimizer, position: int, number: int) -> Optimizer:
    """Return the optimizer with the instructions of one stage replaced."""
    written = optimizer.model_dump(mode="json")
    stages = []

    def collect(part: object) -> None:
        if isinstance(part, dict) and part.get("op") == "stage":
            stages.append(part)
        elif isinstance(part, dict | list):
            for inner in part.values() if isinstance(part, dict) else part:
                collect(inner)

    collect(written)
    stages[position]["instructions"] = advice(number)
    return Optimizer.model_validate(written)


def merged(plan: Plan | None, given: dict[str, Learned]) -> Optimizer | None:
    if plan is None:
        return None
    try:
        return Optimizer(name="merged", purpose="all of it", schedule=schedule(plan, given))
    except ValidationError:  # such as a chain that goes on after a part without end
        return None


def schedule(plan: Plan, given: dict[str, Learned]) -> Schedule:
    match plan:
        case ("use", name):
            return given[name].optimizer.schedule
        case ("stage", kind, number):
            return Stage(kind=kind, instructions=advice(number))
        case ("repeat", part, times):
            return Repeat(part=schedule(part, given), times=times)
        case ("on_plateau", first, then, patience):
            return OnPlateau(first=schedule(first, given), then=schedule(then, given), patience=patience)
        case ("chain", parts):
            return Chain(parts=tuple(schedule(part, given) for part in parts))
        case ("alternate", parts):
            return Alternate(parts=tuple(schedule(part, given) for part in parts))
        case ("best_of", parts):
            return BestOf(parts=tuple(schedule(part, given) for part in parts))
    raise ValueError(plan)
