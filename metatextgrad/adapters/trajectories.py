"""Improve a prompt from runs that are on record: no data set, no metric, and so no validation either.

What the backward pass asks about a program's own run is asked about each recorded one, with the comment on it in the
place of the metric's words; then the prompt is rewritten once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langgraph.store.memory import InMemoryStore
from pydantic import ValidationError

from metatextgrad.adapters.recorded import Recorded, nested, recorded
from metatextgrad.core.errors import InputError, ReplyError
from metatextgrad.core.trial import Feedback, brief
from metatextgrad.core.wrapped import MEMORY, Variable, Wrapped, wrapped
from metatextgrad.execution import blocking
from metatextgrad.runtime.backward import AgentBlame, blamed
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.gathering import gather_all
from metatextgrad.runtime.interpreter import Invocation
from metatextgrad.runtime.ledger import Ledger
from metatextgrad.runtime.meter import Level, Usage
from metatextgrad.runtime.models import Models, models_for
from metatextgrad.runtime.resources import ledger_of
from metatextgrad.runtime.structured import first_problem
from metatextgrad.stages.textual_gradient import INSTRUCTIONS, rewritten

_ONE = "prompt"


@dataclass(frozen=True)
class PromptRewrite:
    """A prompt, or several by name, rewritten once."""

    prompts: Mapping[str, str]
    feedback: Mapping[str, tuple[Feedback, ...]]
    """What each recorded run says about each prompt."""
    lost: tuple[str, ...]
    """Why feedback is missing: replies that could not be used."""
    usage: Mapping[Level, Usage]
    simulated: bool
    validated: Literal[False] = False
    """Never: nothing was run with the new prompt, so nobody knows yet whether it is better."""

    @property
    def prompt(self) -> str:
        """The prompt, where there is but one."""
        (text,) = self.prompts.values()
        return text


async def aoptimize_prompt(
    prompt: str | Mapping[str, str | Variable],
    trajectories: Sequence[object],
    *,
    role: str = "the prompt of an assistant",
    instructions: str = INSTRUCTIONS,
    settings: Context | None = None,
    models: Models | None = None,
) -> PromptRewrite:
    """Rewrite a prompt once, by what was said about runs that used it. Nothing is validated; `optimize` does that.

    Args:
        prompt: its text, or several texts by name; only those that the feedback blames are rewritten.
        trajectories: the runs: messages with a score or a comment, in one of the forms of
            `metatextgrad.adapters.recorded.recorded`; a flat export of LangSmith too. Runs that nobody criticised say
            nothing.
        role: what the prompt is for, in a phrase.
        instructions: what the rewriting model is told.
        settings: names the model: `optimizer_model`; and the caps.
        models: chat models in memory, in the place of those the settings name.

    Raises:
        InputError: a run cannot be read, or no run was criticised.
        ReplyError: a model's replies could not be used.
    """
    part = _part(prompt, role)
    criticised = [run for run in map(recorded, nested(trajectories)) if run.criticism]
    if not criticised:
        raise InputError("No trajectory has a comment, or a score below 1, so there is nothing to learn from them.")
    context = settings or Context()
    chat = models or models_for(context)
    ledger = ledger_of(context, chat, InMemoryStore(), "trajectories")
    try:
        blames = await gather_all(_blame(ledger, context, part, run, place) for place, run in enumerate(criticised))
        return await _rewritten(ledger, context, part, criticised, blames, instructions)
    finally:
        if models is None:
            await chat.aclose()


def optimize_prompt(
    prompt: str | Mapping[str, str | Variable], trajectories: Sequence[object], **options: Any
) -> PromptRewrite:
    """Rewrite a prompt once, by what was said about runs that used it; the blocking form of `aoptimize_prompt`."""
    return blocking(aoptimize_prompt(prompt, trajectories, **options))


def _part(prompt: str | Mapping[str, str | Variable], role: str) -> Wrapped:
    texts = {_ONE: Variable(text=prompt, role=role)} if isinstance(prompt, str) else prompt
    try:
        return wrapped(f"{MEMORY}recorded", texts, name="recorded", role=role)
    except ValidationError as error:
        raise InputError(f"The prompts cannot be taken: {first_problem(error)}.") from error


async def _blame(ledger: Ledger, context: Context, part: Wrapped, run: Recorded, place: int) -> AgentBlame | str:
    call = Invocation(part, (place,), (("human", run.input),), run.output, (), run.trace)
    try:
        return await blamed(ledger, context.optimizer_temperature, call, f"[1] {run.criticism}", "", 0)
    except ReplyError as error:
        return brief(f"feedback on trajectory {place}: {error}")


async def _rewritten(
    ledger: Ledger,
    context: Context,
    part: Wrapped,
    runs: Sequence[Recorded],
    blames: Sequence[AgentBlame | str],
    instructions: str,
) -> PromptRewrite:
    lost = tuple(blame for blame in blames if isinstance(blame, str))
    if len(lost) == len(runs):
        raise ReplyError(lost[0])
    notes = {text.name: _notes(text.name, runs, blames) for text in part.texts() if text.trainable}
    parts = [text for text in part.texts() if notes.get(text.name)]
    temperature = context.optimizer_temperature
    texts = await gather_all(rewritten(ledger, temperature, instructions, text, notes[text.name]) for text in parts)
    done = part.with_texts({text.name: new for text, new in zip(parts, texts, strict=True)})
    return PromptRewrite(
        prompts={variable.name: variable.text for variable in done.variables},
        feedback={name.removeprefix(f"{part.name}."): found for name, found in notes.items()},
        lost=lost,
        usage=dict(ledger.meter.levels),
        simulated=ledger.models.simulated,
    )


def _notes(name: str, runs: Sequence[Recorded], blames: Sequence[AgentBlame | str]) -> tuple[Feedback, ...]:
    return tuple(
        Feedback(example=str(place), input=run.input, output=run.output, feedback=blame.texts[name])
        for place, (run, blame) in enumerate(zip(runs, blames, strict=True))
        if isinstance(blame, AgentBlame) and blame.texts.get(name, "").strip()
    )
