"""A prompt is rewritten once by what was said about runs on record, in whatever form people have them."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

import metatextgrad as mtg
from metatextgrad.adapters.recorded import nested, recorded
from metatextgrad.core.errors import InputError, ReplyError
from tests.scripted import Script

MESSAGES = [
    ("system", "S"),
    ("human", "How much?"),
    {"role": "ai", "content": "", "tool_calls": [{"name": "price", "args": {"of": "it"}, "id": "x"}]},
    ToolMessage("7", tool_call_id="x"),
    ("ai", "It is 7."),
]
SPOKEN = '[system] S\n[human] How much?\n[ai]\ncalls price({"of": "it"})\n[tool] 7\n[ai] It is 7.'


class Annotated(NamedTuple):
    """As langmem has it."""

    messages: Any
    feedback: Any


@pytest.mark.parametrize(
    ("given", "score", "comment"),
    [
        ((MESSAGES, {"score": 0.2, "comment": "too short"}), 0.2, "too short"),
        (Annotated(MESSAGES, {"score": 0}), 0.0, ""),
        ((MESSAGES, "too short"), None, "too short"),
        ((MESSAGES, 0.5), 0.5, ""),
        ((MESSAGES, None), None, ""),
        ((MESSAGES, {"tone": "rude", "user_score": 0}), 0.0, "tone: rude"),
        ((MESSAGES, [{"key": "a", "score": 1}, {"key": "b", "score": 0, "comment": "late"}]), 0.5, "b: late"),
        ({"messages": MESSAGES, "score": 1, "comment": "fine"}, 1.0, "fine"),
        ({"messages": MESSAGES, "feedback": "rude"}, None, "rude"),
        ({"messages": MESSAGES}, None, ""),
        (MESSAGES, None, ""),
    ],
)
def test_messages_with_feedback_of_any_form_are_read(given: Any, score: float | None, comment: str) -> None:
    run = recorded(given)
    assert (run.score, run.comment) == (score, comment)
    assert (run.input, run.output, run.trace) == ("How much?", "It is 7.", SPOKEN)


def test_two_messages_are_not_a_message_with_feedback() -> None:
    for given in ([("human", "a"), ("ai", "b")], [HumanMessage("a"), AIMessage("b")]):
        run = recorded(given)
        assert (run.input, run.output, run.criticism) == ("a", "b", "")


LANGSMITH: dict[str, Any] = {
    "name": "agent",
    "run_type": "chain",
    "inputs": {"messages": [{"type": "human", "content": "How much?"}]},
    "outputs": {"output": "It is 7."},
    "feedback_stats": {"quality": {"n": 2, "avg": 0.25, "comment": "wrong shop"}},
    "child_runs": [
        {
            "name": "node",
            "run_type": "chain",
            "child_runs": [
                {
                    "name": "model",
                    "run_type": "llm",
                    "inputs": {
                        "messages": [[{"lc": 1, "type": "constructor", "kwargs": {"type": "human", "content": "Hm"}}]]
                    },
                    "outputs": {"text": "I ask."},
                },
                {"name": "price", "run_type": "tool", "inputs": {"of": "it", "in": "shop"}, "error": "closed"},
            ],
        }
    ],
}


@pytest.mark.parametrize("as_object", [False, True])
def test_runs_as_langsmith_exports_them_are_read_with_what_happened_inside(as_object: bool) -> None:
    run = recorded(SimpleNamespace(**LANGSMITH) if as_object else LANGSMITH)
    assert (run.input, run.output) == ("[human] How much?", "It is 7.")
    assert (run.score, run.comment) == (0.25, "quality: wrong shop")
    assert run.trace == (
        '<LLM name="model">\n[human] Hm\n-> I ask.\n</LLM>\n'
        '<TOOL name="price">\n{"of": "it", "in": "shop"}\n-> closed\n</TOOL>'
    )


def flat(run: dict[str, Any], above: str | None = None) -> list[dict[str, Any]]:
    """List a run and those inside it, the newest first, as LangSmith's client does."""
    identifier = f"{above or ''}/{run['name']}"
    own = {**run, "id": identifier, "parent_run_id": above, "child_runs": None}
    inside = [flat(child, identifier) for child in run.get("child_runs", ())]
    dated = [{**part[-1], "start_time": number} for number, part in enumerate(inside)]
    listed = [[*part[:-1], last] for part, last in zip(inside, dated, strict=True)]
    return [*(item for part in reversed(listed) for item in part), own]


@pytest.mark.parametrize("as_object", [False, True])
def test_flat_list_of_runs_is_read_as_the_nested_ones(as_object: bool) -> None:
    listed: list[Any] = [*flat(LANGSMITH), *flat({**LANGSMITH, "name": "other"})]
    assert len(listed) == 8
    if as_object:
        listed = [SimpleNamespace(**run) for run in listed]
    assert [recorded(run) for run in nested(listed)] == [recorded(LANGSMITH)] * 2


def test_run_inside_another_that_has_a_comment_stands_for_itself_too() -> None:
    child = {"id": "b", "parent_run_id": "a", "name": "t", "run_type": "tool", "inputs": {"x": 1}, "outputs": {"y": 2}}
    parent = {"id": "a", "inputs": {"q": "Q"}, "outputs": {"a": "A"}, "feedback": "bad"}
    runs = [recorded(run) for run in nested([{**child, "feedback": [{"key": "k", "score": 0}]}, parent])]
    assert [(run.input, run.score) for run in runs] == [("1", 0.0), ("Q", None)]
    assert runs[1].trace == '<TOOL name="t">\n1\n-> 2\n</TOOL>'


def test_run_that_failed_is_criticised_by_its_error() -> None:
    run = recorded({"inputs": {"question": "q"}, "outputs": None, "error": "TimeoutError: late"})
    assert (run.input, run.output, run.score, run.criticism) == (
        "q",
        "It failed: TimeoutError: late",
        0.0,
        "It failed: TimeoutError: late",
    )


@pytest.mark.parametrize("given", [3, "text", {"input": "x"}, [3], [("nobody", "x")], None])
def test_what_is_no_run_is_told(given: Any) -> None:
    with pytest.raises(InputError, match="trajectory"):
        recorded(given)


def optimizer(blames: dict[str, str], improved: str = "better") -> Script:
    def handler(messages: Sequence[BaseMessage], level: object) -> str:
        assert level == "optimizer"
        return json.dumps({"texts": blames} if "<TRACE>" in messages[1].text else {"improved_text": improved})

    return Script(handler)


RUNS = [(MESSAGES, {"score": 0.2, "comment": "name the shop"}), (MESSAGES, {"score": 1.0}), (MESSAGES, {"score": 0.0})]


async def test_prompt_is_rewritten_once_and_nobody_says_that_it_is_better() -> None:
    script = optimizer({"recorded.prompt": "it names no shop"}, "Name the {shop}.")
    found = await mtg.aoptimize_prompt("Sell in the {shop}.", RUNS, models=script.models(), role="sells")
    assert (found.prompt, found.validated, found.simulated, found.lost) == ("Name the {shop}.", False, False, ())
    assert script.calls["optimizer"] == found.usage["optimizer"].calls == 3, "two criticised runs and one rewrite"
    first, second, rewrite = script.prompts("optimizer")
    assert f"<TRACE>\n{SPOKEN}\n</TRACE>" in first
    assert "<FEEDBACK>\n[1] name the shop\n</FEEDBACK>" in first
    assert "[1] The score is 0, where 1 is right." in second
    assert rewrite.count("<CRITICISM>\nit names no shop\n</CRITICISM>") == 2
    assert '<TEXT name="recorded.prompt" role="sells">\nSell in the {shop}.\n</TEXT>' in first


async def test_of_several_prompts_those_that_are_blamed_are_rewritten() -> None:
    script = optimizer({"recorded.tone": "too rude"})
    prompts = {"facts": "Be right.", "tone": mtg.Variable(text="Be short.", role="how it speaks")}
    found = await mtg.aoptimize_prompt(prompts, RUNS, models=script.models())
    assert found.prompts == {"facts": "Be right.", "tone": "better"}
    assert {name: len(notes) for name, notes in found.feedback.items()} == {"facts": 0, "tone": 2}


async def test_prompt_that_nobody_blames_stays_as_it_is() -> None:
    script = optimizer({})
    assert (await mtg.aoptimize_prompt("Sell.", RUNS, models=script.models())).prompt == "Sell."


def test_blocking_form_does_the_same() -> None:
    script = optimizer({"recorded.prompt": "hm"})
    assert mtg.optimize_prompt("Sell.", RUNS, models=script.models()).prompt == "better"


async def test_rewrite_that_loses_a_placeholder_is_rejected() -> None:
    script = optimizer({"recorded.prompt": "hm"}, "No place.")
    with pytest.raises(ReplyError, match=r"lost the placeholder \{shop\}"):
        await mtg.aoptimize_prompt("In {shop}.", RUNS, models=script.models())


async def test_feedback_that_is_lost_is_on_record_and_all_of_it_lost_is_an_error() -> None:
    def handler(messages: Sequence[BaseMessage], level: object) -> str:
        if "name the shop" in messages[1].text:
            return "no JSON"
        blame = {"texts": {"recorded.prompt": "hm"}}
        return json.dumps(blame if "<TRACE>" in messages[1].text else {"improved_text": "x"})

    found = await mtg.aoptimize_prompt("Sell.", RUNS, models=Script(handler).models())
    assert (found.prompt, len(found.lost)) == ("x", 1)
    with pytest.raises(ReplyError, match="feedback on trajectory 0: the reply has no JSON object"):
        await mtg.aoptimize_prompt("Sell.", RUNS, models=Script(lambda *asked: "no JSON").models())


async def test_runs_that_nobody_criticised_teach_nothing() -> None:
    script = optimizer({})
    with pytest.raises(InputError, match="nothing to learn"):
        await mtg.aoptimize_prompt("Sell.", [MESSAGES, (MESSAGES, {"score": 1})], models=script.models())
    assert script.asked == []


async def test_names_of_prompts_are_checked() -> None:
    with pytest.raises(InputError, match="prompts cannot be taken"):
        await mtg.aoptimize_prompt({"A Prompt": "x"}, RUNS, models=optimizer({}).models())
