"""Turn what a run left behind into what its report says."""

from collections.abc import Iterator, Mapping, Sequence

from metatextgrad import stored
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.core.program import Program
from metatextgrad.core.report import Row, Tally
from metatextgrad.core.trial import Candidate, Trial
from metatextgrad.report.differences import TextChange, program_changes, stage_changes
from metatextgrad.report.material import Material, candidates
from metatextgrad.report.payback import payback
from metatextgrad.report.spending import in_words, spent_by
from metatextgrad.report.verdicts import scored, verdicts
from metatextgrad.report.views import Fate, Loop, Method, Result, Story, Try, Turn
from metatextgrad.runtime.context import Context
from metatextgrad.wording import spoken, title

MOST_CHANGES = 250
"""Candidates whose changed texts are on the page."""
MOST_INNER = 24
"""Inner loops that are plotted side by side."""
_STATUSES = {
    "budget": "stopped at a cap",
    "provider": "stopped by its provider's failures",
    "storage": "stopped by its storage",
    "running": "at work",
    "waiting": "waits for a person",
}
_KINDS = {"meta_optimize": "learning an optimizer", "optimize": "optimizing a program", "evaluate": "evaluation"}


def tell(material: Material) -> Story:
    """Return everything that a report says about a run."""
    run = material.stored
    record = run.record
    loops = tuple(_Loops(material).all())
    findings = run.found.findings if run.found else None
    tested = verdicts(findings, material.table, payback(run, material.initial)) if findings else ()
    spent = spent_by(run)
    return Story(
        run=record.run,
        task=record.task,
        task_id=record.task_id,
        kind=_KINDS[record.kind],
        status=_STATUSES.get(run.status, run.status),
        message=record.message,
        created=record.created,
        simulated=record.simulated,
        headline=(*_headline(material), *(one.sentence for one in tested[:1]), *in_words(spent)),
        methods=tuple(_method(row, material) for row in findings.rows) if findings else (),
        result=_result(material),
        loops=loops,
        verdicts=tested,
        spent=spent,
        racing=_racing(run),
        settings=tuple(_settings(record.settings)),
        left_out=tuple(_left_out(material)),
    )


def _headline(material: Material) -> Iterator[str]:
    run = material.stored
    if run.found is None:
        yield from _so_far(material)
        return
    first, last = run.found.findings.rows[0], run.found.findings.rows[-1]
    if not first.test or not last.test:
        return
    word = "up from" if last.test.score > first.test.score else "where it was" if last.test == first.test else "from"
    before = "" if word == "where it was" else f" {_per_cent(first.test)}"
    yield f"{_per_cent(last.test)} on the test set, {word}{before}."
    yield (
        f"{spoken(last.name)} scores {scored(last.test)}, and {spoken(first.name)} {scored(first.test)}, on "
        f"{last.test.scored} examples that were looked at a single time, at the end. In brackets are 95 % intervals."
    )


def _so_far(material: Material) -> Iterator[str]:
    """Say how far a run has come that has not ended."""
    stands = {"running": "is still at work", "killed": "was killed"}.get(
        material.stored.status, "stopped before its end"
    )
    best, start = _best_so_far(material), _start(material)
    if best and start:
        yield f"{_per_cent(best)} on the validation set so far, from {_per_cent(start)}."
    yield f"This run {stands}. The page shows what there is so far; nothing has been looked at on the test set."
    if material.stored.status != "running":
        yield f"It goes on with: metatextgrad resume {material.stored.record.run}"


def _per_cent(tally: Tally) -> str:
    return f"{100 * tally.score:.1f} %" if tally.scored else "unscored"


def _method(row: Row, material: Material) -> Method:
    return Method(
        title=title(row.name),
        kind=row.kind,
        val=row.val,
        test=row.test,
        evaluation=row.test_evaluation if row.test_evaluation in material.shown else None,
    )


def _result(material: Material) -> Result | None:
    """Return what came out; of a run that has not ended, the best so far."""
    outcome = _outcome(material)
    if outcome is None:
        return None
    optimizer, program = outcome
    return Result(
        inputs=material.inputs,
        optimizer=optimizer,
        stages=stage_changes(optimizer, material.inputs) if optimizer else (),
        initial=material.initial,
        program=program,
        texts=program_changes(material.initial, program),
    )


def _outcome(material: Material) -> tuple[Optimizer | None, Program] | None:
    if found := material.stored.found:
        return found.optimizer, found.program
    best = _leader(material)
    return (_optimizer_of(best, material), material.programs[str(best["program"] or best["id"])]) if best else None


def _optimizer_of(best: Candidate, material: Material) -> Optimizer | None:
    """Return the optimizer that found a candidate; None while the inner loop that it runs is still at work."""
    if material.stored.record.kind == "optimize":
        return material.inputs[0]
    return material.optimizers.get(str(best["id"]))


def _leader(material: Material) -> Candidate | None:
    """Return the best candidate so far; of several, one with its program."""
    tried = [item for _, item in candidates(material.stored.branches) if item["score"] is not None]
    best = max((item["score"] or 0.0 for item in tried), default=0.0)
    level = [item for item in tried if item["score"] == best]
    return next((item for item in level if item["program"]), level[0] if level else None)


def _best_so_far(material: Material) -> Tally | None:
    best = _leader(material)
    return material.tallies.get(best["evaluation"] or "") if best else None


def _start(material: Material) -> Tally | None:
    """Return what the initial program scored."""
    initial = material.initial.id
    found = (item for level, item in candidates(material.stored.branches) if level == "program")
    return next((material.tallies.get(item["evaluation"] or "") for item in found if item["id"] == initial), None)


class _Loops:
    """Makes the views of loops, with a key for each candidate in order."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._count = 0
        self._last = material.stored.record.settings.get("start_from") == "last"

    def all(self) -> Iterator[Loop]:
        for branch in self._material.stored.branches:
            yield self._loop(branch.turns, _path(branch.turns[-1].trial))

    def _loop(self, turns: Sequence[stored.Turn], name: str) -> Loop:
        start: str | None = None
        made: list[Turn] = []
        for turn in turns:
            made.append(self._turn(turn, start, name))
            start = self._next(turn.trial, start)
        return Loop(title=name, level=turns[0].trial.level, turns=tuple(made))

    def _next(self, trial: Trial, start: str | None) -> str | None:
        """Return what the next proposal starts from."""
        tried = [item["id"] for item in trial.candidates if item["status"] == "scored"]
        return (tried[-1] if tried else start) if self._last and trial.level == "program" else trial.best

    def _turn(self, turn: stored.Turn, start: str | None, name: str) -> Turn:
        trial = turn.trial
        tries = tuple(self._try(item, trial, start) for item in trial.candidates)
        inner = self._loop(turn.inner, f"{name}, meta step {trial.step}") if turn.inner else None
        return Turn(trial.step, trial.outcome, trial.best_score, tries, inner)

    def _try(self, item: Candidate, trial: Trial, start: str | None) -> Try:
        self._count += 1
        material, evaluation = self._material, item["evaluation"]
        return Try(
            key=f"c{self._count}",
            stage=title(item["stage"]),
            status=_status(item, trial),
            tally=material.tallies.get(evaluation) if evaluation else None,
            reason=item["reason"],
            evaluation=evaluation if evaluation in material.shown else None,
            changes=self._changes(item, trial, start) if self._count <= MOST_CHANGES else None,
        )

    def _changes(self, item: Candidate, trial: Trial, start: str | None) -> tuple[TextChange, ...]:
        material = self._material
        if trial.level == "optimizer":
            optimizer = material.optimizers.get(item["id"] or "")
            return stage_changes(optimizer, material.inputs) if optimizer else ()
        program, before = material.programs.get(item["id"] or ""), material.programs.get(start or "")
        return program_changes(before, program) if program and before else ()


def _path(trial: Trial) -> str:
    """Name a loop: a lineage or the merge, or an inner loop that is still at work."""
    name, _, step = trial.path.partition("/")
    inner = f", meta step {step}, at work" if step and trial.level == "program" else ""
    return f"{title(name)}{inner}" if name else "inner loop"


def _status(item: Candidate, trial: Trial) -> Fate:
    match item["status"]:
        case "invalid" | "skipped" | "stopped" as status:
            return status
        case _:
            return "accepted" if trial.outcome == "accepted" and item["id"] == trial.best else "rejected"


def fates(loops: Sequence[Loop]) -> frozenset[Fate]:
    """Return what became of the candidates of some loops, for the key to their plots."""
    return frozenset(
        item.status for loop in (*loops, *inner_loops(loops)) for turn in loop.turns for item in turn.tries
    )


def _racing(run: stored.StoredRun) -> str:
    if not run.record.settings.get("race"):
        return ""
    saved = stored.racing_in(run.branches)
    return (
        f"Racing stopped {saved.candidates} candidates that could not win any more: {saved.examples:,} examples were "
        f"left out, and at most {saved.calls:,} calls saved."
    )


def _settings(given: Mapping[str, object]) -> Iterator[tuple[str, str, bool]]:
    defaults = Context().model_dump(mode="json")
    for name, value in given.items():
        yield name, "none" if value is None else str(value), value != defaults.get(name)


def _left_out(material: Material) -> Iterator[str]:
    shown, known = len(material.shown), len(material.tallies)
    if shown < known:
        yield f"The examples of {known - shown} of {known} evaluations, so that the page stays small."
    tried = sum(1 for _ in candidates(material.stored.branches))
    if tried > MOST_CHANGES:
        yield f"The changed texts of {tried - MOST_CHANGES} of {tried} candidates, so that the page stays small."
    if material.missing:
        yield material.missing


def inner_loops(loops: Sequence[Loop]) -> tuple[Loop, ...]:
    """Return the inner loops of meta steps, as many as a page has room for: the last ones, which came furthest."""
    return tuple(turn.inner for loop in loops for turn in loop.turns if turn.inner)[-MOST_INNER:]
