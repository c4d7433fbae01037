"""Programs as data: what is refused and why, every kind of component, and the calls that one example can need."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from metatextgrad.core.program import (
    Component,
    Demonstration,
    Extract,
    Join,
    Llm,
    Map,
    Program,
    Select,
    Split,
    Vote,
    chain_of_thought,
    walk,
)
from metatextgrad.core.template import lost_slots, render, slots
from metatextgrad.runtime.interpreter import Interpreter
from metatextgrad.runtime.structured import first_problem
from tests.scripted import Script, opened


def program(*components: Component, **others: Any) -> Program:
    return Program(name="p", components=components, **others)


def llm(name: str, template: str = "{question}", **others: Any) -> Llm:
    return Llm(name=name, instructions=f"Be {name}.", template=template, **others)


PLAN = llm("plan")
STEPS = Split(name="steps", text="plan", most=4)
SOLVE = llm("solve", "{question} {item}")
SOLVED = Map(name="solved", over="steps", body=(SOLVE,))
TRIES = llm("tries", samples=5)
EVERY_KIND = program(
    PLAN,
    STEPS,
    SOLVED,
    Join(name="joined", template="{solved}"),
    TRIES,
    Vote(name="winner", over="tries"),
    Select(name="best", over="tries", instructions="Choose.", template="{question} {joined}"),
    Extract(name="short", text="best"),
    llm("final", "{winner} {short}"),
)

REFUSED = [
    ("nothing", [], "components: Tuple should have at least 1 item"),
    ("two of one name", [llm("a"), llm("a")], "component names must be unique, but a occur twice"),
    ("two of one name, one in a map", [PLAN, STEPS, SOLVED, llm("solve")], "component names must be unique"),
    ("reads what nobody writes", [llm("a", "{b}")], "component 'a' reads 'b', but only question are known there"),
    ("reads what is written later", [llm("a", "{b}"), llm("b")], "component 'a' reads 'b'"),
    ("reads itself", [llm("a", "{a}")], "component 'a' reads 'a'"),
    ("overwrites an input", [llm("question", "Go.")], "component 'question' would overwrite the value of that name"),
    ("a map over a text", [PLAN, Map(name="m", over="plan", body=(SOLVE,))], "'m' goes over 'plan', which is one text"),
    ("a vote over a text", [PLAN, Vote(name="v", over="plan")], "'v' goes over 'plan', which is one text"),
    ("a choice from a text", [PLAN, Select(name="s", over="plan", instructions="")], "'s' goes over 'plan'"),
    ("a split of a list", [TRIES, Split(name="s", text="tries")], "'s' reads 'tries', which is a list"),
    ("an extract of a list", [TRIES, Extract(name="e", text="tries")], "'e' reads 'tries', which is a list"),
    ("a list as the answer", [TRIES], "output 'tries' is a list; end with a vote, select, join or llm component"),
    ("a map as the answer", [PLAN, STEPS, SOLVED], "output 'solved' is a list"),
    (
        "an item of a known name",
        [PLAN, STEPS, Map(name="m", over="steps", item="plan", body=(llm("a", "{plan}"),))],
        "that name is taken",
    ),
    (
        "an empty map",
        [PLAN, STEPS, Map(name="m", over="steps", body=())],
        "the body of map 'm' must end in a component",
    ),
    (
        "a map that ends in a list",
        [PLAN, STEPS, Map(name="m", over="steps", body=(llm("t", "{item}", samples=2),))],
        "the body of map 'm' must end in a component that writes one text",
    ),
    (
        "a value from inside a map",
        [PLAN, STEPS, SOLVED, llm("a", "{solve}")],
        "component 'a' reads 'solve', but only plan, question, solved, steps are known there",
    ),
    ("an item outside its map", [PLAN, STEPS, SOLVED, llm("a", "{item}")], "component 'a' reads 'item'"),
    (
        "a map that reads its body too early",
        [PLAN, STEPS, Map(name="m", over="steps", body=(llm("a", "{b}"), llm("b", "{item}")))],
        "component 'a' reads 'b'",
    ),
]


@pytest.mark.parametrize(("components", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_program_is_refused_with_its_reason(components: list[Component], reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        program(*components)
    assert reason in first_problem(refused.value)


def test_output_that_is_not_written_is_refused() -> None:
    with pytest.raises(ValidationError, match="output 'b' is not written; written values: a, question"):
        program(llm("a"), output="b")


@pytest.mark.parametrize(
    "part",
    [
        {"kind": "llm", "name": "Answer", "instructions": ""},
        {"kind": "llm", "name": "a b", "instructions": ""},
        {"kind": "llm", "name": "a" * 65, "instructions": ""},
        {"kind": "llm", "name": "a", "instructions": "", "samples": 0},
        {"kind": "llm", "name": "a", "instructions": "", "temperature": 2.1},
        {"kind": "llm", "name": "a", "instructions": "", "temperature": float("nan")},
        {"kind": "llm", "name": "a", "instructions": "", "code": "import os"},
        {"kind": "llm", "name": "a"},
        {"kind": "python", "name": "a"},
        {"kind": "split", "name": "a", "text": "question", "by": "."},
        {"kind": "split", "name": "a", "text": "question", "most": 0},
        {"kind": "split", "name": "a", "text": "question", "most": 10**30},
    ],
    ids=str,
)
def test_component_with_a_field_out_of_bounds_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Program.model_validate({"name": "p", "components": [part]})


def test_program_of_every_kind_survives_json_with_the_same_identity() -> None:
    again = Program.model_validate_json(EVERY_KIND.model_dump_json())
    assert again == EVERY_KIND
    assert again.id == EVERY_KIND.id
    assert {part.kind for part in walk(again.components)} == {
        "llm",
        "split",
        "map",
        "join",
        "vote",
        "select",
        "extract",
    }


def test_any_change_gives_another_identity() -> None:
    others = [
        EVERY_KIND.with_instructions({"final": "Be brief."}),
        EVERY_KIND.with_demonstrations({"solve": (Demonstration(input="1", output="2"),)}),
        EVERY_KIND.model_copy(update={"name": "q"}),
        EVERY_KIND.model_copy(update={"output": "winner"}),
    ]
    assert len({item.id for item in [EVERY_KIND, *others]}) == 5


def test_callers_are_listed_in_order_those_inside_maps_included() -> None:
    assert [part.name for part in EVERY_KIND.callers()] == ["plan", "solve", "tries", "best", "final"]


def test_component_that_is_not_trainable_is_not_offered_for_change() -> None:
    fixed = program(llm("a", trainable=False), llm("b", "{a}"))
    assert list(fixed.trainable()) == ["b"]


@pytest.mark.parametrize("name", ["plan", "solve", "tries", "best", "final"])
def test_new_instructions_change_one_component_wherever_it_stands(name: str) -> None:
    after = EVERY_KIND.with_instructions({name: "New."})
    changed = {new.name for old, new in zip(EVERY_KIND.callers(), after.callers(), strict=True) if old != new}
    assert changed == {name}
    assert after.trainable()[name].instructions == "New."
    before = EVERY_KIND.trainable()[name].instructions
    assert after.with_instructions({name: before}) == EVERY_KIND


def test_new_demonstrations_change_one_component() -> None:
    shown = (Demonstration(input="1", output="2"),)
    after = EVERY_KIND.with_demonstrations({"solve": shown})
    assert after.trainable()["solve"] == SOLVE.model_copy(update={"demonstrations": shown})


def test_map_reads_what_its_body_reads_from_outside() -> None:
    assert SOLVED.reads() == ("steps", "question")


COUNTED = [
    ("one call", program(PLAN), 1),
    ("samples", program(TRIES, Vote(name="v", over="tries")), 5),
    ("a choice", program(TRIES, Select(name="s", over="tries", instructions="")), 6),
    ("a map", program(PLAN, STEPS, SOLVED, Join(name="j", template="{solved}")), 5),
    ("a map over samples", program(TRIES, Map(name="m", over="tries", body=(SOLVE,)), Vote(name="v", over="m")), 10),
    (
        "a map over a map",
        program(
            PLAN,
            STEPS,
            SOLVED,
            Map(name="m", over="solved", item="x", body=(llm("y", "{x}"), llm("z", "{y}"))),
            Join(name="j", template="{m}"),
        ),
        13,
    ),
    (
        "a map in a map over its own pieces",
        program(
            PLAN,
            STEPS,
            Map(
                name="outer",
                over="steps",
                body=(
                    llm("more", "{item}"),
                    Split(name="pieces", text="more", by="words", most=3),
                    Map(name="inner", over="pieces", item="piece", body=(llm("x", "{piece}{item}{question}"),)),
                    Join(name="together", template="{inner}"),
                ),
            ),
            Join(name="j", template="{outer}"),
        ),
        1 + 4 * (1 + 3),
    ),
    (
        "a map in a map over a list from outside",
        program(
            PLAN,
            STEPS,
            Map(
                name="outer",
                over="steps",
                body=(
                    Map(name="inner", over="steps", item="other", body=(llm("x", "{item} {other}"),)),
                    Join(name="together", template="{inner}"),
                ),
            ),
            Join(name="j", template="{outer}"),
        ),
        1 + 4 * 4,
    ),
    ("every kind", EVERY_KIND, 1 + 4 + 5 + 1 + 1),
]


@pytest.mark.parametrize(("counted", "calls"), [case[1:] for case in COUNTED], ids=[case[0] for case in COUNTED])
async def test_calls_per_example_are_those_really_made_when_every_list_is_full(counted: Program, calls: int) -> None:
    replies = iter(range(1000))

    def reply(*_: object) -> str:
        """Write more lines and words than any split takes, each one new, so that no call is the same as another."""
        return "\n".join(f"{next(replies)} w x y z" for _ in range(9))

    script = Script(reply)
    given = await opened(script)
    await Interpreter(given.ledger, given.context).run(counted, {"question": "?"})
    assert counted.calls_per_example() == calls == script.calls["program"]


def test_initial_program_of_the_paper_is_one_trainable_call_on_the_question() -> None:
    (only,) = chain_of_thought("cot", "Think.").callers()
    assert only == Llm(name="answer", role="answers the question", instructions="Think.")
    assert only.reads() == ("question",)


@given(st.text())
def test_text_without_values_to_fill_in_is_rendered_as_it_is(text: str) -> None:
    assert render(text, {name: f"{{{name}}}" for name in slots(text)}) == text


def test_rendering_fills_in_one_pass_so_that_braces_in_values_stay() -> None:
    assert render("{a} {b} {A} {}", {"a": "{b}", "b": ["1", "2"]}, ", ") == "{b} 1, 2 {A} {}"


def test_lost_slots_are_those_of_the_old_text_that_the_new_one_lacks() -> None:
    assert lost_slots("{a} {b} {a} {c}", "{b} {d}") == ("a", "c")
