"""Which examples a textual gradient is taken on."""

from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langgraph.runtime import Runtime

from metatextgrad.core.errors import ProviderError
from metatextgrad.core.trial import Gradients
from metatextgrad.nodes.textual_gradient import batches, textual_gradient
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from tests.scripted import Handler, Script, in_turn, opened, tiny_task


async def test_batches_of_a_step_are_disjoint_and_depend_on_the_seed_and_the_step_alone() -> None:
    given = await opened(in_turn(), batch_size=3, batch_draws=4, seed=5)
    drawn = batches(given, 2)
    ids = [example.id for batch in drawn for example in batch]
    assert [len(batch) for batch in drawn] == [3, 3, 3, 3]
    assert len(set(ids)) == 12
    assert drawn == batches(await opened(in_turn(), batch_size=3, batch_draws=4, seed=5, steps=9), 2)
    assert drawn != batches(given, 3)
    assert drawn != batches(await opened(in_turn(), batch_size=3, batch_draws=4, seed=6), 2)


@pytest.mark.parametrize(("size", "draws", "lengths"), [(3, 3, [3, 2]), (5, 2, [5]), (7, 1, [5]), (2, 1, [2])])
async def test_batches_reach_no_further_than_the_training_set(size: int, draws: int, lengths: list[int]) -> None:
    given = await opened(in_turn(), task=tiny_task(sizes=(5, 1, 1)), batch_size=size, batch_draws=draws)
    assert [len(batch) for batch in batches(given, 1)] == lengths


async def gradients(handler: Handler | Script, **settings: Any) -> Gradients:
    given = await opened(handler, **settings)
    runtime: Runtime[Context] = Runtime(context=given.context, store=given.store)
    current = await put(given.store, given.task.program)
    return await get(
        given.store, Gradients, (await textual_gradient({"current": current, "step": 1}, runtime))["gradients"]
    )


async def test_more_batches_are_drawn_while_every_answer_is_right() -> None:
    def reply(messages: Sequence[BaseMessage], level: object) -> str:
        asked = len(script.asked)
        return (
            "{}" if level == "optimizer" else "Answer: ?" if asked == 5 else f"Answer: {messages[-1].text.split()[-1]}"
        )

    script = Script(reply)
    found = await gradients(script, batch_size=2, batch_draws=4, concurrency=1)
    assert (len(found.batch), len(found.failed)) == (6, 1), "the fifth answer is wrong, in the third batch"
    assert script.calls == {"program": 6, "optimizer": 1}


async def test_provider_that_fails_on_a_batch_pauses_the_run_rather_than_pass_for_right() -> None:
    def reply(messages: Sequence[BaseMessage], level: object) -> str:
        raise ConnectionError("no route")

    with pytest.raises(ProviderError, match="no route"):
        await gradients(reply)
