"""One JSON object of a given form, asked for once more with the error, and never repaired."""

import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from metatextgrad.core.errors import ReplyError
from metatextgrad.core.identity import Value
from metatextgrad.runtime.structured import ask_for
from tests.scripted import Script, cut_off, in_turn, opened


class Fruit(Value):
    """A form."""

    name: str
    seeds: int = 0


APPLE = Fruit(name="apple", seeds=5)
WRITTEN = '{"name": "apple", "seeds": 5}'
PERHAPS = "<think>A pear {?} perhaps.</think>"

READABLE = [
    WRITTEN,
    f"\n\n{WRITTEN}\n",
    f"```json\n{WRITTEN}\n```",
    f"Here is the object you asked for:\n{WRITTEN}\nI hope that it helps {{you}}.",
    f"{WRITTEN} {WRITTEN}",
    f"{PERHAPS}{WRITTEN}",
    f"{PERHAPS}\n<reasoning>Or\nnot.</reasoning>\n{WRITTEN}",
    '{"seeds": 5, "name": "apple"}',
    '{"name": "apple", "seeds": "5"}',
]

UNREADABLE: list[tuple[str | AIMessage, str]] = [
    ("", "the reply was empty"),
    ("  \n", "the reply was empty"),
    (PERHAPS, "the reply was empty"),
    (cut_off(WRITTEN), "the reply was cut off by length after 0 tokens; raise max_tokens"),
    (AIMessage(WRITTEN, response_metadata={"stop_reason": "max_tokens"}), "the reply was cut off by length"),
    (AIMessage(WRITTEN, response_metadata={"finish_reason": "MAX_TOKENS"}), "the reply was cut off by length"),
    (f"<think>A pear {WRITTEN}", "the reply has a reasoning tag without its partner"),
    (f"<Thinking>{WRITTEN}</think></think>", "the reply has a reasoning tag without its partner"),
    ("I would rather not.", "the reply has no JSON object"),
    ("[]", "the reply has no JSON object"),
    ("{name: apple}", "the reply is not valid JSON: Expecting property name"),
    ('{"name": "apple"', "the reply is not valid JSON: Expecting ',' delimiter"),
    ('Fill in {question}: {"name": "apple"}', "the reply is not valid JSON"),
    ('{"name": ' + "9" * 5000 + "}", "the reply is not valid JSON: Exceeds the limit"),
    ("[" * 100_000 + '{"name": ' + "[" * 100_000, "the reply is not valid JSON: maximum recursion depth"),
    ('{"name": "\\ud83d"}', "the reply has the character U+D83D, which cannot be stored"),
    ('{"name": "a\\u0000"}', "the reply has the character U+0000, which cannot be stored"),
    ('{"name": "a", "deep": [{"\\udead": 1}]}', "the reply has the character U+DEAD, which cannot be stored"),
    ("{}", "name: Field required"),
    ('{"name": ["apple"]}', "name: Input should be a valid string"),
    ('{"name": "apple", "color": "red"}', "color: Extra inputs are not permitted"),
    ('{"name": "apple", "seeds": "many"}', "seeds: Input should be a valid integer"),
    ('{"name": "apple", "seeds": NaN}', "seeds: Input should be a finite number"),
]


async def asked(script: Script, use: Any = lambda fruit: fruit) -> Any:
    given = await opened(script)
    return await ask_for(Fruit, use, given.ledger, "meta", (("system", "s"), ("human", "h")), 0.5, 7)


@pytest.mark.parametrize("reply", READABLE)
async def test_object_is_read_with_whatever_stands_around_it(reply: str) -> None:
    script = Script(in_turn(reply))
    assert await asked(script) == APPLE
    assert script.calls == {"meta": 1}


@pytest.mark.parametrize(("reply", "reason"), UNREADABLE, ids=[reason for _, reason in UNREADABLE])
async def test_reply_that_cannot_be_used_is_asked_for_once_more_with_the_reason(
    reply: str | AIMessage, reason: str
) -> None:
    script = Script(in_turn(reply, WRITTEN))
    assert await asked(script) == APPLE
    (first, second) = (texts for _, texts in script.asked)
    text = reply if isinstance(reply, str) else reply.text
    assert second[:2] == first == ("s", "h")
    assert second[2] == (text or "(empty)")
    assert second[3].startswith(f"Your reply could not be used: {reason}")


@pytest.mark.parametrize(("reply", "reason"), UNREADABLE, ids=[reason for _, reason in UNREADABLE])
async def test_second_reply_that_cannot_be_used_is_rejected(reply: str | AIMessage, reason: str) -> None:
    script = Script(in_turn("no", reply, WRITTEN))
    with pytest.raises(ReplyError) as rejected:
        await asked(script)
    assert str(rejected.value).startswith(reason)
    assert script.calls == {"meta": 2}


async def test_object_of_the_form_that_is_of_no_use_is_asked_for_once_more() -> None:
    def eaten(fruit: Fruit) -> str:
        if fruit.seeds:
            raise ReplyError(f"the {fruit.name} has seeds")
        return fruit.name

    script = Script(in_turn(WRITTEN, '{"name": "banana"}'))
    assert await asked(script, eaten) == "banana"
    assert script.asked[1][1][3].startswith("Your reply could not be used: the apple has seeds")
    with pytest.raises(ReplyError, match="the apple has seeds"):
        await asked(Script(in_turn(WRITTEN, WRITTEN)), eaten)


async def test_rejected_reply_is_in_the_ledger_so_that_a_resumed_run_rejects_it_again_without_a_call() -> None:
    given = await opened(script := Script(in_turn("no", "no")))
    for _ in range(2):
        with pytest.raises(ReplyError, match="no JSON object"):
            await ask_for(Fruit, str, given.ledger, "meta", (("human", "h"),), None, 0)
    assert script.calls == {"meta": 2}


async def test_reasoning_tags_further_on_are_text_like_any_other() -> None:
    text = "Write your thoughts as <think>...</think>."
    assert (await asked(Script(in_turn(json.dumps({"name": text}))))).name == text


async def test_reason_with_braces_is_shown_as_it_is() -> None:
    def refuse(fruit: Fruit) -> Fruit:
        if fruit.seeds:
            raise ReplyError("lost the placeholder {error}")
        return fruit

    script = Script(in_turn(WRITTEN, '{"name": "banana"}'))
    await asked(script, refuse)
    assert "could not be used: lost the placeholder {error}\n" in script.asked[1][1][3]
