"""The base of simulated chat models: deterministic, token-counted, with latency on request."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult


class SimulatedModel(BaseChatModel):
    """A chat model without a model behind it.

    The reply depends on the messages, the temperature and `draw` alone: at temperature 0 the sample index has no effect.
    """

    latency_seconds: float = 0.0
    """Time each call takes, to see a run as it is with a real provider."""

    @abstractmethod
    def reply(self, messages: Sequence[BaseMessage], draw: str) -> str:
        """Return the text of the reply; `draw` stands for the chance of one sample."""

    def _result(self, messages: Sequence[BaseMessage], draw: str) -> ChatResult:
        text = self.reply(messages, draw)
        used = sum(len(message.text.split()) for message in messages)
        usage = UsageMetadata(input_tokens=used, output_tokens=len(text.split()), total_tokens=used + len(text.split()))
        message = AIMessage(text, usage_metadata=usage, response_metadata={"finish_reason": "stop", "simulated": True})
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        time.sleep(self.latency_seconds)
        return self._result(messages, str(kwargs.get("draw", "")))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        return self._result(messages, str(kwargs.get("draw", "")))
