"""The kinds of stages and the named optimizers: complete, described, and usable in a merge."""

import re
from pathlib import Path
from typing import Any

import pytest

from metatextgrad.core.errors import InputError, ReplyError
from metatextgrad.core.estimate import exactly
from metatextgrad.core.optimizer import Optimizer
from metatextgrad.nodes.structure_merge import Merged, optimizer_from
from metatextgrad.stages import KINDS, OPTIMIZERS, checked, settings_of, stage
from metatextgrad.stages.kind import Situation, StageKind
from metatextgrad.stages.limits import OPTIMIZER_LIMITS
from tests.test_structure_merge import Script, in_turn, merged

LIBRARIES = {"dspy_mipro", "dspy_gepa", "gepa"}


def needing_a_package() -> list[StageKind]:
    return [kind for kind in KINDS.values() if kind.package]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_named_optimizer_has_its_name_and_a_purpose_in_one_sentence(name: str) -> None:
    made = OPTIMIZERS[name]()
    assert made.name == name
    assert re.fullmatch(r"[A-Z][^.]+\.", made.purpose)
    assert all(item.instructions == KINDS[item.kind].instructions for item in made.stages())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_says_what_its_first_and_its_later_proposals_cost(kind: StageKind) -> None:
    def cost(first: bool, texts: int = 2) -> Any:
        settings = settings_of(stage(kind.name))
        return kind.cost(Situation(settings=settings, texts=exactly(texts), train=50, val=100, draws=3, first=first))

    for found in (cost(True), cost(False)):
        for amount in (found.runs, found.asked):
            assert 0 == amount.low <= amount.likely <= amount.high
    assert cost(False).runs.likely <= cost(True).runs.likely
    assert cost(False).asked.likely <= cost(True).asked.likely
    assert cost(True, texts=9).asked.high >= cost(True).asked.high


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_settings_have_a_bound_each_since_models_write_them(kind: StageKind) -> None:
    for name, field in kind.settings.model_fields.items():
        if field.annotation in (int, float):
            with pytest.raises(InputError, match=name):
                settings_of(stage(kind.name, **{name: 10**9}))


@pytest.mark.parametrize("kind", needing_a_package(), ids=lambda kind: kind.name)
def test_a_stage_whose_package_is_missing_says_what_to_install(
    kind: StageKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metatextgrad.stages.kind.find_spec", lambda name: None)
    optimizer = Optimizer(name="x", purpose="x", schedule=stage(kind.name))
    said = rf"needs the package '{kind.package}'.*metatextgrad\[{kind.extra}\]"
    with pytest.raises(InputError, match=said):
        checked(optimizer)
    schedule = stage(kind.name).model_dump(mode="json")
    with pytest.raises(ReplyError, match=said):  # a merge is told, and may write another
        optimizer_from(Merged(name="x", purpose="x", schedule=schedule), {})


async def test_what_a_merge_is_offered_does_not_depend_on_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def offered() -> str:
        script = Script(in_turn('{"name": "a", "purpose": "b", "schedule": {"op": "use", "optimizer": "tgd"}}'))
        await merged(script)
        return script.asked[0][1][0]

    with_all = await offered()
    monkeypatch.setattr("metatextgrad.stages.kind.find_spec", lambda name: None)
    assert await offered() == with_all
    for kind in KINDS.values():
        assert (f"{kind.name} ({kind.purpose})" in with_all) == (kind.name not in LIBRARIES)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if OPTIMIZERS[name]().stages()[0].kind not in LIBRARIES])
def test_every_optimizer_of_ours_can_be_used_in_a_merge(name: str) -> None:
    references = {name: OPTIMIZERS[name](), "tgd": OPTIMIZERS["tgd"]()}
    part = {"op": "repeat", "part": {"op": "use", "optimizer": name}, "times": OPTIMIZER_LIMITS.times}
    schedule = {"op": "chain", "parts": [part, {"op": "use", "optimizer": "tgd"}]}
    made = optimizer_from(Merged(name="both", purpose="one, then the other", schedule=schedule), references)
    assert [item.kind for item in made.stages()] == [references[name].stages()[0].kind, "textual_gradient"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_docs_name_every_kind_and_setting(kind: StageKind) -> None:
    page = (Path(__file__).parents[1] / "docs" / "optimizers.md").read_text(encoding="utf-8")
    assert f"| `{kind.name}` |" in page
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for name, field in kind.settings.model_fields.items():
        shown = [row for row in rows if f"`{name}`" in row.split("|")[1]]
        assert any(str(field.default) in row.split("|")[2] for row in shown), f"{kind.name}: {name}"
