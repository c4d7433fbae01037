"""What of a reply is used, and what makes one unusable."""

import pytest
from langchain_core.messages import AIMessage

from metatextgrad.core.errors import ReplyError
from metatextgrad.runtime.reply import Reply, reply_from


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("<think>a { b</think>\n{}", "{}"),
        ("<thinking>a</thinking> <think>b</think> c", "c"),
        (
            '{"improved_text": "Reason in <think> and </think>."}',
            '{"improved_text": "Reason in <think> and </think>."}',
        ),
        ("<think>a</think> b <think> c", None),
        ("<think>a <think>b</think> c", "c"),
        ("a</think>b</think>c", None),
        ("<think>a</think>", None),
    ],
)
def test_reasoning_is_left_out_where_a_reply_begins_with_it(text: str, usable: str | None) -> None:
    reply = Reply(text=text, finish="stop", input_tokens=1, output_tokens=1)
    if usable is None:
        with pytest.raises(ReplyError):
            reply.usable()
    else:
        assert reply.usable() == usable


def test_half_a_surrogate_pair_in_a_reply_is_replaced() -> None:
    assert reply_from(AIMessage("a\ud83d")).text == "a?"
