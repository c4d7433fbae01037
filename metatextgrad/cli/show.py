"""`metatextgrad show`."""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from metatextgrad.cli.failures import resume_command
from metatextgrad.cli.options import DEFAULT_WORKSPACE, Json, Run, Workspace

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

    from metatextgrad.stored import StoredRun, Turn


def show(run: Run, *, workspace: Workspace = DEFAULT_WORKSPACE, as_json: Json = False) -> None:
    """Show a run: how it stands, what it found, every turn it took, what it used."""
    from metatextgrad.cli.output import say_json
    from metatextgrad.stored import read_run

    stored = asyncio.run(read_run(workspace, run, turns=True))
    if as_json:
        say_json(_document(stored, workspace))
    else:
        _print(stored, workspace)


def next_commands(stored: "StoredRun", workspace: str) -> list[str]:
    """Return the commands that make sense next."""
    place = "" if workspace == DEFAULT_WORKSPACE else f" --workspace {workspace}"
    run = stored.record.run
    if stored.found is None:
        return [] if stored.status == "running" else [resume_command(run, workspace)]
    return [f"metatextgrad {command} {run}{place}" for command in ("show", "report", "export")]


def _print(stored: "StoredRun", workspace: str) -> None:
    from metatextgrad.cli.output import out
    from metatextgrad.cli.plan import plan_table, stored_plan
    from metatextgrad.cli.result import mark, show_following, show_result, usage_table

    console, record = out(), stored.record
    console.print(f"[bold]{record.run}[/]  {record.task}  {record.kind}  {stored.status}")
    if record.origin:
        console.print(f"fork of {record.origin}", markup=False)
    if record.message:
        console.print(record.message, style="yellow", markup=False)
    for branch in stored.branches:
        console.print(_tree(branch.name, branch.turns))
    console.print()
    if (plan := stored_plan(record)) is not None:
        console.print(plan_table(plan, stored.usage))
        console.print()
    show_racing(console, stored)
    if stored.found:
        show_result(console, stored.found, stored.usage, next_commands(stored, workspace)[1:])
        return
    mark(console, record.simulated)
    console.print(usage_table(stored.usage, simulated=record.simulated))
    show_following(console, next_commands(stored, workspace))


def show_racing(console: "Console", stored: "StoredRun") -> None:
    """Say what racing saved, where the run raced."""
    from metatextgrad.stored import racing_in

    if stored.record.settings.get("race"):
        saved = racing_in(stored.branches)
        console.print(
            f"racing: {saved.candidates} candidates stopped, {saved.examples:,} examples left out, "
            f"at most {saved.calls:,} calls saved"
        )


def racing_document(stored: "StoredRun") -> dict[str, Any]:
    """Describe what racing saved, where the run raced."""
    from metatextgrad.stored import racing_in

    return {"racing": asdict(racing_in(stored.branches))} if stored.record.settings.get("race") else {}


def _tree(name: str, turns: "tuple[Turn, ...]") -> "Tree":
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(name, style="bold"))
    for turn in turns:
        branch = tree.add(_line(turn))
        for inner in turn.inner:
            branch.add(_line(inner))
    return tree


def _line(turn: "Turn") -> Any:
    from rich.text import Text

    trial = turn.trial
    kind = "meta step" if trial.level == "optimizer" else "step"
    parts = [f"{kind} {trial.step}"]
    for item in trial.candidates:
        score = "-" if item["score"] is None else f"{item['score']:.3f}"
        parts.append(f"{item['stage']} {score}")
        parts += [f"({item['reason']})"] if item["reason"] else []
    style = {"accepted": "green", "invalid": "red"}.get(trial.outcome, "dim")
    return Text("  ".join([*parts, trial.outcome]), style=style)


def _document(stored: "StoredRun", workspace: str) -> dict[str, Any]:
    from metatextgrad.cli.documents import branch_document, result_document, simulation, usage_document

    record = stored.record
    document: dict[str, Any] = {
        "run": record.run,
        "task": record.task,
        "kind": record.kind,
        **simulation(record.simulated),
        "usage": usage_document(stored.usage),
    }
    if stored.found:
        document = result_document(record.run, stored.found, stored.usage)
    return {
        **document,
        "status": stored.status,
        "message": record.message,
        "created": record.created,
        "settings": record.settings,
        "plan": record.plan,
        "origin": record.origin or None,
        **racing_document(stored),
        "resume": None if stored.found else resume_command(record.run, workspace),
        "loops": [branch_document(branch) for branch in stored.branches],
    }
