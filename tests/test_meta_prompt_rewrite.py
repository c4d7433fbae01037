"""Algorithm 3's proposal: what its prompt holds, and that nothing but one stage's instructions changes."""

import json
import re
from typing import Any

import pytest
from langgraph.runtime import Runtime

from metatextgrad.core.optimizer import Optimizer, Schedule, alternate, chain, repeat
from metatextgrad.core.task import Example
from metatextgrad.core.trial import Candidate, candidate
from metatextgrad.nodes.meta_prompt_rewrite import Writes, meta_prompt_rewrite, shown
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.resources import Resources
from metatextgrad.stages import stage
from tests.scripted import Script, in_turn, opened

PROMPTS = stage("textual_gradient", instructions="Mend the {text}.", history=2)
STRUCTURE = stage("structure", instructions="Build it anew.", name="architect")
MIXED = chain(repeat(STRUCTURE, 2), alternate(PROMPTS, STRUCTURE))
NEW = json.dumps({"improved_instructions": "Look at the {text} closely."})


async def rewritten(
    schedule: Schedule, script: Script, *, step: int = 1, lineage: str = "tgd", **settings: Any
) -> tuple[Writes, Optimizer, Resources]:
    given = await opened(script, **settings)
    incumbent = Optimizer(name="mine", purpose="a purpose", schedule=schedule)
    best: Candidate = {**candidate(await put(given.store, incumbent), "mine", "scored"), "score": 0.731}
    runtime: Runtime[Context] = Runtime(context=given.context, store=given.store)
    writes = await meta_prompt_rewrite({"best": best, "lineage": lineage, "step": step}, runtime)
    return writes, incumbent, given


async def test_prompt_holds_the_optimizer_the_question_type_one_example_and_the_instructions() -> None:
    script = Script(in_turn(NEW))
    _, incumbent, given = await rewritten(PROMPTS, script)
    ((level, (system, human)),) = script.asked
    assert level == "meta"
    whole = json.loads(human.partition("<OPTIMIZER>\n")[2].partition("\n</OPTIMIZER>")[0])
    assert Optimizer.model_validate(whole) == incumbent
    assert "<QUESTION_TYPE>arithmetic of ids</QUESTION_TYPE>" in human
    assert human.endswith("<INSTRUCTIONS>\nMend the {text}.\n</INSTRUCTIONS>")
    assert "improves the prompts of the program" in system
    (example,) = [example for example in given.task.trainset if f"\n{example.input}\n" in human]
    assert shown(example) in human


async def test_prompt_holds_no_score_and_nothing_of_earlier_proposals() -> None:
    script = Script(in_turn(NEW))
    await rewritten(PROMPTS, script, step=4)
    assert "0.73" not in script.prompts("meta")[0]
    assert "score" not in script.asked[0][1][1]


async def drawn(**settings: Any) -> list[str]:
    """Return the examples that a prompt shows."""
    script = Script(in_turn(NEW))
    await rewritten(PROMPTS, script, **settings)
    return re.findall(r"<QUESTION>\n(.*)\n</QUESTION>", script.prompts("meta")[0])


async def test_example_is_drawn_from_the_training_set_anew_by_seed_lineage_and_step() -> None:
    several = {(await drawn(step=step))[0] for step in range(1, 9)}
    assert len(several) > 4
    assert all(question.startswith("train question") for question in several)
    assert await drawn(step=3) == await drawn(step=3)
    lineages = [await drawn(lineage=f"lineage {number}") for number in range(6)]
    seeds = [await drawn(seed=number) for number in range(6)]
    assert len({question for (question,) in lineages}) > 2
    assert len({question for (question,) in seeds}) > 2


@pytest.mark.parametrize(("asked", "count"), [(1, 1), (3, 3), (20, 20), (50, 20)])
async def test_as_many_examples_are_shown_as_the_settings_say_each_once(asked: int, count: int) -> None:
    questions = await drawn(meta_examples=asked)
    assert len(questions) == len(set(questions)) == count


@pytest.mark.parametrize("step", range(1, 7))
async def test_only_the_instructions_of_one_stage_change_and_stages_take_turns(step: int) -> None:
    writes, incumbent, given = await rewritten(MIXED, Script(in_turn(NEW)), step=step)
    after = await get(given.store, Optimizer, writes["optimizer"])
    position = (step - 1) % 3
    assert after.stages()[position].instructions == "Look at the {text} closely."
    assert after.with_instructions({position: incumbent.stages()[position].instructions}) == incumbent
    assert writes["candidates"] == [candidate(after.id, "meta_prompt_rewrite")]
    assert writes["path"] == f"tgd/{step}"


@pytest.mark.parametrize(("step", "improves"), [(1, "structure"), (2, "prompts")])
async def test_prompt_says_what_the_stage_improves(step: int, improves: str) -> None:
    script = Script(in_turn(NEW))
    await rewritten(chain(STRUCTURE, PROMPTS), script, step=step)
    assert f"improves the {improves} of the program" in script.prompts("meta")[0]


UNUSABLE = [
    ("Certainly!", "the reply has no JSON object"),
    ('{"instructions": "Look."}', "improved_instructions: Field required"),
    ('{"improved_instructions": " "}', "the improved text is empty"),
    ('{"improved_instructions": "Look closely."}', "the improved text lost the placeholder {text}"),
    (json.dumps({"improved_instructions": "{text} " * 3000}), "the improved text has 21000 characters; at most 20000"),
]


@pytest.mark.parametrize(("reply", "reason"), UNUSABLE, ids=[reason for _, reason in UNUSABLE])
async def test_proposal_that_cannot_be_used_twice_is_invalid_with_its_reason(reply: str, reason: str) -> None:
    script = Script(in_turn(reply, reply))
    writes, _, _ = await rewritten(PROMPTS, script)
    (found,) = writes["candidates"]
    assert (found["id"], found["status"], writes["optimizer"]) == (None, "invalid", "")
    assert found["reason"].startswith(reason)
    assert script.calls == {"meta": 2}


async def test_proposal_that_is_usable_the_second_time_is_taken() -> None:
    writes, _, given = await rewritten(PROMPTS, Script(in_turn("Certainly!", NEW)))
    assert (await get(given.store, Optimizer, writes["optimizer"])).stages()[
        0
    ].instructions == "Look at the {text} closely."


def test_example_is_shown_with_its_answer() -> None:
    example = Example(id="1", input="Close: ( [", target="] )")
    assert shown(example) == ("<EXAMPLE>\n<QUESTION>\nClose: ( [\n</QUESTION>\n<ANSWER>\n] )\n</ANSWER>\n</EXAMPLE>")
