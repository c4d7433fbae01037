"""The base of simulated chat models: deterministic, token-counted, with latency and faults on request."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, get_args

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from metatextgrad.core.errors import ProviderError
from metatextgrad.runtime.simulated.chance import numbers

Fault = Literal["error", "cut_off", "empty", "invalid"]
"""error: the call raises; cut_off: half a reply, ended by length; empty: no text; invalid: not what was asked for."""

NOT_COVERED = (
    "This simulated model covers only Dyck Languages and Word Sorting in BIG-Bench Hard's form, and what it was asked "
    "holds no question of either. Use a real model, such as openai:gpt-4o-mini, for anything else."
)


class SimulatedModel(BaseChatModel):
    """A chat model without a model behind it.

    The reply depends on the messages, the temperature and `draw` alone, at temperature 0 on the messages alone. Calls
    take the keyword arguments `temperature`, None meaning 1 as with most providers; `draw`, which stands for the chance
    of one sample; and `max_tokens`. A token is what stands between two spaces.
    """

    latency_seconds: float = Field(0.0, ge=0)
    """Time each call takes, to see a run as it is with a real provider."""
    fault_share: float = Field(0.0, ge=0, le=1)
    """Share of calls that go wrong; which ones follows from messages and `draw`, so a call that failed fails again."""
    faults: tuple[Fault, ...] = Field(get_args(Fault), min_length=1)
    """The ways in which they go wrong."""

    @abstractmethod
    def reply(self, messages: Sequence[BaseMessage], draw: str, temperature: float) -> str:
        """Return the text of the reply; at temperature 0 `draw` is empty."""

    def _result(self, messages: Sequence[BaseMessage], options: dict[str, Any]) -> ChatResult:
        given = options.get("temperature")
        temperature = 1.0 if given is None else float(given)
        draw = str(options.get("draw", ""))
        text, finish = self.reply(messages, draw if temperature > 0 else "", temperature), "stop"
        if self.fault_share:
            text, finish = self._faulty(messages, draw, text)
        most = options.get("max_tokens")
        if most is not None and text.count(" ") >= most:
            text, finish = " ".join(text.split(" ")[:most]), "length"
        used, made = sum(message.text.count(" ") + 1 for message in messages), text.count(" ") + 1
        usage = UsageMetadata(input_tokens=used, output_tokens=made, total_tokens=used + made)
        message = AIMessage(text, usage_metadata=usage, response_metadata={"finish_reason": finish, "simulated": True})
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _faulty(self, messages: Sequence[BaseMessage], draw: str, text: str) -> tuple[str, str]:
        chance, which, *_ = numbers("fault", draw, *(message.text for message in messages))
        if chance >= self.fault_share:
            return text, "stop"
        match self.faults[int(which * len(self.faults))]:
            case "error":
                raise ProviderError("simulated fault: the provider gave no reply")
            case "cut_off":
                return text[: len(text) // 2], "length"
            case "empty":
                return "", "stop"
            case "invalid":
                return "{this is not what was asked for", "stop"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        time.sleep(self.latency_seconds)
        return self._result(messages, kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        return self._result(messages, kwargs)

    @property
    def _llm_type(self) -> str:
        return "simulated"
