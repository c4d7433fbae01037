"""What a run will cost, before anything is spent: calls, tokens and money per level, low and high.

The low end is what the run cannot do without: scoring what is given. A proposal beyond it may be a copy of something
already scored, or unusable, and then costs no evaluation. `likely` is a usual run: every step scored once, programs
that structure stages have made three times as large. The high end takes every step and draw, many re-asks, programs
eight times as large, and long replies; the limits on proposals allow more still, which is what caps are for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metatextgrad.core.estimate import NOTHING, Range, exactly, up_to
from metatextgrad.core.optimizer import Optimizer, Stage
from metatextgrad.core.program import Program
from metatextgrad.core.schedule import advance, current, start
from metatextgrad.core.task import Task, is_judged
from metatextgrad.expected import LevelPlan, Plan
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import LEVELS, Level
from metatextgrad.runtime.prices import price
from metatextgrad.stages import kind_of, settings_of
from metatextgrad.stages.kind import Situation

_CHARACTERS_PER_TOKEN = 4
_PROTOCOL = 800
"""Tokens of a prompt of the optimizer level around what it shows."""
_LOOP_LEVELS: tuple[Level, ...] = ("program", "optimizer", "judge")
_GROWN = 3
_GROWN_MOST = 8
"""How many times as many calls a restructured program usually makes, and makes at the high end."""
_ASKED_AGAIN = 1.5
"""Calls for each reply that is wanted, at the high end."""


def plan_meta_optimize(
    task: Task, program: Program, optimizers: Sequence[Optimizer], context: Context, names: Mapping[Level, str]
) -> Plan:
    """Plan a run of the outer loop."""
    loops = [_inner(task, program, optimizer, context) for optimizer in optimizers]
    calls: dict[Level, Range] = dict.fromkeys(LEVELS, NOTHING)
    rewrites, merges = context.meta_prompt_steps, context.meta_structure_steps
    for loop in loops:
        again = Range(low=0, likely=rewrites, high=rewrites)
        for level in _LOOP_LEVELS:
            calls[level] = calls[level].plus(loop[level]).plus(_above_initial(loop[level], task, program, again, level))
    if merges:
        largest = max(loops, key=lambda loop: loop["program"].high)
        again = Range(low=0, likely=merges, high=merges)
        for level in _LOOP_LEVELS:
            calls[level] = calls[level].plus(_above_initial(largest[level], task, program, again, level))
    for level in _LOOP_LEVELS:
        # The initial program is scored once, however many inner loops start from it.
        shared = (len(loops) - 1) * _initial(task, program, level)
        calls[level] = calls[level].plus(Range(low=-shared, likely=-shared, high=0))
    _add_test(calls, task, program, 1 + len(loops) * (2 if rewrites else 1) + (1 if merges else 0))
    asked = len(loops) * rewrites + merges
    calls["meta"] = Range(low=0, likely=asked, high=2 * asked)
    return _priced(calls, task, program, context, names)


def plan_optimize(
    task: Task, program: Program, optimizer: Optimizer, context: Context, names: Mapping[Level, str]
) -> Plan:
    """Plan a run of the inner loop alone."""
    calls: dict[Level, Range] = dict.fromkeys(LEVELS, NOTHING)
    calls.update(_inner(task, program, optimizer, context))
    _add_test(calls, task, program, 2)
    return _priced(calls, task, program, context, names)


@dataclass
class _Used:
    """What an inner loop has used so far."""

    runs: Range = NOTHING
    """Runs of a program, each on one example; a judge is asked about each."""
    program: Range = NOTHING
    optimizer: Range = NOTHING

    def run(self, examples: Range, size: Range) -> None:
        """Run a program on examples, which makes `size` calls for each."""
        self.runs = self.runs.plus(examples)
        self.program = self.program.plus(examples.times(size))

    def ask(self, calls: Range) -> None:
        """Ask the optimizer's model."""
        self.optimizer = self.optimizer.plus(calls)


def _inner(task: Task, program: Program, optimizer: Optimizer, context: Context) -> dict[Level, Range]:
    """Count the calls of one inner loop, along its schedule."""
    each = program.calls_per_example()
    size, texts = exactly(each), exactly(len(program.trainable()))
    used = _Used()
    used.run(exactly(len(task.valset)), size)
    cursor = start(optimizer.schedule)
    before: list[Stage] = []
    for _ in range(context.steps):
        stages = current(optimizer.schedule, cursor)
        if any(kind_of(stage).needs_gradient for stage in stages):
            batch = min(context.batch_size, len(task.trainset))
            most = min(context.batch_size * context.batch_draws, len(task.trainset))
            used.run(up_to(batch, most), size)
            backward = up_to(batch, batch * _ASKED_AGAIN)  # one batch has wrong answers, not all
            used.ask(backward.times(size))
        for stage in stages:
            cost = kind_of(stage).cost(_situation(stage, texts, task, context, first=stage not in before))
            before.append(stage)
            used.run(cost.runs, size)
            used.ask(_with_asked_again(cost.asked))
            if cost.grows:
                size = Range(low=size.low, likely=max(size.likely, _GROWN * each), high=_GROWN_MOST * each)
                texts = size
            used.run(up_to(len(task.valset), len(task.valset)), size)
        cursor = advance(optimizer.schedule, cursor, improved=False)
    return {"program": used.program, "optimizer": used.optimizer, "judge": _judged(task, used.runs)}


def _judged(task: Task, runs: Range) -> Range:
    """Count the judge's calls: one for each reply of a program, where the metric asks the judge at all."""
    return _with_asked_again(runs) if is_judged(task.metric) else NOTHING


def _initial(task: Task, program: Program, level: Level) -> int:
    """Count the calls that score the initial program."""
    examples = len(task.valset)
    judged = examples if is_judged(task.metric) else 0
    return {"program": examples * program.calls_per_example(), "judge": judged}.get(level, 0)


def _situation(stage: Stage, texts: Range, task: Task, context: Context, *, first: bool) -> Situation:
    return Situation(
        settings=settings_of(stage),
        texts=texts,
        train=len(task.trainset),
        val=len(task.valset),
        draws=context.batch_draws,
        first=first,
    )


def _with_asked_again(wanted: Range) -> Range:
    """Add the calls for replies that could not be used; of a few, one at least."""
    most = max(wanted.high + min(1, wanted.high), wanted.high * _ASKED_AGAIN)
    return Range(low=wanted.low, likely=wanted.likely, high=most)


def _above_initial(loop: Range, task: Task, program: Program, times: Range, level: Level) -> Range:
    """Count further inner loops: they score the same initial program, which is in the ledger by then."""
    known = _initial(task, program, level)
    return Range(low=0, likely=(loop.likely - known) * times.likely, high=(loop.high - known) * times.high)


def _add_test(calls: dict[Level, Range], task: Task, program: Program, programs: int) -> None:
    """Add the calls of so many programs on the test set; all but the initial one may have grown."""
    examples, rest = len(task.testset), programs - 1
    sizes = Range(low=1, likely=1 + rest * _GROWN, high=1 + rest * _GROWN_MOST)
    each = exactly(examples * program.calls_per_example())
    calls["program"] = calls["program"].plus(each.times(sizes))
    runs = Range(low=examples, likely=examples * programs, high=examples * programs)
    calls["judge"] = calls["judge"].plus(_judged(task, runs))


def _priced(
    calls: dict[Level, Range], task: Task, program: Program, context: Context, names: Mapping[Level, str]
) -> Plan:
    sizes = _sizes(task, program, context)
    levels: dict[Level, LevelPlan] = {}
    for level, count in calls.items():
        if not count.high:
            continue
        reads, writes = sizes[level]
        name = names[level]
        levels[level] = LevelPlan(
            model=name, calls=count, tokens=count.times(reads.plus(writes)), usd=_money(name, count, reads, writes)
        )
    return Plan(levels=levels)


def _money(name: str, calls: Range, reads: Range, writes: Range) -> Range | None:
    ends = {}
    for end in ("low", "likely", "high"):
        one = price(name, round(getattr(reads, end)), round(getattr(writes, end)))
        if one is None:
            return None
        ends[end] = one * getattr(calls, end)
    return Range(**ends)


def _sizes(task: Task, program: Program, context: Context) -> dict[Level, tuple[Range, Range]]:
    """Estimate the tokens that a call reads and writes, by level, from the texts at hand."""
    longest = max(len(example.input) for example in task.valset) / _CHARACTERS_PER_TOKEN
    prompt = max(len(text.instructions) for text in program.texts().values()) / _CHARACTERS_PER_TOKEN
    cap = float(context.max_tokens or 16_000)
    question = prompt + longest
    answer = Range(low=1, likely=min(300.0, cap), high=min(cap, 1_200.0))
    noted = _PROTOCOL + context.batch_size * (longest + 400)
    wordy = _PROTOCOL + 3 * context.batch_size * (question + 3 * answer.high)
    text = Range(low=5, likely=min(400.0, cap), high=min(cap, 4_000.0))
    meant = Range(low=5, likely=min(1_500.0, cap), high=min(cap, 16_000.0))
    return {
        "program": (Range(low=1, likely=question * 1.5 + 150, high=question * 4 + 3 * answer.high), answer),
        "optimizer": (Range(low=200, likely=noted, high=wordy), text),
        "meta": (Range(low=200, likely=1_500, high=20_000), meant),
        "judge": (Range(low=1, likely=question + 300, high=question * 4 + answer.high), text),
    }
