"""The chat model that agents are given: its calls go through the ledger, under the run's caps."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.callbacks.manager import BaseRunManager
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableBinding, RunnableParallel, RunnableSequence
from langchain_core.tools import BaseTool
from pydantic import Field

from metatextgrad.core.errors import InputError, MetaTextGradError, ReplyError
from metatextgrad.core.identity import content_id
from metatextgrad.runtime.chat import Chat, revived
from metatextgrad.runtime.ledger import Call, Ledger
from metatextgrad.runtime.tracing import apart, config_of


@dataclass
class Access:
    """One run of an agent and its way to the ledger."""

    ledger: Ledger
    temperature: float | None
    loop: asyncio.AbstractEventLoop
    failure: MetaTextGradError | None = None
    """What ends the run, whatever the agent makes of it: agents and their tools catch errors."""
    asked: Counter[str] = field(default_factory=Counter)
    """How often each call was made: the same one again is another draw."""
    made: set[UUID] = field(default_factory=set)
    """The runs of models whose calls went through the ledger."""

    async def complete(self, chat: Chat, run: BaseRunManager | None) -> AIMessage:
        """Return the reply to a call of the agent, which traces show as this run."""
        if self.failure:
            raise self.failure
        form = content_id(chat.form())
        sample = self.asked[form]
        self.asked[form] += 1
        try:
            reply = await apart(self.ledger.complete(Call("program", (), self.temperature, sample, chat=chat)), run)
        except ReplyError:
            raise
        except MetaTextGradError as error:
            self.failure = self.failure or error
            raise
        assert reply.message is not None, "the ledger keeps replies to agents whole"
        return revived(reply.message)


ACCESS: ContextVar[Access] = ContextVar("access")
"""The run of an agent in which a call is made; tasks and threads inherit it."""


class LedgerModel(BaseChatModel):
    """Stands for the program level's model inside an agent."""

    inner: BaseChatModel = Field(repr=False)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        access = ACCESS.get()
        if run_manager is not None:
            access.made.add(run_manager.run_id)
        options = kwargs | ({"stop": stop} if stop else {})
        message = await access.complete(Chat(tuple(messages), options), run_manager)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """Wait in a thread, as blocking nodes and tools do, for a reply that is asked for on the run's loop."""
        access = ACCESS.get()
        try:
            inside = asyncio.get_running_loop() is access.loop
        except RuntimeError:
            inside = False
        if inside:
            access.failure = InputError(
                "The agent calls its model by `invoke` in an async function, which would block every other call; "
                "use `await model.ainvoke(...)` there, or make the function a plain `def`."
            )
            raise access.failure
        work = self._agenerate(messages, stop, run_manager, **kwargs)
        return asyncio.run_coroutine_threadsafe(work, access.loop).result()

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools in the form that the provider's model gives them."""
        chosen = {} if tool_choice is None else {"tool_choice": tool_choice}
        bound: Runnable[LanguageModelInput, AIMessage] = self._in_place(
            self.inner.bind_tools(tools, **chosen, **kwargs)
        )
        return bound

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Ask for a form as the provider's model does it."""
        asked = self.inner.with_structured_output(schema, include_raw=include_raw, **kwargs)
        formed: Runnable[LanguageModelInput, Any] = self._in_place(asked)
        return formed

    def _in_place(self, runnable: Any) -> Any:
        """Put this model into the place of the provider's, wherever it stands in what that one made."""
        match runnable:
            case RunnableBinding() if runnable.bound is self.inner:
                return self.bind(**runnable.kwargs)
            case RunnableSequence():
                return RunnableSequence(self._in_place(runnable.first), *runnable.steps[1:])
            case RunnableParallel():
                return RunnableParallel({key: self._in_place(step) for key, step in runnable.steps__.items()})
            case _:
                return self if runnable is self.inner else runnable

    @property
    def _llm_type(self) -> str:
        return self.inner._llm_type

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return self.inner._get_ls_params(stop=stop, **kwargs)


def ledger_model(inner: BaseChatModel, component: str) -> LedgerModel:
    """Return the model that an agent is given; what it can do, such as to take a form, is what the provider's can."""
    shown = config_of("program", component)
    return LedgerModel(
        inner=inner,
        profile=inner.profile,
        name=shown["run_name"],
        tags=shown["tags"],
        metadata={"level": "program", "component": component},
    )
