"""Feedback on agents: each text hears what is about it, and an agent's own mistakes are told from a provider's."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool

import metatextgrad as mtg
from metatextgrad.core.errors import InputError, ProviderError
from metatextgrad.core.program import Program, Variable
from metatextgrad.core.trial import Gradients
from metatextgrad.runtime.backward import gradients_of
from metatextgrad.runtime.evaluation import Attempt, attempt_all
from metatextgrad.runtime.resources import Resources
from metatextgrad.stages.kind import Proposing, Situation
from metatextgrad.stages.textual_gradient import KIND, propose
from tests.agents import AGENT, calls, chain, double, mending, opened, reacting
from tests.loopback import small_task
from tests.scripted import Script, echo, examples, llm

TEXTS = {"system": "Be exact.", "tool": "Doubles.", "shots": Variable(text="1 gives 2", trainable=False)}


def build(texts: dict[str, str], model: Any) -> Any:
    described = double.model_copy(update={"description": texts["tool"]})
    return create_agent(model, [described], system_prompt=f"{texts['system']}\n{texts['shots']}")


THREE = Program.from_runnable(build, TEXTS, purpose="doubles numbers")


def blaming(blames: Any, program: Any = reacting) -> Any:
    def handler(messages: Sequence[BaseMessage], level: Any) -> str | AIMessage:
        return program(messages, level) if level == "program" else json.dumps(blames)

    return handler


async def flowed(
    handler: Any, program: Program = THREE, count: int = 2
) -> tuple[Gradients, Script, list[Attempt], Resources]:
    script = Script(handler)
    given = await opened(script, program)
    attempts = await attempt_all(given, program, examples("train", count + 1)[1:])
    return await gradients_of(given, program.id, attempts, sample=1), script, attempts, given


async def test_each_text_hears_what_is_about_it_and_a_fixed_one_nothing() -> None:
    said = {"texts": {"agent.system": "be bold", "agent.tool": " ", "agent.shots": "more shots"}}
    gradients, script, *_ = await flowed(blaming(said))
    heard = {
        name: [(note.input, note.output, note.feedback) for note in notes]
        for name, notes in gradients.components.items()
    }
    assert heard == {
        "agent.system": [
            ("train question 1", "Answer: 2", "be bold"),
            ("train question 2", "Answer: 4", "be bold"),
        ],
        "agent.tool": [],
        "agent.shots": [],
    }
    assert script.calls["optimizer"] == 2


async def test_optimizer_sees_every_text_with_its_role_and_all_that_happened() -> None:
    _, script, attempts, _ = await flowed(blaming({"texts": {}}), count=1)
    (prompt,) = script.prompts("optimizer")
    assert "<ROLE>doubles numbers</ROLE>" in prompt
    for name, text in mtg.texts_of(THREE).items():
        variable = name.removeprefix("agent.")
        assert f'<TEXT name="{name}" role="the text {variable!r} of doubles numbers">\n{text}\n</TEXT>' in prompt
    assert attempts[0].execution
    assert f"<TRACE>\n{attempts[0].execution.invocations[0].trace}\n</TRACE>" in prompt
    assert "<FEEDBACK>\n[1] train/1 should be 1\n</FEEDBACK>" in prompt


async def test_feedback_on_a_text_that_there_is_not_is_asked_for_again() -> None:
    replies = iter([{"texts": {"system": "no address"}}, {"texts": {"agent.system": "here"}}])
    gradients, script, *_ = await flowed(
        lambda messages, level: reacting(messages, level) if level == "program" else json.dumps(next(replies)), count=1
    )
    assert [note.feedback for note in gradients.components["agent.system"]] == ["here"]
    assert (
        "there is no text 'system'; the texts are agent.shots, agent.system, agent.tool"
        in script.prompts("optimizer")[1]
    )


async def test_feedback_flows_through_an_agent_to_what_it_read() -> None:
    part = THREE.components[0].model_copy(update={"template": "{first}"})
    program = Program(name="p", components=(llm("first"), part)).knowing(THREE.builds)

    def handler(messages: Sequence[BaseMessage], level: Any) -> str | AIMessage:
        if level == "program":
            return "number 7" if messages[0].text == "first" else reacting(messages, level)
        if "<TRACE>" in messages[1].text:
            return json.dumps({"texts": {"agent.tool": "say more"}, "reads": {"first.0": "another number"}})
        return json.dumps({"instructions": f"because {messages[1].text.rpartition('[1] ')[2].split('<')[0].strip()}"})

    gradients, *_ = await flowed(handler, program, count=1)
    assert [note.feedback for note in gradients.components["first"]] == ["because another number"]
    assert [note.feedback for note in gradients.components["agent.tool"]] == ["say more"]


def proposing(given: Resources, gradients: Gradients, step: int, **settings: Any) -> Proposing:
    stage = mtg.stage("textual_gradient", **settings)
    return Proposing(resources=given, stage=stage, program=THREE, gradients=gradients, history=(), step=step)


@pytest.mark.parametrize(
    ("texts", "changed"),
    [
        ("all", [{"agent.system", "agent.tool"}] * 3),
        ("in_turn", [{"agent.system"}, {"agent.tool"}, {"agent.system"}]),
        ("most_criticized", [{"agent.tool"}] * 3),
    ],
)
async def test_setting_says_which_texts_a_step_rewrites(texts: str, changed: list[set[str]]) -> None:
    def handler(messages: Sequence[BaseMessage], level: Any) -> str | AIMessage:
        blamed = ["agent.tool", "agent.system"] if "question 1" in messages[1].text else ["agent.tool"]
        return mending(reacting, "better", *blamed)(messages, level)

    gradients, _, _, given = await flowed(handler)
    before = mtg.texts_of(THREE)
    found = [mtg.texts_of(await propose(proposing(given, gradients, step, texts=texts))) for step in (1, 2, 3)]
    assert [{name for name, text in after.items() if text != before[name]} for after in found] == changed


async def test_turn_of_a_text_without_feedback_goes_to_the_next() -> None:
    gradients, _, _, given = await flowed(mending(reacting, "better", "agent.tool"))
    found = await propose(proposing(given, gradients, 1, texts="in_turn"))
    assert mtg.texts_of(found) == mtg.texts_of(THREE) | {"agent.tool": "better"}


def test_unknown_way_to_choose_texts_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="'all', 'in_turn' or 'most_criticized'"):
        mtg.stage("textual_gradient", texts="some")


def test_one_text_a_step_is_planned_as_one_reply() -> None:
    from metatextgrad.core.estimate import exactly
    from metatextgrad.stages import settings_of

    for texts, most in (("all", 3), ("in_turn", 1)):
        settings = settings_of(mtg.stage("textual_gradient", texts=texts))
        situation = Situation(settings=settings, texts=exactly(3), train=9, val=9, draws=3, first=True)
        assert KIND.cost(situation).asked.high == most


@tool
def broken(number: int) -> int:
    """Double a number."""
    raise ValueError(f"no {number}")


async def test_bug_of_a_tool_scores_0_and_the_error_is_where_the_gradient_starts() -> None:
    program = Program.from_runnable(
        lambda texts, model: create_agent(model, [broken.model_copy(update={"name": "double"})], system_prompt="S"),
        {"system": "S"},
    )
    gradients, script, attempts, _ = await flowed(blaming({"texts": {"agent.system": "be careful"}}), program, count=1)
    (attempt,) = attempts
    assert (attempt.result.score, attempt.result.failure, attempt.result.prediction) == (0.0, "", "")
    assert attempt.result.feedback == "There is no answer, because the agent failed: ValueError: no 1"
    (prompt,) = script.prompts("optimizer")
    assert "-> ValueError: no 1" in prompt.partition("<TRACE>")[2].partition("</TRACE>")[0]
    assert "<OUTPUT>\nIt failed: ValueError: no 1\n</OUTPUT>" in prompt
    (note,) = gradients.components["agent.system"]
    assert (note.output, note.feedback) == ("It failed: ValueError: no 1", "be careful")


async def test_agent_without_end_scores_0() -> None:
    program = Program.from_runnable(
        lambda texts, model: create_agent(model, [double]).with_config(recursion_limit=5), {"system": "S"}
    )
    given = await opened(lambda messages, level: calls("double", str(len(messages)), number=1), program)
    (attempt,) = await attempt_all(given, program, examples("train", 1))
    assert attempt.result.score == 0.0
    assert "GraphRecursionError" in attempt.result.feedback


async def test_text_from_which_nothing_can_be_built_scores_0() -> None:
    program = Program.from_runnable(
        lambda texts, model: (
            ChatPromptTemplate.from_messages([("system", texts["system"]), ("human", "{question}")]) | model
        ),
        {"system": "fine"},
    )
    bad = program.with_instructions({"agent.system": "a brace { alone"})
    given = await opened(echo, program)
    (attempt,) = await attempt_all(given, bad, examples("train", 1))
    assert attempt.result.score == 0.0
    assert "it cannot be built: ValueError" in attempt.result.feedback


async def test_later_components_do_not_run_after_an_agent_failed() -> None:
    part = Program.from_runnable(chain(lambda model: lambda question: 1 // 0), {"t": "T"}, takes="text")
    program = Program(name="p", components=(llm("first"), *part.components, llm("last", "{agent}"))).knowing(
        part.builds
    )
    script = Script(echo)
    given = await opened(script, program)
    (attempt,) = await attempt_all(given, program, examples("train", 1))
    assert attempt.execution
    assert [call.id for call in attempt.execution.invocations] == ["first.0", "agent.0"]
    assert attempt.execution.sources == ("agent.0",)


def down(messages: Sequence[BaseMessage], level: object) -> AIMessage:
    raise ConnectionError("the server is away")


@pytest.mark.parametrize("catches", [False, True])
async def test_call_that_failed_leaves_the_example_unscored_even_when_the_agent_goes_on(catches: bool) -> None:
    async def node(model: Any, question: str) -> str:
        try:
            return (await model.ainvoke(question)).text
        except Exception:
            if not catches:
                raise
            return "Answer: 0"

    def build(texts: dict[str, str], model: Any) -> Any:
        async def ask(question: str) -> str:
            return await node(model, question)

        return ask

    program = Program.from_runnable(build, {"t": "T"}, takes="text")
    given = await opened(down, program, unscored_share=1.0)
    (attempt,) = await attempt_all(given, program, examples("train", 1))
    assert (attempt.result.score, attempt.result.failure) == (None, "provider")
    assert "the server is away" in attempt.error


async def test_own_model_that_fails_leaves_the_example_unscored_too() -> None:
    from tests.agents import ToolModel

    model = ToolModel(level="program", script=Script(down), offered=[])
    program = Program.from_runnable(lambda texts: create_agent(model, [double]), {"t": "T"})
    given = await opened(echo, program)
    with pytest.raises(ProviderError, match="the server is away"):
        await attempt_all(given, program, examples("train", 1))


async def test_error_of_a_metric_is_not_the_agents() -> None:
    given = await opened(reacting, AGENT, metric=lambda prediction, example: 1 // 0)
    with pytest.raises(InputError, match="ZeroDivisionError"):
        await attempt_all(given, AGENT, examples("train", 1))


async def test_structure_stage_that_a_merge_brought_in_proposes_nothing() -> None:
    from metatextgrad.stages import structure
    from metatextgrad.stages.kind import NothingToProposeError

    gradients, script, _, given = await flowed(blaming({"texts": {}}))
    asked = len(script.asked)
    with pytest.raises(NothingToProposeError, match="whose structure is in its own code"):
        await structure.propose(proposing(given, gradients, 1))
    assert len(script.asked) == asked


async def test_simulated_models_improve_a_wrapped_chain_on_what_they_know(tmp_path: Path) -> None:
    def sorter(texts: dict[str, str], model: Any) -> Any:
        return (
            ChatPromptTemplate.from_messages([("system", "{rules}"), ("human", "{question}")]).partial(**texts) | model
        )

    task = small_task(12)
    start = {"rules": mtg.texts_of(task.program)["answer"]}
    program = Program.from_runnable(sorter, start, calls=1)
    result = await mtg.aoptimize(task, program=program, settings=mtg.Context(steps=4), workspace=tmp_path)
    assert result.simulated
    assert mtg.texts_of(result.program) != {"agent.rules": start["rules"]}
    assert result.score > result.findings.rows[0].val.score
