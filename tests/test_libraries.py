"""The real GEPA and DSPy inside a run: they get what is theirs, stop when they must, and leave nothing behind."""

import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
import pytest
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from metatextgrad.core.errors import BudgetReachedError, InputError, MetaTextGradError, ProviderError, ReplyError
from metatextgrad.core.program import Demonstration, Llm, Program
from metatextgrad.core.task import Example, Score
from metatextgrad.runtime.meter import Level
from metatextgrad.stages import kind_of, stage
from metatextgrad.stages.bridge import Bridge, ClosedError, in_thread
from metatextgrad.stages.kind import NothingToProposeError, Proposing
from metatextgrad.stages.quiet import changed, muted
from tests.scripted import Script, opened, tiny_task

GEPA = pytest.param("gepa", marks=pytest.mark.skipif(not find_spec("gepa"), reason="the extra gepa is not installed"))
NO_DSPY = pytest.mark.skipif(not find_spec("dspy"), reason="the extra dspy is not installed")
DSPY = [pytest.param(kind, marks=NO_DSPY) for kind in ("dspy_mipro", "dspy_gepa")]
SETTINGS: dict[str, dict[str, Any]] = {
    "gepa": {"metric_calls": 60, "validation": 8},
    "dspy_gepa": {"metric_calls": 60, "validation": 8},
    "dspy_mipro": {"candidates": 4, "trials": 4, "minibatch": 4, "validation": 8},
}
PARTS = (
    Llm(name="history", role="thinks", instructions="Think.\n    Well. {care} [n=0]"),
    Llm(name="forward", role="answers", instructions="Answer. {care} [n=0]", template="{question}\n{history}"),
)
"""Names that DSPy's modules have too, and a text that it would lay out anew."""
TWO = Program(name="two", components=PARTS)


def numbers_in(text: str) -> list[int]:
    return [int(piece.partition("]")[0]) for piece in text.split("[n=")[1:]]


def reply(messages: Sequence[BaseMessage], level: Level) -> str:
    """Answer more questions the higher the number in the second call's instructions; write higher ones."""
    system, last = messages[0].text, messages[-1].text
    if level == "program":
        number = int(last.partition("\n")[0].rpartition(" ")[2])
        return f"Answer: {number if number % 7 <= numbers_in(system)[0] else '?'}"
    if "improved_text" in system:
        return json.dumps({"improved_text": f"Better. {{care}} [n={numbers_in(last)[0] + 3}]"})
    if "proposed_instruction" in system:
        return json.dumps({"proposed_instruction": f"Better. {{care}} [n={1 + len(system + last) % 6}]"})
    keys = [key for key in ("observations", "summary", "program_description", "module_description") if key in system]
    return json.dumps(dict.fromkeys(keys, "numbers"))


async def proposing(kind: str, script: Script, program: Program = TWO, step: int = 1, **changes: Any) -> Proposing:
    task = tiny_task(program, sizes=(12, 16, 4))
    resources = await opened(script, task=task, **changes)
    given = stage(kind, instructions="OWN WORDS", **SETTINGS[kind])
    return Proposing(resources=resources, stage=given, program=program, gradients=None, history=(), step=step)


@contextlib.contextmanager
def leaving_nothing(folder: Path, capture: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Hold that nothing is written to the terminal or the working folder, and nothing global is changed."""
    before = _globals()
    with contextlib.chdir(folder):
        yield
    assert _globals() == before
    assert capture.readouterr() == ("", "")
    assert not list(folder.iterdir())


def _globals() -> tuple[object, ...]:
    found: tuple[object, ...] = (sys.stdout, sys.stderr, optuna.logging.get_verbosity())
    if find_spec("dspy"):
        import dspy
        from dspy.utils.logging_utils import DSPY_LOGGING_STREAM

        found += (dspy.settings.lm, dspy.settings.adapter, DSPY_LOGGING_STREAM.enabled)
    return found


@pytest.mark.parametrize("kind", [GEPA, *DSPY])
async def test_library_improves_a_program_and_leaves_nothing_behind(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = Script(reply)
    with leaving_nothing(tmp_path, capfd):
        proposed = await kind_of(stage(kind)).propose(await proposing(kind, script))
    assert proposed != TWO
    assert (
        proposed.with_instructions({part.name: part.instructions for part in PARTS}).with_demonstrations(
            {part.name: () for part in PARTS}
        )
        == TWO
    )
    for before, after in zip(PARTS, proposed.callers(), strict=True):
        assert after.instructions == before.instructions or after.instructions.startswith("Better. {care}")
    own = [prompt for prompt in script.prompts("optimizer") if "improved_text" in prompt or "proposed_" in prompt]
    assert own and all(prompt.startswith("OWN WORDS") for prompt in own)
    assert not any("test question" in prompt for prompt in script.prompts("program"))


@pytest.mark.parametrize("kind", [GEPA, *DSPY])
async def test_a_cap_inside_a_library_stops_it_and_no_further_call_is_made(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = Script(reply)
    with leaving_nothing(tmp_path, capfd), pytest.raises(BudgetReachedError):
        await kind_of(stage(kind)).propose(await proposing(kind, script, max_calls=37))
    assert len(script.asked) == 37


@pytest.mark.parametrize("kind", [GEPA, *DSPY])
async def test_a_provider_that_fails_inside_a_library_is_no_wrong_answer(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def failing(messages: Sequence[BaseMessage], level: Level) -> str:
        if "val question 5" in messages[-1].text:
            raise ConnectionError("gone")
        return reply(messages, level)

    with leaving_nothing(tmp_path, capfd), pytest.raises(ProviderError, match="gone"):
        await kind_of(stage(kind)).propose(await proposing(kind, Script(failing)))


@pytest.mark.parametrize("kind", [GEPA, *DSPY])
@pytest.mark.parametrize("bad", ["no JSON", '{"improved_text": "lost", "proposed_instruction": "lost"}'])
async def test_a_text_that_cannot_be_used_is_not_taken_from_a_library(kind: str, bad: str) -> None:
    def useless(messages: Sequence[BaseMessage], level: Level) -> str:
        asked = "improved_text" in messages[0].text or "proposed_instruction" in messages[0].text
        return bad if level == "optimizer" and asked else reply(messages, level)

    given = await proposing(kind, Script(useless))
    try:
        proposed = await kind_of(given.stage).propose(given)
    except NothingToProposeError:
        return
    assert kind == "dspy_mipro", "it has demonstrations to choose from besides"
    assert [part.instructions for part in proposed.callers()] == [part.instructions for part in PARTS]


@pytest.mark.parametrize("kind", [GEPA, *DSPY])
async def test_another_step_is_another_run_and_the_same_step_the_same(kind: str) -> None:
    async def asked(step: int) -> list[str]:
        script = Script(reply)
        with contextlib.suppress(NothingToProposeError):
            await kind_of(stage(kind)).propose(await proposing(kind, script, step=step))
        return sorted(script.prompts("program") + script.prompts("optimizer"))

    first = await asked(1)
    assert await asked(1) == first
    assert await asked(2) != first


@NO_DSPY
async def test_demonstrations_that_a_program_has_are_kept_by_dspy() -> None:
    import dspy

    from metatextgrad.stages.dspy_program import as_module

    shown = (Demonstration(input="train question 1", output="Answer: 1"),)
    program = TWO.with_demonstrations({"history": shown})
    given = await proposing("dspy_mipro", Script(reply), program)
    module = as_module(dspy, Bridge(given, asyncio.get_running_loop()))
    assert module.chosen() == module.deepcopy().chosen() == program


@NO_DSPY
async def test_labelled_examples_of_dspy_are_shown_in_a_form_that_the_metric_takes() -> None:
    single = Program(name="one", components=(PARTS[1].model_copy(update={"template": "{question}"}),))
    given = await proposing("dspy_mipro", Script(reply), single)
    proposed = await kind_of(given.stage).propose(given)
    (part,) = proposed.components
    assert isinstance(part, Llm)
    for demo in part.demonstrations:
        assert demo == Demonstration(input=demo.input, output=f"Answer: {demo.input.rpartition(' ')[2]}")


async def test_an_error_of_a_library_makes_its_step_invalid() -> None:
    def breaks(bridge: Bridge) -> Program:
        raise ZeroDivisionError("oh")

    with pytest.raises(ReplyError, match="the library failed: ZeroDivisionError: oh"):
        await in_thread(await proposing("gepa", Script(reply)), breaks)


async def test_a_library_that_takes_an_error_for_a_score_is_not_believed() -> None:
    def swallows(bridge: Bridge) -> str:
        with contextlib.suppress(ClosedError):
            bridge.attempts(TWO, bridge.given.resources.task.trainset)
        with pytest.raises(ClosedError):  # and asks in vain from then on
            bridge.attempts(TWO, bridge.given.resources.task.valset)
        return "all is well"

    script = Script(reply)
    with pytest.raises(BudgetReachedError):
        await in_thread(await proposing("gepa", script, max_calls=1), swallows)
    assert len(script.asked) == 1


async def test_a_metric_that_fails_inside_a_library_is_an_error_of_the_input() -> None:
    def broken(prediction: str, example: Example) -> Score:
        raise KeyError("oops")

    given = await proposing("gepa", Script(reply))
    task = tiny_task(TWO, sizes=(4, 4, 1), metric=broken)
    resources = await opened(Script(reply), task=task)
    given = Proposing(**{**given.__dict__, "resources": resources})
    with pytest.raises(InputError, match="Metric 'exact' raised KeyError"):
        await in_thread(given, lambda bridge: bridge.attempts(TWO, task.trainset))


def test_muting_is_for_the_threads_that_asked_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    inside, outside = threading.Event(), threading.Event()

    def library() -> None:
        with muted():
            sys.stdout.write("from the library")
            inside.set()
            outside.wait(5)
            with muted():
                sys.stderr.write("from the library")
            sys.stdout.write("from the library")

    before = sys.stdout, sys.stderr
    thread = threading.Thread(target=library)
    thread.start()
    inside.wait(5)
    sys.stdout.write("from the run")
    outside.set()
    thread.join()
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("from the run", "")


def test_errors_of_a_run_are_not_taken_for_errors_of_a_library() -> None:
    assert issubclass(BudgetReachedError, MetaTextGradError) and not issubclass(ClosedError, MetaTextGradError)


def build(texts: Mapping[str, str], model: Any) -> Any:
    """Build a chain of the user's from one text."""
    return ChatPromptTemplate.from_messages([("system", "{rules}"), ("human", "{question}")]).partial(
        rules=texts["rules"]
    ) | (model | StrOutputParser())


@pytest.mark.parametrize("kind", ["instruction_search", "reflection", GEPA, *DSPY])
async def test_a_runnable_of_the_users_is_improved_like_any_program(kind: str) -> None:
    program = Program.from_runnable(build, {"rules": "Answer. {care} [n=0]"}, takes="values")

    def any_reply(messages: Sequence[BaseMessage], level: Level) -> str:
        if "proposed_text" in messages[0].text:
            return json.dumps({"proposed_text": f"Better. {{care}} [n={1 + len(messages[0].text) % 6}]"})
        return reply(messages, level)

    settings = SETTINGS.get(kind, {"candidates": 8} if kind == "instruction_search" else {"minibatch": 8})
    given = await proposing("gepa", Script(any_reply), program)
    given = Proposing(**{**given.__dict__, "stage": stage(kind, **settings)})
    proposed = await kind_of(given.stage).propose(given)
    assert list(proposed.trainable()) == ["agent.rules"]
    assert proposed.trainable()["agent.rules"].instructions.startswith("Better. {care}")


async def test_more_libraries_than_the_loop_has_threads_wait_for_no_one() -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
    given = await proposing("gepa", Script(reply))

    def work(bridge: Bridge) -> str:
        return bridge.wait(lambda: asyncio.to_thread(str.upper, "done"))

    async with asyncio.timeout(10):
        assert await asyncio.gather(*(in_thread(given, work) for _ in range(4))) == ["DONE"] * 4


async def test_a_cancelled_step_stops_its_library() -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(bridge: Bridge) -> None:
        try:
            while True:
                bridge.wait(lambda: asyncio.sleep(0.01))
                begun.set()
        finally:
            ended.set()

    task = asyncio.ensure_future(in_thread(await proposing("gepa", Script(reply)), endless))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 5)


def test_a_change_that_several_hold_is_undone_by_the_last() -> None:
    seen: list[str] = []

    def change() -> Any:
        seen.append("made")
        return lambda: seen.append("undone")

    first, second = changed("x", change), changed("x", change)
    with first:
        second.__enter__()
    assert seen == ["made"]
    second.__exit__(None, None, None)
    assert seen == ["made", "undone"]


@pytest.mark.parametrize("kind", [GEPA, *DSPY])
async def test_libraries_side_by_side_leave_nothing_behind(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    givens = [await proposing(kind, Script(reply), step=step) for step in range(1, 4)]
    with leaving_nothing(tmp_path, capfd):
        await asyncio.gather(*(kind_of(stage(kind)).propose(given) for given in givens), return_exceptions=True)
