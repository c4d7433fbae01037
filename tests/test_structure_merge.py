"""Algorithm 4's proposal: what its prompt holds, and which optimizers may come of the reply."""

import json
from typing import Any

import pytest
from langgraph.runtime import Runtime

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.optimizer import (
    Optimizer,
    Schedule,
    Stage,
    alternate,
    best_of,
    chain,
    on_plateau,
    repeat,
)
from metatextgrad.core.trial import Candidate, candidate
from metatextgrad.nodes.extract_optimizer import Lineage
from metatextgrad.nodes.structure_merge import Merged, Writes, optimizer_from, structure_merge
from metatextgrad.runtime.artifacts import get, put
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.resources import Resources
from metatextgrad.stages import adas_tg, stage, tgd
from tests.scripted import Script, in_turn, opened

ARCHITECT = Optimizer(name="architect", purpose="Plans well.", schedule=repeat(stage("structure", name="plan"), 2))
REFERENCES = {"tgd": tgd(), "adas-tg": adas_tg(), "third": ARCHITECT}
USE_TGD, USE_THIRD = {"op": "use", "optimizer": "tgd"}, {"op": "use", "optimizer": "third"}
OWN = {"op": "stage", "kind": "textual_gradient", "instructions": "Mend it.", "settings": {"history": 2}}
OWN_STAGE = Stage(kind="textual_gradient", instructions="Mend it.", settings={"history": 2})
GOOD = json.dumps(
    {"name": "both", "purpose": "First one, then the other.", "schedule": {"op": "chain", "parts": [USE_THIRD, OWN]}}
)


def lineage(optimizer: Optimizer, order: int, name: str) -> Lineage:
    item: Candidate = {**candidate(optimizer.id, name, "scored"), "score": order / 10}
    return Lineage(name=name, order=order, first=item, best=item, trial="t")


async def merged(script: Script, *, best: str = "third", step: int = 1, **settings: Any) -> tuple[Writes, Resources]:
    given = await opened(script, **settings)
    for optimizer in REFERENCES.values():
        await put(given.store, optimizer)
    lineages = [lineage(optimizer, order, name) for order, (name, optimizer) in enumerate(REFERENCES.items())]
    incumbent: Candidate = {**candidate(REFERENCES[best].id, best, "scored"), "score": 0.4567}
    runtime: Runtime[Context] = Runtime(context=given.context, store=given.store)
    return await structure_merge({"lineages": lineages[::-1], "best": incumbent, "step": step}, runtime), given


async def test_prompt_shows_every_reference_whole_with_its_purpose_and_the_incumbent_with_its_score() -> None:
    script = Script(in_turn(GOOD))
    await merged(script, steps=9)
    ((level, (system, human)),) = script.asked
    assert level == "meta"
    places = []
    for name, optimizer in REFERENCES.items():
        opening = f'<OPTIMIZER name="{name}" purpose="{optimizer.purpose}">\n'
        places.append(human.index(opening))
        whole = json.loads(human[places[-1] + len(opening) :].partition("\n</OPTIMIZER>")[0])
        assert Optimizer.model_validate(whole) == optimizer
    assert places == sorted(places), "in the order of the input, whichever lineage came in first"
    incumbent = human.partition('<INCUMBENT score="0.457">\n')[2].partition("\n</INCUMBENT>")[0]
    assert Optimizer.model_validate(json.loads(incumbent)) == ARCHITECT
    assert "at each of its 9 steps" in system
    assert "at most 12 stages, 5 levels of nesting, 20 repetitions, and 3 parts in a best_of" in system
    assert "structure comes before prompts" in system
    assert "textual_gradient (rewrites the instructions" in system
    assert "structure (redesigns the program" in system


async def test_result_is_the_schedule_with_each_use_replaced_by_what_it_names() -> None:
    writes, given = await merged(Script(in_turn(GOOD)), step=2)
    expected = Optimizer(name="both", purpose="First one, then the other.", schedule=chain(ARCHITECT, OWN_STAGE))
    assert await get(given.store, Optimizer, writes["optimizer"]) == expected
    assert writes["candidates"] == [candidate(expected.id, "structure_merge")]
    assert writes["path"] == "merge/2"


def made(schedule: dict[str, Any], name: str = "m", purpose: str = "p") -> Optimizer:
    return optimizer_from(Merged(name=name, purpose=purpose, schedule=schedule), REFERENCES)


STRUCTURES: list[tuple[dict[str, Any], Schedule]] = [
    (USE_TGD, tgd().schedule),
    (OWN, OWN_STAGE),
    ({"op": "chain", "parts": [USE_THIRD, USE_TGD]}, chain(ARCHITECT, tgd())),
    ({"op": "repeat", "part": USE_TGD, "times": 3}, repeat(tgd(), 3)),
    ({"op": "alternate", "parts": [USE_TGD, OWN]}, alternate(tgd(), OWN_STAGE)),
    ({"op": "best_of", "parts": [USE_TGD, USE_THIRD]}, best_of(tgd(), ARCHITECT)),
    ({"op": "on_plateau", "first": USE_THIRD, "then": USE_TGD, "patience": 1}, on_plateau(ARCHITECT, tgd(), 1)),
    (
        {"op": "chain", "parts": [{"op": "repeat", "part": {"op": "chain", "parts": [USE_THIRD]}, "times": 2}, OWN]},
        chain(repeat(chain(ARCHITECT), 2), OWN_STAGE),
    ),
    (ARCHITECT.schedule.model_dump(mode="json"), ARCHITECT.schedule),
]


@pytest.mark.parametrize(("written", "schedule"), STRUCTURES, ids=[written["op"] for written, _ in STRUCTURES])
def test_written_schedule_becomes_the_schedule_that_it_says(written: dict[str, Any], schedule: Schedule) -> None:
    assert made(written) == Optimizer(name="m", purpose="p", schedule=schedule)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"op": "use", "optimizer": "sgd"}, "the schedule uses 'sgd'; the given optimizers are tgd, adas-tg, third"),
    ({"op": "use"}, "the schedule uses None; the given optimizers are"),
    ({"op": "use", "optimizer": ["tgd"]}, r"the schedule uses \['tgd'\]; the given optimizers are"),
    ({"op": "chain", "parts": [USE_TGD, {"op": "use", "optimizer": "both"}]}, "the schedule uses 'both'"),
    (
        {"op": "stage", "kind": "miprov2", "instructions": ""},
        "Unknown stage kind 'miprov2'. Available: .*structure",
    ),
    (
        {**OWN, "settings": {"batch": 3}},
        "Stage 'textual_gradient': batch: Extra inputs are not permitted. Settings: history",
    ),
    ({**OWN, "settings": {"history": 101}}, "history: Input should be less than or equal to 100"),
    ({**OWN, "name": "n" * 81}, "schedule.stage.name: String should have at most 80 characters"),
    ({"op": "stage", "kind": "structure"}, "schedule.stage.instructions: Field required"),
    ({"op": "loop", "parts": [USE_TGD]}, "schedule: Input tag 'loop' found using 'op' does not match"),
    ({"parts": [USE_TGD]}, "schedule: Unable to extract tag"),
    ({"op": "chain", "parts": []}, "schedule.chain.parts: Tuple should have at least 1 item"),
    ({"op": "best_of", "parts": [USE_TGD]}, "schedule.best_of.parts: Tuple should have at least 2 items"),
    (
        {"op": "repeat", "part": USE_TGD, "times": 0},
        "schedule.repeat.times: Input should be greater than or equal to 1",
    ),
    ({"op": "chain", "parts": [{"op": "alternate", "parts": [USE_TGD, OWN]}, OWN]}, "part 0 of a chain never ends"),
    ({"op": "repeat", "part": USE_TGD, "times": 21}, "the proposal has 21 repetitions; at most 20 are taken"),
    ({"op": "chain", "parts": [USE_THIRD] * 13}, "the proposal has 13 stages; at most 12 are taken"),
]


@pytest.mark.parametrize(("written", "reason"), REFUSED, ids=[reason[:40] for _, reason in REFUSED])
async def test_schedule_that_cannot_be_is_refused_with_its_reason_after_it_was_asked_for_again(
    written: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ReplyError, match=reason):
        made(written)
    reply = json.dumps({"name": "n", "purpose": "p", "schedule": written})
    script = Script(in_turn(reply, reply))
    writes, _ = await merged(script)
    (found,) = writes["candidates"]
    assert (found["id"], found["status"], writes["optimizer"]) == (None, "invalid", "")
    assert found["reason"]
    assert script.calls == {"meta": 2}


async def test_refused_schedule_can_be_mended_in_the_second_reply() -> None:
    bad = json.dumps({"name": "n", "purpose": "p", "schedule": REFUSED[0][0]})
    script = Script(in_turn(bad, GOOD))
    writes, _ = await merged(script)
    assert writes["candidates"][0]["status"] == "proposed"
    assert "could not be used: the schedule uses 'sgd'; the given optimizers are" in script.prompts("meta")[1]


async def test_each_step_is_a_new_draw_although_the_prompt_stays_the_same() -> None:
    script = Script(lambda messages, level: GOOD)
    _, given = await merged(script)
    best: Candidate = {**candidate(ARCHITECT.id, "third", "scored"), "score": 0.4567}
    lineages = [lineage(optimizer, order, name) for order, (name, optimizer) in enumerate(REFERENCES.items())]
    runtime: Runtime[Context] = Runtime(context=given.context, store=given.store)
    for step, calls in ((1, 1), (2, 2), (2, 2), (3, 3)):
        await structure_merge({"lineages": lineages, "best": best, "step": step}, runtime)
        assert script.calls == {"meta": calls}
    assert len(set(script.prompts("meta"))) == 1


async def test_long_reason_is_cut_so_that_channels_stay_small() -> None:
    bad = json.dumps({"name": "n", "purpose": "p", "schedule": {"op": "use", "optimizer": "x" * 50_000}})
    writes, _ = await merged(Script(in_turn(bad, bad)))
    assert len(json.dumps(writes)) < 1000
