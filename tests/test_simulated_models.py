"""Simulated models as chat models: levels, marks, usage, latency, faults, and what their source may know."""

import asyncio
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

import metatextgrad.runtime.simulated as package
from metatextgrad.core.errors import InputError, ProviderError
from metatextgrad.runtime.reply import reply_from
from metatextgrad.runtime.simulated import SimulatedModel, simulated_model
from metatextgrad.runtime.simulated.base import Fault
from metatextgrad.tasks import dyck
from metatextgrad.tasks.prompts import INSTRUCTIONS

LEVELS = ("program", "optimizer", "meta", "judge")
SOURCES = sorted(Path(package.__path__[0]).glob("*.py"))
METHOD = re.compile(r"tgd|adas|mipro|gepa|dspy|textgrad", re.IGNORECASE)


def messages(number: int = 0) -> list[SystemMessage | HumanMessage]:
    return [SystemMessage(INSTRUCTIONS), HumanMessage(dyck.generate(1, number + 1)[number].input)]


def test_an_unknown_level_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'teacher'\. Available: judge, meta, optimizer, program"):
        simulated_model("teacher")


@pytest.mark.parametrize("level", LEVELS)
def test_every_message_is_marked_as_simulated_and_counts_tokens(level: str) -> None:
    model = simulated_model(level)
    assert isinstance(model, SimulatedModel)
    for message in (model.invoke(messages()), asyncio.run(model.ainvoke(messages()))):
        assert message.response_metadata["simulated"] is True
        assert message.response_metadata["finish_reason"] == "stop"
        usage = message.usage_metadata
        assert usage is not None
        assert usage["input_tokens"] > 0 < usage["output_tokens"]
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_both_ways_of_asking_give_the_same_reply() -> None:
    model = simulated_model("program")
    later = asyncio.run(model.ainvoke(messages(), temperature=0.7, draw="3"))
    assert model.invoke(messages(), temperature=0.7, draw="3").text == later.text


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_source_file_knows_a_method_by_name(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("metatextgrad", "")
    assert not METHOD.search(text)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_source_file_imports_tasks_or_data(path: Path) -> None:
    imported = re.findall(r"^\s*(?:from|import) (metatextgrad\S*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    core = ("metatextgrad.core.errors", "metatextgrad.core.randomness")
    runtime = tuple(f"metatextgrad.runtime.{name}" for name in ("simulated", "meter", "models", "prices"))
    assert all(name.startswith(core + runtime) for name in imported)


def test_latency_is_waited_for_and_calls_wait_side_by_side() -> None:
    model = simulated_model("program", latency_seconds=0.05)

    async def ask() -> float:
        begun = time.monotonic()
        await asyncio.gather(*(model.ainvoke(messages(number)) for number in range(8)))
        return time.monotonic() - begun

    assert 0.05 <= asyncio.run(ask()) < 0.35


def _outcome(model: SimulatedModel, number: int) -> AIMessage | ProviderError:
    try:
        return model.invoke(messages(number), temperature=0.0, draw="0")
    except ProviderError as error:
        return error


def _told(outcome: AIMessage | ProviderError) -> str:
    return str(outcome) if isinstance(outcome, ProviderError) else str(outcome.text)


@pytest.mark.parametrize("fault", get_args(Fault))
def test_faults_come_at_the_share_asked_for_and_again_at_the_same_calls(fault: Fault) -> None:
    model = simulated_model("program", fault_share=0.3, faults=(fault,))
    sound = [_outcome(simulated_model("program"), number) for number in range(60)]
    faulty = [_outcome(model, number) for number in range(60)]
    changed = sum(_told(before) != _told(after) for before, after in zip(sound, faulty, strict=True))
    assert 6 <= changed <= 30
    again = [_outcome(model, number) for number in range(60)]
    assert [_told(outcome) for outcome in faulty] == [_told(outcome) for outcome in again]


def test_a_reply_that_is_cut_off_says_so() -> None:
    message = simulated_model("program", fault_share=1, faults=("cut_off",)).invoke(messages())
    assert message.response_metadata["finish_reason"] == "length"
    whole = simulated_model("program").invoke(messages())
    assert whole.text.startswith(message.text)
    assert reply_from(message).finish == "length"


def test_a_reply_longer_than_max_tokens_is_cut_off() -> None:
    message = simulated_model("program").invoke(messages(), max_tokens=3)
    assert message.response_metadata["finish_reason"] == "length"
    assert message.usage_metadata is not None
    assert message.usage_metadata["output_tokens"] == 3


def test_an_empty_reply_is_empty() -> None:
    assert simulated_model("program", fault_share=1, faults=("empty",)).invoke(messages()).text == ""


def test_invalid_json_is_no_json() -> None:
    assert "{" in simulated_model("optimizer", fault_share=1, faults=("invalid",)).invoke(messages()).text


def test_a_share_that_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="less than or equal to 1"):
        simulated_model("program", fault_share=2)


def test_a_program_call_costs_little_time() -> None:
    model = simulated_model("program")
    asked = [messages(number) for number in range(100)]
    model.reply(asked[0], "", 0.0)
    marks = [time.process_time()]
    for _ in range(5):
        for given in asked:
            model.reply(given, "", 0.0)
        marks.append(time.process_time())
    assert min(after - before for before, after in pairwise(marks)) / len(asked) < 0.000_5
