"""What the tests of real providers stand on: models of the loopback server, and small tasks."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pytest

from metatextgrad.api import Result, meta_optimize
from metatextgrad.core.task import Task
from metatextgrad.core.trial import Trial
from metatextgrad.runtime.artifacts import namespace
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import LEVELS
from metatextgrad.runtime.record import Record, load
from metatextgrad.runtime.workspace import open_workspace
from metatextgrad.tasks import load_task
from tests.openai_server import Server, serving

KEY = "sk-loopback-0123456789abcdef"
"""Looks like a key, so that a test can see that it is shown nowhere."""


def settings(**changes: Any) -> Context:
    """Return settings whose models are the loopback server's, one named after each level."""
    named = {f"{level}_model": f"openai:{level}" for level in LEVELS}
    short = {"steps": 1, "meta_prompt_steps": 1, "meta_structure_steps": 1, "request_seconds": 20.0, "retries": 3}
    return Context.model_validate({**named, **short, **changes})


def small_task(size: int = 6, name: str = "bbh/word_sorting") -> Task:
    """Return a built-in task with that many examples in each set."""
    whole = load_task(name)
    return replace(whole, trainset=whole.trainset[:size], valset=whole.valset[:size], testset=whole.testset[:size])


def exported(result: Result) -> tuple[str, str, str]:
    """Return everything that a run found, byte for byte."""
    return result.findings.model_dump_json(), result.optimizer.model_dump_json(), result.program.model_dump_json()


@dataclass(frozen=True)
class Undisturbed:
    """A run of `small_task` with `settings` in which nothing went wrong."""

    result: Result
    answered: Counter[str]
    """How often the server answered each body."""

    @classmethod
    def run(cls, folder: Path) -> Self:
        """Carry it out, on a server of its own."""
        with serving(folder / "journal.jsonl") as server, pytest.MonkeyPatch.context() as patch:
            point_at(server, patch)
            result = meta_optimize(small_task(), settings=settings(), workspace=folder / "workspace")
            return cls(result, server.answered())

    @property
    def calls(self) -> int:
        return self.answered.total()


def point_at(server: Server, patch: pytest.MonkeyPatch) -> None:
    """Make the server the one that OpenAI's models ask."""
    patch.setenv("OPENAI_BASE_URL", server.url)
    patch.setenv("OPENAI_API_KEY", KEY)
    patch.setenv("NO_PROXY", "127.0.0.1")


async def record_of(workspace: Path, run: str) -> Record:
    """Read the record of a run."""
    async with open_workspace(workspace) as opened:
        return await load(opened.store, run)


async def trials(workspace: Path) -> list[Trial]:
    """Read all trials of a workspace."""
    async with open_workspace(workspace) as opened:
        return [Trial.model_validate(item.value) for item in await opened.store.asearch(namespace("trial"), limit=500)]
