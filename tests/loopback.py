"""What the tests of real providers stand on: models of the loopback server, and small tasks."""

from dataclasses import replace
from typing import Any

from metatextgrad.core.task import Task
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import LEVELS
from metatextgrad.tasks import load_task

KEY = "sk-loopback-0123456789abcdef"
"""Looks like a key, so that a test can see that it is shown nowhere."""


def settings(**changes: Any) -> Context:
    """Return settings whose models are the loopback server's, one named after each level."""
    named = {f"{level}_model": f"openai:{level}" for level in LEVELS}
    short = {"steps": 1, "meta_prompt_steps": 1, "meta_structure_steps": 1, "request_seconds": 20.0, "retries": 3}
    return Context.model_validate({**named, **short, **changes})


def small_task(size: int = 8, name: str = "bbh/word_sorting") -> Task:
    """Return a built-in task with that many examples in each set."""
    whole = load_task(name)
    return replace(whole, trainset=whole.trainset[:size], valset=whole.valset[:size], testset=whole.testset[:size])
