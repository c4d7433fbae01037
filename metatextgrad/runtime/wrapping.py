"""Run a user's runnable as a component: isolated, traced, with its model's calls in the ledger.

A run that finished is kept, so that a resumed one does not carry out its tools again. What an agent raises on its own
is its result; what its provider raises is not.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from metatextgrad.core.errors import InputError, MetaTextGradError
from metatextgrad.core.identity import Value, content_id
from metatextgrad.core.program import Program
from metatextgrad.core.template import Text
from metatextgrad.core.wrapped import Build, Wrapped
from metatextgrad.runtime.artifacts import namespace
from metatextgrad.runtime.building import Built, answer_in, built, factory_of, input_for, version_of
from metatextgrad.runtime.chat import plain
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.failures import failure_of
from metatextgrad.runtime.ledger import Ledger, usage_of
from metatextgrad.runtime.ledger_model import ACCESS, Access, ledger_model
from metatextgrad.runtime.meter import Usage
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.reply import reply_from
from metatextgrad.runtime.trace import Trace, written
from metatextgrad.runtime.tracing import apart, config_of_agent


class Outcome(Value):
    """What came out of one run of a runnable."""

    answer: str
    trace: str
    error: str = ""
    """What it raised on its own."""


@dataclass
class Agents:
    """Builds each runnable once, and runs it for one example after the other."""

    ledger: Ledger
    context: Context
    _factories: "dict[str, asyncio.Task[tuple[Build, str]]]" = field(default_factory=dict)
    _built: "dict[str, asyncio.Task[Built | Exception]]" = field(default_factory=dict)
    _running: "dict[str, asyncio.Task[Outcome]]" = field(default_factory=dict)

    async def run(self, part: Wrapped, values: Mapping[str, Text]) -> Outcome:
        """Run a component's runnable on named values; the same run is made once.

        Raises:
            MetaTextGradError: a call of its model failed, or a cap was reached, or it cannot be built.
        """
        factory, version = await self._factory(part)
        key = content_id([part.model_dump(mode="json"), version, dict(values), self._settings()])
        if key not in self._running:
            self._running[key] = asyncio.ensure_future(self._found_or_made(key, part, factory, values))
        try:
            return await asyncio.shield(self._running[key])
        finally:
            if key in self._running and self._running[key].done():
                del self._running[key]

    async def _factory(self, part: Wrapped) -> tuple[Build, str]:
        """Import a factory once, in a thread, since it reads files."""

        def found() -> tuple[Build, str]:
            factory = factory_of(part, self.context.builds)
            return factory, version_of(factory)

        if part.factory not in self._factories:
            self._factories[part.factory] = asyncio.ensure_future(asyncio.to_thread(found))
        return await asyncio.shield(self._factories[part.factory])

    def _settings(self) -> list[object]:
        return [
            self.ledger.models.identity("program"),
            self.context.program_temperature,
            self.ledger.max_tokens,
            self.ledger.seed,
        ]

    async def _found_or_made(self, key: str, part: Wrapped, factory: Build, values: Mapping[str, Text]) -> Outcome:
        space = namespace("ran", self.ledger.run)
        if (found := await self.ledger.store.aget(space, key)) is not None:
            return Outcome.model_validate(found.value)
        made = await self._building(part, factory)
        if isinstance(made, Exception):
            return Outcome(answer="", trace="", error=f"it cannot be built: {_said(made)}")
        outcome = await self._made(part, made, values)
        await self.ledger.store.aput(space, key, outcome.model_dump(mode="json"), index=False)
        return outcome

    async def _building(self, part: Wrapped, factory: Build) -> Built | Exception:
        """Build once; what a factory raises is what the texts, which a model may have written, made of it."""

        async def build() -> Built | Exception:
            model = ledger_model(self.ledger.models.chat["program"], part.name)
            try:
                return await asyncio.to_thread(built, part, factory, model)
            except InputError:
                raise
            except Exception as error:
                return error

        key = content_id(part.model_dump(mode="json"))
        if key not in self._built:
            self._built[key] = asyncio.ensure_future(apart(build()))
        return await asyncio.shield(self._built[key])

    async def _made(self, part: Wrapped, made: Built, values: Mapping[str, Text]) -> Outcome:
        if made.own_model:
            self.ledger.admit()
        access = Access(self.ledger, self.context.program_temperature, asyncio.get_running_loop())
        trace = Trace()
        try:
            given = input_for(part, made, values)
            output, raised = await apart(_ran(part.name, made, given, trace, access)), None
        except Exception as error:
            output, raised = None, error
        await self._count(trace, access)
        if failure := access.failure or self._provider_failure(trace, raised):
            raise failure
        happened = str(plain(written(trace.in_order())))
        if raised is not None:
            return Outcome(answer="", trace=happened, error=_said(raised))
        return Outcome(answer=answer_in(output, part), trace=happened)

    def _provider_failure(self, trace: Trace, raised: Exception | None) -> MetaTextGradError | None:
        """Return what is not the agent's own failure: a call of a model that failed for good."""
        if raised is None or isinstance(raised, MetaTextGradError):
            return raised
        call = trace.failed_call(raised)
        return failure_of(raised, call.model, self.ledger.models.chat["program"]) if call else None

    async def _count(self, trace: Trace, access: Access) -> None:
        """Count what models used that the agent brought itself."""
        used = Usage()
        for run, step in trace.steps.items():
            if step.reply is not None and run not in access.made:
                used = used.plus(usage_of(reply_from(step.reply), step.model))
        if used.calls:
            await self.ledger.spent(f"own-{uuid4().hex}", "program", used)


async def _ran(component: str, made: Built, given: object, trace: Trace, access: Access) -> object:
    """Run in a thread of conversation of its own: an agent that remembers must not know the other examples."""
    ACCESS.set(access)
    return await made.runnable.ainvoke(given, config_of_agent(component, trace, uuid4().hex))


def _said(error: Exception) -> str:
    return str(plain(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__))


def check_agents(program: Program, builds: Mapping[str, Build], models: Models) -> None:
    """Build each runnable of a program once, so that one that cannot be built is told before anything is paid for.

    Raises:
        InputError: one cannot be built.
    """
    for part in (part for part in program.callers() if isinstance(part, Wrapped)):
        factory = factory_of(part, builds)
        try:
            built(part, factory, ledger_model(models.chat["program"], part.name))
        except InputError:
            raise
        except Exception as error:
            msg = f"Component {part.name!r}: its factory {part.factory!r} fails on its own texts: {_said(error)}"
            raise InputError(msg) from error


def versions_of(program: Program, builds: Mapping[str, Build], run: str) -> list[str]:
    """Return the versions of a program's factories; none for a program without runnables.

    One in memory has another version in each run, because what it stands for may have changed behind its source.
    """
    parts = [part for part in program.callers() if isinstance(part, Wrapped)]
    versions = {part: version_of(factory_of(part, builds)) for part in parts}
    return [f"{version} {run}" if part.factory in builds else version for part, version in versions.items()]
