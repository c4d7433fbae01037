"""The settings of a run, as LangGraph's context: what is not checkpointed, and what Studio shows as a form.

Where the paper gives no value the default is ours, and the field says so (`docs/method.md`).
"""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from metatextgrad.core.approval import Asked

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from metatextgrad.core.task import Task
    from metatextgrad.core.wrapped import Build
    from metatextgrad.runtime.models import Models
    from metatextgrad.runtime.resources import Resources

DEFAULT_WORKSPACE = ".metatextgrad"
"""The folder that holds runs where none is named."""
Count = Annotated[int, Field(ge=0, le=10_000)]
Positive = Annotated[int, Field(ge=1, le=10_000)]
Temperature = Annotated[float, Field(ge=0, le=2)] | None
CHANGEABLE = frozenset(
    {
        "max_calls",
        "max_tokens_total",
        "max_usd",
        "max_seconds",
        "concurrency",
        "retries",
        "request_seconds",
        "unscored_share",
    }
)
"""The settings that may change when a run is resumed; every other one would change its result."""
RESUMABLE = CHANGEABLE | {"data"}
"""The settings that may change when a run goes on; `data` says where the same data is now, which is checked."""
_FIXED = frozenset(
    {
        "task",
        "metric",
        "program_model",
        "judge_model",
        "program_temperature",
        "sample_temperature",
        "max_tokens",
        "seed",
    }
)
"""What a score means. The incumbent was scored under these, and what comes later has to be comparable with it."""


class Context(BaseModel):
    """Settings of a run; every one has a default, so an empty form runs on simulated models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str = Field(default="bbh/dyck_languages", description="A built-in task, or the path of a task file (.toml).")
    data: str = Field(
        default="",
        description="Path of a published benchmark, or hub for some; empty generates examples where a task can.",
    )
    metric: str = Field(
        default="",
        description="Score with this metric instead of the task's own, such as judge, which asks the judge's model.",
    )
    program_model: str = Field(default="simulated", description="Runs the program: cheap, many calls. provider:model.")
    optimizer_model: str = Field(default="", description="Writes gradients and candidates; empty: the program's model.")
    meta_model: str = Field(default="", description="Improves the optimizer: best, few calls; empty: the optimizer's.")
    judge_model: str = Field(default="", description="Scores where a metric asks a model; empty: the optimizer's.")

    seed: int = Field(default=0, description="All randomness is derived from it; 0 is a seed like any other.")
    steps: Annotated[int, Field(ge=1, le=10_000)] = Field(default=6, description="Inner steps I (the paper's 6).")
    meta_prompt_steps: Count = Field(
        default=3, description="Meta steps J per optimizer that rewrite its instructions (ours)."
    )
    meta_structure_steps: Count = Field(default=3, description="Meta steps J that merge the optimizers (ours).")
    batch_size: Positive = Field(
        default=3, description="Training examples per textual gradient (TextGrad's 3; not in the paper)."
    )
    batch_draws: Positive = Field(default=3, description="Batches drawn until one has a wrong answer (ours).")
    meta_examples: Positive = Field(
        default=1, description="Training examples shown to the meta-prompt optimizer (the paper's 1)."
    )
    start_from: Literal["best", "last"] = Field(
        default="best",
        description="Next proposal starts from the incumbent (validation revert) or from the last candidate.",
    )

    race: bool = Field(
        default=False,
        description="Stop scoring a candidate that cannot win any more; decides alike with fewer calls (ours).",
    )
    accept: Literal["strict", "paired"] = Field(
        default="strict",
        description="What replaces the incumbent: a higher score (the paper's), or one that a paired test confirms.",
    )
    accept_level: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.05, description="Level of the paired test of `accept` (ours)."
    )
    approve: Asked = Field(
        default="none", description="Wait for a person before these are accepted: optimizers, programs, or all."
    )

    program_temperature: Temperature = Field(default=0.0, description="None leaves it to the model (TextGrad's 0).")
    sample_temperature: Temperature = Field(default=0.7, description="For components with several samples (ours).")
    optimizer_temperature: Temperature = Field(default=0.0, description="None leaves it to the model (TextGrad's 0).")
    meta_temperature: Temperature = Field(
        default=None, description="None leaves it to the model: reasoning models take none."
    )

    concurrency: Positive = Field(
        default=32, description="Model calls in flight at once; requests may be fewer, where the provider refuses some."
    )
    max_tokens: Positive | None = Field(
        default=None, description="Cap on the tokens of one reply; None leaves it to the model."
    )
    request_seconds: Annotated[float, Field(gt=0)] = Field(default=120.0, description="Time limit of one request.")
    retries: Count = Field(default=6, description="Retries of a request by the client library, Retry-After honoured.")
    unscored_share: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.05, description="Share of examples a failing provider may leave unscored before the run pauses."
    )

    max_calls: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Stop before more model calls than this, over all levels."
    )
    max_tokens_total: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Stop at this many tokens, over all levels."
    )
    max_usd: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Stop at this much money, over all levels."
    )
    max_seconds: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Stop after this much running time."
    )

    _given_task: "Task | None" = PrivateAttr(None)
    _given_models: "Models | None" = PrivateAttr(None)
    _builds: "dict[str, Build]" = PrivateAttr(default_factory=dict)
    _shared: "Resources | None" = PrivateAttr(None)
    _openings: "dict[tuple[int, str], asyncio.Task[Resources]]" = PrivateAttr(default_factory=dict)

    def given(self, *, task: "Task | None" = None, models: "Models | None" = None) -> "Context":
        """Return a copy that uses these objects instead of what `task` and the model names say."""
        copy = self.model_copy()
        copy._given_task, copy._given_models = task, models
        copy._shared, copy._openings = None, {}
        return copy

    def building(self, builds: "Mapping[str, Build]") -> "Context":
        """Return a copy that has these factories of runnables at hand, besides those it has."""
        copy = self.model_copy()
        copy._builds, copy._shared, copy._openings = {**self._builds, **builds}, None, {}
        return copy

    @property
    def builds(self) -> "Mapping[str, Build]":
        """The factories of runnables in memory, by name."""
        return self._builds

    def share(self, opened: "Resources") -> None:
        """Let all nodes of the run use these resources instead of opening their own."""
        self._shared = opened


FORKABLE = frozenset(Context.model_fields) - _FIXED
"""The settings that may change in a fork, from its step on; `data` says where the same data is now."""
