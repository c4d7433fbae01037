"""Whatever a model writes is taken or refused with a reason: never a crash, never a value that no store can hold."""

import json
import random
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.optimizer import stages_of
from metatextgrad.core.program import Program, chain_of_thought
from metatextgrad.nodes.meta_prompt_rewrite import Improved
from metatextgrad.nodes.structure_merge import Merged, optimizer_from
from metatextgrad.runtime.backward import Blame
from metatextgrad.runtime.structured import parsed
from metatextgrad.stages import adas_tg, tgd
from metatextgrad.stages.limits import OPTIMIZER_LIMITS, PROGRAM_LIMITS, checked_program
from metatextgrad.stages.structure import Redesigned
from metatextgrad.stages.textual_gradient import Rewritten, accepted_text

BASE = chain_of_thought("base", "Think.")
REFERENCES = {"tgd": tgd(), "adas-tg": adas_tg()}
FORMS = (Redesigned, Merged, Rewritten, Improved, Blame)
SEEDS = st.integers(0, 2**40)

FIELDS = (
    "name",
    "instructions",
    "template",
    "samples",
    "most",
    "over",
    "text",
    "item",
    "body",
    "temperature",
    "by",
    "code",
)
OPS = ("chain", "alternate", "best_of", "repeat", "on_plateau", "use", "stage", "exec")
NUMBERS = (-1, 0, 1, 2, 3, 8, 20, 21, 1000, 2**63, 10**30, -(10**400), 0.5, 1e308, float("nan"), float("inf"))
ODD: tuple[Any, ...] = (
    "",
    " ",
    "a" * 100,
    "\x00",
    "\ud800",
    "²",
    "{",
    "{}",
    "[" * 50,
    "__class__",
    "9" * 4000,
    None,
    True,
    [],
    {},
    [[]],
    {"a": 1},
)


class Writer:
    """Writes replies that are nearly right, wrong in a few places."""

    def __init__(self, seed: int) -> None:
        self.roll = random.Random(seed)
        self.wrong = self.roll.choice([0, 0.02, 0.1, 0.4])
        self.named = 0

    def one(self, *choices: Any) -> Any:
        """Return one of the choices, or now and then something that has no place here."""
        return self.roll.choice((*ODD, *NUMBERS)) if self.roll.random() < self.wrong else self.roll.choice(choices)

    def components(self, depth: int = 0, known: dict[str, bool] | None = None) -> list[Any]:
        known = dict(known or {"question": False})
        parts: list[Any] = []
        for _ in range(self.roll.choice([1, 1, 2, 3, 5])):
            parts.append(self.component(depth, known))
            known[str(parts[-1]["name"])] = parts[-1]["kind"] in ("split", "map") or parts[-1].get("samples", 1) != 1
        if list(known.values())[-1] and self.roll.random() > self.wrong:
            parts.append({"kind": "join", "name": self.fresh(), "template": f"{{{parts[-1]['name']}}}"})
        return parts

    def fresh(self) -> str:
        self.named += 1
        return f"v{self.named}"

    def component(self, depth: int, known: dict[str, bool]) -> dict[str, Any]:
        """Return a component that reads what is `known`: names, and whether each is a list."""
        lists = [name for name, is_list in known.items() if is_list]
        texts = [name for name in known if name not in lists]
        text, over = self.one(*texts or known), self.one(*lists or known)
        kind = self.one("llm", "llm", "split", "join", "extract", *(("map", "map", "vote", "select") if lists else ()))
        template = self.one(f"{{{text}}}", f"{{{over}}} and {{question}}", "Go.")
        part: dict[str, Any] = {"kind": kind, "name": self.one(*[self.fresh()] * 5, "item", *known)}
        match kind:
            case "llm":
                part |= {"instructions": self.one("Do it."), "template": template, "samples": self.one(1, 1, 2, 8)}
            case "select":
                part |= {"over": over, "instructions": self.one("Choose.")}
            case "split":
                part |= {"text": text, "by": self.one("lines", "words"), "most": self.one(2, 3, 8)}
            case "join":
                part |= {"template": template}
            case "extract":
                part |= {"text": text, "after": self.one("Answer:", "x")}
            case "vote":
                part |= {"over": over}
            case "map":
                item = self.fresh()
                body = self.components(depth + 1, {**known, item: False}) if depth < 3 else []
                part |= {"over": over, "item": item, "body": body}
        if self.roll.random() < self.wrong:
            part[self.roll.choice(FIELDS)] = self.roll.choice((*ODD, *NUMBERS, [dict(part)]))
        return part

    def schedule(self, depth: int = 0) -> Any:
        op = self.one("stage", "use", *OPS) if depth < 6 else "use"
        part: dict[str, Any] = {"op": op}
        match op:
            case "stage":
                part |= {"kind": self.one("textual_gradient", "structure"), "instructions": self.one("Mend it.")}
                part |= {"settings": {"history": self.one(0, 3)}} if self.roll.random() < 0.3 else {}
            case "use":
                part |= {"optimizer": self.one("tgd", "adas-tg")}
            case "repeat":
                part |= {"part": self.schedule(depth + 1), "times": self.one(1, 2, 3)}
            case "on_plateau":
                part |= {
                    "first": self.schedule(depth + 1),
                    "then": self.schedule(depth + 1),
                    "patience": self.one(1, 2),
                }
            case _:
                part |= {"parts": [self.schedule(depth + 1) for _ in range(self.roll.randint(1, 3))]}
        return part if self.roll.random() > self.wrong / 4 else self.one(*ODD, [part])

    def merge(self) -> dict[str, Any]:
        return {"name": self.one("merged"), "purpose": self.one("All of it."), "schedule": self.schedule()}

    def reply(self) -> str:
        kinds: tuple[Any, ...] = ({"components": self.components()}, self.merge(), self.one(*ODD))
        text = json.dumps(self.roll.choice(kinds), ensure_ascii=self.roll.random() < 0.5)
        return text[: self.roll.randrange(len(text) + 1)] if self.roll.random() < 0.3 else text


def redesigned(seed: int) -> Program:
    written = json.dumps({"components": Writer(seed).components()})
    return checked_program(BASE, parsed(Redesigned, written).components)


def merged(seed: int) -> Any:
    return optimizer_from(parsed(Merged, json.dumps(Writer(seed).merge())), REFERENCES)


def hold(value: Any) -> None:
    """Fail unless the store's own JSON writer can hold the value and give it back."""
    assert type(value).model_validate(orjson.loads(orjson.dumps(value.model_dump(mode="json")))) == value


@settings(max_examples=1000)
@given(st.one_of(SEEDS.map(lambda seed: Writer(seed).reply()), st.text()))
def test_any_reply_is_read_or_refused(reply: str) -> None:
    for form in FORMS:
        try:
            parsed(form, reply)
        except ReplyError:
            continue


@settings(max_examples=1000)
@given(SEEDS)
def test_any_components_are_a_program_within_the_limits_or_refused(seed: int) -> None:
    try:
        program = redesigned(seed)
    except ReplyError:
        return
    hold(program)
    assert 1 <= program.calls_per_example() <= PROGRAM_LIMITS.calls
    assert len(program.callers()) <= PROGRAM_LIMITS.components


@settings(max_examples=1000)
@given(SEEDS)
def test_any_schedule_is_an_optimizer_within_the_limits_or_refused(seed: int) -> None:
    try:
        optimizer = merged(seed)
    except ReplyError:
        return
    hold(optimizer)
    assert 1 <= len(list(stages_of(optimizer.schedule))) <= OPTIMIZER_LIMITS.stages


@pytest.mark.parametrize("make", [redesigned, merged])
def test_much_of_what_the_writer_writes_is_taken_and_much_is_refused(make: Callable[[int], Any]) -> None:
    """A fuzz that is always refused at the door would test the door alone."""
    taken, reasons = 0, set()
    for seed in range(500):
        try:
            make(seed)
            taken += 1
        except ReplyError as error:
            reasons.add(str(error).partition(" ")[2][:25])
    assert 50 < taken < 450
    assert len(reasons) > 20


@pytest.mark.parametrize("depth", [10, 100, 900, 5000])
@pytest.mark.parametrize(
    ("begin", "end"), [("[", "]"), ('{"op":"repeat","times":1,"part":', "}"), ('{"parts":[', "]}")]
)
def test_nesting_of_any_depth_is_refused_and_not_followed(begin: str, end: str, depth: int) -> None:
    deep = f"{begin * depth}1{end * depth}"
    with pytest.raises(ReplyError):
        optimizer_from(parsed(Merged, f'{{"name": "n", "purpose": "p", "schedule": {{"parts": {deep}}}}}'), REFERENCES)
    with pytest.raises(ReplyError):
        parsed(Redesigned, f'{{"components": {deep}}}')


@pytest.mark.parametrize("depth", [3, 10, 100, 5000])
def test_maps_inside_maps_of_any_depth_are_refused(depth: int) -> None:
    body = '{"kind":"map","name":"m","over":"question","body":[' * depth + "]}" * depth
    with pytest.raises(ReplyError):
        checked_program(BASE, parsed(Redesigned, f'{{"components": [{body}]}}').components)


@given(st.text(), st.text())
def test_rewritten_text_is_taken_stripped_or_refused(before: str, after: str) -> None:
    try:
        taken = accepted_text(before, after)
    except ReplyError:
        return
    assert taken == after.strip() != ""
