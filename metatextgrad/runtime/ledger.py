"""The one place through which every model call goes, at every level.

A call's key is a hash of the model, all sampling parameters, the messages, the output schema, the sample index and the
run's seed. The reply is in the store before anyone uses it, in one write with its cost; a key found there is not called
again; equal calls in flight are made once.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from langgraph.store.base import BaseStore

from metatextgrad.core.errors import MetaTextGradError
from metatextgrad.core.identity import content_id
from metatextgrad.runtime.artifacts import items, namespace
from metatextgrad.runtime.budget import Budget
from metatextgrad.runtime.chat import Chat
from metatextgrad.runtime.events import Watch
from metatextgrad.runtime.meter import Level, Meter, Usage
from metatextgrad.runtime.models import Models
from metatextgrad.runtime.prices import price_of
from metatextgrad.runtime.reply import Reply
from metatextgrad.runtime.storage import storage_error
from metatextgrad.runtime.tracing import config_of

Message = tuple[str, str]
"""Role (system, human, ai) and text."""

_CALLS = namespace("call")
_CALLS_A_REPLY = 4
"""Calls in flight for each reply that may be on its way to the store besides them."""


@dataclass(frozen=True)
class Call:
    """One model call, before it is made."""

    level: Level
    messages: tuple[Message, ...]
    temperature: float | None
    sample: int = 0
    schema: str = ""
    """Names the form the reply must have, where there is one."""
    component: str = ""
    """Who asks, for traces; it decides nothing."""
    chat: Chat | None = None
    """What an agent sends, in the place of `messages`; the reply is then kept whole, with its tool calls."""


@dataclass(frozen=True)
class _Made:
    """A call that was made, and what it cost."""

    call: Call
    reply: Reply
    usage: Usage


@dataclass
class Ledger:
    """Makes calls, keeps replies, counts what they cost."""

    store: BaseStore
    models: Models
    meter: Meter
    budget: Budget
    run: str
    seed: int
    max_tokens: int | None
    concurrency: int
    """Calls in flight at once."""
    watch: Watch
    stopped: MetaTextGradError | None = None
    """Set to refuse further calls, as when the user pressed Ctrl-C; what is in flight finishes."""
    _asking_turns: asyncio.Semaphore = field(init=False)
    _keeping_turns: asyncio.Semaphore = field(init=False)
    """Replies on their way to the store: while they are, the next calls are made already."""
    _flying: dict[str, "asyncio.Task[Reply]"] = field(default_factory=dict)
    _asking: set[str] = field(default_factory=set)
    """Calls that are being paid for and not counted yet."""
    _unkept: dict[str, _Made] = field(default_factory=dict)
    """Replies that the store did not take."""
    _counted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Set up the turns."""
        self._asking_turns = asyncio.Semaphore(self.concurrency)
        self._keeping_turns = asyncio.Semaphore(max(1, self.turns - self.concurrency))

    @property
    def turns(self) -> int:
        """How many calls may be under way: on the wire, or answered and on their way to the store."""
        return self.concurrency + self.concurrency // _CALLS_A_REPLY

    def key(self, call: Call) -> str:
        """Hash everything that decides what the reply can be."""
        return content_id(
            [
                self.models.identity(call.level),
                call.temperature,
                self.max_tokens,
                call.messages,
                call.schema,
                call.sample,
                self.seed,
                *([call.chat.form()] if call.chat else []),
            ]
        )

    async def complete(self, call: Call) -> Reply:
        """Return the reply to a call, from the store if it was made before.

        Raises:
            BudgetReachedError: a cap is reached and the call would be a new one.
            ProviderError: the call failed after the client's retries.
        """
        key = self.key(call)
        flying = self._flying.get(key)
        if flying is None:
            flying = asyncio.ensure_future(self._found_or_made(key, call))
            self._flying[key] = flying
            flying.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flying)

    def admit(self) -> None:
        """Let one more call through, unless the run was stopped or a cap is reached.

        Raises:
            MetaTextGradError: what stopped the run, or a BudgetReachedError.
        """
        if self.stopped:
            raise self.stopped
        self.budget.check(self.meter, len(self._asking))

    async def spent(self, key: str, level: Level, usage: Usage) -> None:
        """Count once, under this key, what calls used that were made past the ledger, as by an agent's own model."""
        await self.store.aput(self._usage, key, {"level": level, "usage": usage.model_dump()}, index=False)
        self._count(key, level, usage)

    def _landed(self, key: str, done: "asyncio.Task[Reply]") -> None:
        self._flying.pop(key, None)
        if not done.cancelled():
            done.exception()  # looked at, so that a caller that was cancelled leaves no warning behind

    async def drain(self) -> None:
        """Wait until every call in flight is answered and kept; what the store did not take is offered to it again."""
        while self._flying:
            await asyncio.wait(self._flying.values())
        unkept, self._unkept = self._unkept, {}
        # One that fails again has been reported the first time.
        await asyncio.gather(*(self._put(key, made) for key, made in unkept.items()), return_exceptions=True)

    async def restore(self) -> None:
        """Count again what this run used before it was interrupted."""
        for item in await items(self.store, self._usage):
            self._count(item.key, item.value["level"], Usage.model_validate(item.value["usage"]))

    @property
    def _usage(self) -> tuple[str, ...]:
        return namespace("usage", self.run)

    async def _found_or_made(self, key: str, call: Call) -> Reply:
        found = await self.store.aget(_CALLS, key)
        if found is not None:
            if found.value["run"] == self.run:  # also when a kill fell between the two writes of `_put`
                self._count(key, call.level, Usage.model_validate(found.value["usage"]))
            return Reply.model_validate(found.value["reply"])
        async with self._asking_turns:
            made = await self._make(key, call)
            # Within the turn, so that a kill loses few replies more than are on the wire.
            await self._keeping_turns.acquire()
        try:
            await self._keep(key, made)
        finally:
            self._keeping_turns.release()
        return made.reply

    async def _make(self, key: str, call: Call) -> _Made:
        """Make a call and count it, before another one is let through."""
        self.admit()
        self._asking.add(key)
        try:
            reply = await self.models.ask(
                call.level,
                call.chat or call.messages,
                call.temperature,
                self.max_tokens,
                [self.seed, call.sample],
                config_of(call.level, call.component or call.schema),
            )
        finally:
            self._asking.discard(key)
        made = _Made(call, reply, usage_of(reply, self.models.name(call.level)))
        self._count(key, call.level, made.usage)
        return made

    async def _keep(self, key: str, made: _Made) -> None:
        """Put a reply into the store; where that fails, pay for no further one.

        Raises:
            StorageError: the store did not take it.
        """
        try:
            await self._put(key, made)
        except Exception as error:
            self._unkept[key] = made
            failure = storage_error(error)
            self.stopped = self.stopped or failure
            raise failure from error

    async def _put(self, key: str, made: _Made) -> None:
        call = made.call
        record: dict[str, Any] = {
            "reply": made.reply.model_dump(),
            "model": self.models.name(call.level),
            "level": call.level,
            "run": self.run,
            "usage": made.usage.model_dump(),
        }
        if call.level != "program":  # the messages of a program call can be rendered again; these cannot be easily
            record["messages"] = [list(message) for message in call.messages]
        spent = {"level": call.level, "usage": record["usage"]}
        # The store's own queue puts both, and those of other calls, into one transaction.
        await asyncio.gather(
            self.store.aput(_CALLS, key, record, index=False), self.store.aput(self._usage, key, spent, index=False)
        )

    def _count(self, key: str, level: Level, usage: Usage) -> None:
        if key not in self._counted:
            self._counted.add(key)
            self.meter.add(level, usage)
            self.watch.look(self.meter)


def usage_of(reply: Reply, model: str) -> Usage:
    """Return what a reply cost; a price that is not known is counted as unknown, not as zero."""
    usd = price_of(reply, model)
    return Usage(
        calls=1,
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        usd=usd or 0.0,
        unpriced=int(usd is None),
    )
