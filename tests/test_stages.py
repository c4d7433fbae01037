"""What a stage shows to its model, and what becomes of the reply."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from metatextgrad.core.errors import InputError, ReplyError
from metatextgrad.core.optimizer import Stage
from metatextgrad.core.program import Join, Llm, Map, Program, Split
from metatextgrad.core.trial import Candidate, Feedback, Gradients, Trial, candidate
from metatextgrad.nodes.propose import last_trials
from metatextgrad.runtime.artifacts import put
from metatextgrad.runtime.resources import Resources
from metatextgrad.runtime.structured import parsed
from metatextgrad.stages import KINDS, adas_tg, checked, kind_of, optimizer_named, settings_of, stage, tgd
from metatextgrad.stages.kind import NothingToProposeError, Proposing
from metatextgrad.stages.structure import Redesigned, written
from tests.scripted import Handler, Script, in_turn, llm, opened

LONG = {what: " ".join(f"{what}{number}" for number in range(500)) for what in ("first", "second", "in", "out", "said")}
PROGRAM = Program(
    name="two",
    components=(
        Llm(name="first", instructions=f"{LONG['first']} {{x}}"),
        Llm(name="second", instructions=LONG["second"], template="{question} {first}", role="checks the first"),
    ),
)


def note(example: str, said: str) -> Feedback:
    return Feedback(example=example, input=f"{LONG['in']} {example}", output=f"{LONG['out']} {example}", feedback=said)


GRADIENTS = Gradients(
    program=PROGRAM.id,
    batch=("a", "b", "c"),
    failed=("a", "b"),
    components={"first": (note("a", "first of a"), note("b", LONG["said"])), "second": (note("a", "second of a"),)},
    answer=(note("a", "wrong a"), note("b", "wrong b")),
)
NOTHING_SAID = Gradients(
    program=PROGRAM.id, batch=("a",), failed=("a",), components={"first": ()}, answer=(note("a", "x"),)
)
ALL_RIGHT = Gradients(program=PROGRAM.id, batch=("a",), failed=(), components={}, answer=())


async def proposed(
    chosen: Stage,
    handler: Handler | Script,
    gradients: Gradients = GRADIENTS,
    history: tuple[Trial, ...] = (),
    **given: Any,
) -> Program:
    resources = given.get("resources") or await opened(handler)
    proposing = Proposing(resources, chosen, PROGRAM, gradients, history, step=1)
    return await kind_of(chosen).propose(proposing)


def improved(messages: Sequence[BaseMessage], level: object) -> str:
    """Write a text that says which one it replaces."""
    return json.dumps(
        {"improved_text": "new first {x}" if "first0" in messages[-1].text.split("<FEEDBACK")[0] else "new second"}
    )


async def test_tgd_rewrites_every_text_that_has_feedback_by_its_own_feedback_alone() -> None:
    script = Script(improved)
    after = await proposed(stage("textual_gradient", instructions="Mend it."), script)
    assert after == PROGRAM.with_instructions({"first": "new first {x}", "second": "new second"})
    first, second = script.prompts("optimizer")
    assert first.startswith("Mend it.")
    assert f"<TEXT>\n{LONG['first']} {{x}}\n</TEXT>" in first, "the whole text, never a clipped one"
    for number, (example, said) in enumerate([("a", "first of a"), ("b", LONG["said"])], 1):
        shown = f"<INPUT>\n{LONG['in']} {example}\n</INPUT>\n<OUTPUT>\n{LONG['out']} {example}\n</OUTPUT>\n"
        shown += f"<CRITICISM>\n{said}\n</CRITICISM>"
        assert f'<FEEDBACK number="{number}">\n{shown}\n</FEEDBACK>' in first
    assert "second of a" not in first
    assert "second of a" in second
    assert "<ROLE>checks the first</ROLE>" in second


async def test_tgd_leaves_texts_without_feedback_alone() -> None:
    gradients = GRADIENTS.model_copy(update={"components": {"first": (), "second": (note("a", "x"),)}})
    assert await proposed(stage("textual_gradient"), improved, gradients) == PROGRAM.with_instructions(
        {"second": "new second"}
    )


async def test_one_unusable_text_rejects_the_whole_proposal() -> None:
    def handler(messages: Sequence[BaseMessage], level: object) -> str:
        return improved(messages, level) if "first0" in messages[1].text.split("<FEEDBACK")[0] else "no"

    with pytest.raises(ReplyError, match="no JSON object"):
        await proposed(stage("textual_gradient"), handler)


REFUSED_TEXTS = [
    ("", "the improved text is empty"),
    (" \n ", "the improved text is empty"),
    ("word " * 5000, "the improved text has 25000 characters; at most 20000 are taken"),
    ("without its placeholder", "the improved text lost the placeholder {x}"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED_TEXTS, ids=["empty", "blank", "too long", "placeholder lost"])
async def test_text_that_cannot_replace_the_old_one_is_asked_for_again_and_then_rejected(
    text: str, reason: str
) -> None:
    only_first = GRADIENTS.model_copy(update={"components": {"first": (note("a", "x"),)}})
    refused = json.dumps({"improved_text": text})
    with pytest.raises(ReplyError, match=reason):
        await proposed(stage("textual_gradient"), in_turn(refused, refused), only_first)
    script = Script(in_turn(refused, json.dumps({"improved_text": "fine {x}"})))
    assert (await proposed(stage("textual_gradient"), script, only_first)).trainable()[
        "first"
    ].instructions == "fine {x}"
    assert reason in script.prompts("optimizer")[1]


@pytest.mark.parametrize(
    ("kind", "gradients", "error", "reason"),
    [
        ("textual_gradient", ALL_RIGHT, NothingToProposeError, "no example of the batch gave feedback on a component"),
        (
            "textual_gradient",
            NOTHING_SAID,
            NothingToProposeError,
            "no example of the batch gave feedback on a component",
        ),
        ("textual_gradient", NOTHING_SAID.model_copy(update={"lost": ("it was lost",)}), ReplyError, "it was lost"),
        ("structure", ALL_RIGHT, NothingToProposeError, "no example of the batch was answered wrongly"),
    ],
    ids=["prompts, all right", "prompts, nothing said", "prompts, feedback lost", "structure, all right"],
)
async def test_stage_without_feedback_says_so_and_asks_nobody(
    kind: str, gradients: Gradients, error: type[ReplyError], reason: str
) -> None:
    script = Script(in_turn())
    with pytest.raises(error, match=reason) as raised:
        await proposed(stage(kind), script, gradients)
    assert type(raised.value) is error
    assert not script.asked


async def test_structure_sees_the_whole_program_and_all_feedback_and_gets_a_new_program_of_the_same_name() -> None:
    parts = [{"kind": "llm", "name": "only", "instructions": "Do it."}]
    script = Script(in_turn(json.dumps({"components": parts})))
    after = await proposed(stage("structure", instructions="Be bold."), script)
    assert after == Program(name="two", components=(Llm(name="only", instructions="Do it."),))
    (prompt,) = script.prompts("optimizer")
    assert "Be bold." in prompt
    assert "<QUESTION_TYPE>arithmetic of ids</QUESTION_TYPE>" in prompt
    shown = json.loads(prompt.partition("<PROGRAM>\n")[2].partition("\n</PROGRAM>")[0])
    assert Program.model_validate({"name": "two", "components": shown}) == PROGRAM
    assert prompt.index("wrong a") < prompt.index("wrong b") < prompt.index("first of a") < prompt.index("second of a")
    assert (
        f'<COMPONENT_FEEDBACK component="first">\n[1] first of a\n[2] {LONG["said"]}\n</COMPONENT_FEEDBACK>' in prompt
    )
    assert "Use at most 16 components" in prompt


async def scored_trial(given: Resources, text: str, score: float | None, previous: str | None, step: int) -> str:
    item: Candidate = {
        **candidate(await put(given.store, PROGRAM.with_instructions({"second": text})), "s"),
        "score": score,
    }
    trial = Trial(
        level="program",
        path="",
        step=step,
        previous=previous,
        candidates=(item,),
        outcome="rejected",
        best=None,
        best_score=None,
    )
    return await put(given.store, trial)


@pytest.mark.parametrize("kind", ["textual_gradient", "structure"])
async def test_stage_sees_as_many_past_versions_as_it_asks_for_with_their_scores_oldest_first(kind: str) -> None:
    reply = {"components": [{"kind": "llm", "name": "a", "instructions": ""}]} if kind == "structure" else None
    script = Script(lambda messages, level: json.dumps(reply) if reply else improved(messages, level))
    given = await opened(script)
    newest = None
    for step, (text, score) in enumerate(
        [("version one", 0.25), ("version two", 0.5), ("unscored", None), ("version four", 0.75)]
    ):
        newest = await scored_trial(given, text, score, newest, step)
    history = await last_trials(given, newest, 3)
    assert [trial.step for trial in history] == [1, 2, 3]
    await proposed(stage(kind), script, history=history, resources=given)
    prompt = script.prompts("optimizer")[-1]
    past = prompt.partition("<PAST_")[2]
    assert "version one" not in prompt
    assert "unscored" not in prompt
    assert past.index("Validation score 0.50") < past.index("version two") < past.index("Validation score 0.75")


async def test_past_version_of_a_component_that_a_program_did_not_have_is_left_out() -> None:
    script = Script(improved)
    given = await opened(script)
    other = Program(name="other", components=(llm("second"),))
    item: Candidate = {**candidate(await put(given.store, other), "s"), "score": 0.5}
    trial = Trial(
        level="program",
        path="",
        step=1,
        previous=None,
        candidates=(item,),
        outcome="rejected",
        best=None,
        best_score=None,
    )
    await proposed(stage("textual_gradient"), script, history=(trial,), resources=given)
    first, second = script.prompts("optimizer")
    assert "<PAST_VERSIONS>" not in first
    assert "<PAST_VERSIONS>\nValidation score 0.50:\nsecond\n</PAST_VERSIONS>" in second


@pytest.mark.parametrize("wanted", [0, 1, 2, 5])
async def test_walk_back_through_trials_ends_where_they_begin(wanted: int) -> None:
    given = await opened(in_turn())
    first = await scored_trial(given, "one", 0.1, None, 0)
    second = await scored_trial(given, "two", 0.2, first, 1)
    assert [trial.step for trial in await last_trials(given, second, wanted)] == [0, 1][2 - min(wanted, 2) :]


def test_kinds_and_optimizers_are_found_by_name() -> None:
    assert (optimizer_named("tgd"), optimizer_named("adas-tg")) == (tgd(), adas_tg())
    assert [part.kind for part in (*tgd().stages(), *adas_tg().stages())] == ["textual_gradient", "structure"]
    assert all(kind.name == name for name, kind in KINDS.items())
    with pytest.raises(InputError, match=r"Unknown optimizer 'sgd'\. Available: adas-tg, .*tgd"):
        optimizer_named("sgd")


@pytest.mark.parametrize(
    ("kind", "settings", "reason"),
    [
        ("gradient", {}, r"Unknown stage kind 'gradient'\. Available: .*textual_gradient\."),
        (
            "structure",
            {"histroy": 1},
            r"Stage 'structure': histroy: Extra inputs are not permitted\. Settings: history\.",
        ),
        ("structure", {"history": "all"}, "history: Input should be a valid integer"),
        ("structure", {"history": -1}, "history: Input should be greater than or equal to 0"),
        ("textual_gradient", {"history": 10**30}, "history: Input should be less than or equal to 100"),
    ],
    ids=["kind", "misspelt", "type", "negative", "too many"],
)
def test_stage_that_cannot_work_is_refused_with_its_reason(kind: str, settings: dict[str, Any], reason: str) -> None:
    wrong = Stage(kind=kind, instructions="", settings=settings)
    with pytest.raises(InputError, match=reason):
        settings_of(wrong)
    with pytest.raises(InputError, match=reason):
        checked(tgd().model_copy(update={"schedule": wrong}))
    with pytest.raises(InputError, match=reason):
        stage(kind, **settings)


def test_a_program_is_shown_in_the_form_in_which_it_can_be_answered() -> None:
    nested = Program(
        name="nested",
        components=(
            Llm(name="plan", instructions="Plan."),
            Split(name="steps", text="plan"),
            Map(name="work", over="steps", body=(Llm(name="do", instructions="Do.", template="{item}"),)),
            Join(name="end", template="{work}"),
        ),
    )
    assert parsed(Redesigned, f'{{"components": {written(nested)}}}').components == nested.components
