"""What the components that call no model do, and which candidate a select takes."""

import asyncio
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metatextgrad.core.program import Extract, Join, Select, Split, Vote
from tests.scripted import Script, answer, echo, in_turn, llm

CUTS: list[tuple[Literal["lines", "paragraphs", "commas", "words"], int, str, list[str]]] = [
    ("lines", 8, "a\n\n b \nc", ["a", "b", "c"]),
    ("lines", 2, "a\nb\nc\nd", ["a", "b\nc\nd"]),
    ("lines", 1, "a\nb", ["a\nb"]),
    ("paragraphs", 8, "a\nb\n\nc", ["a\nb", "c"]),
    ("commas", 8, "a, b,,c", ["a", "b", "c"]),
    ("commas", 2, "a, b, c", ["a", "b,c"]),
    ("words", 8, " a  b\nc ", ["a", "b", "c"]),
    ("words", 2, "a b c d", ["a", "b c d"]),
    ("words", 1, "a b", ["a b"]),
    ("lines", 8, "\n \n", ["\n \n"]),
    ("words", 8, "", [""]),
]


@pytest.mark.parametrize(("by", "most", "text", "pieces"), CUTS)
async def test_split_cuts(
    by: Literal["lines", "paragraphs", "commas", "words"], most: int, text: str, pieces: list[str]
) -> None:
    parts = (
        Split(name="s", text="question", by=by, most=most),
        Join(name="j", template="{s}", separator="¦"),
    )
    assert await answer(parts, question=text) == "¦".join(pieces)


@given(st.text(alphabet="ab ,\n"), st.sampled_from(["lines", "paragraphs", "commas", "words"]), st.integers(1, 5))
def test_split_loses_nothing_but_separators_and_keeps_to_its_bound(text: str, by: Any, most: int) -> None:
    parts = (
        Split(name="s", text="question", by=by, most=most),
        Join(name="j", template="{s}", separator="¦"),
    )
    pieces = asyncio.run(answer(parts, question=text)).split("¦")
    assert 1 <= len(pieces) <= most
    assert [letter for letter in "".join(pieces) if letter in "ab"] == [letter for letter in text if letter in "ab"]


EXTRACTS = [
    ("Answer: 1\nAnswer: 2\nbye", {}, "2"),
    ("Answer: 1\nAnswer: 2", {"which": "first"}, "1"),
    ("no marker", {}, "no marker"),
    ("Answer:\n\n  7 \nbye", {}, "7"),
    ("Answer: 7", {"before": ""}, "7"),
    ("Answer: 7\nbye", {"before": ""}, "7\nbye"),
    ("Answer: 42 is it", {"before": " "}, "42"),
    ("Answer:", {}, ""),
    ("<b>x</b>", {"after": "<b>", "before": "</b>"}, "x"),
    ("a.b.c", {"after": ".", "which": "first", "before": "."}, "b"),
    ("(a+)+$ Answer: x", {"after": "(a+)+$", "before": "A"}, ""),
    ("whole", {"after": ""}, "whole"),
]


@pytest.mark.parametrize(("text", "markers", "taken"), EXTRACTS)
async def test_extract_takes_what_stands_between_two_literal_markers(text: str, markers: Any, taken: str) -> None:
    assert await answer((Extract(name="e", text="question", **markers),), question=text) == taken


VOTES = [
    (["Answer: 1", "Answer: 2", "so Answer: 2"], {}, "Answer: 2"),
    (["Answer: 1", "Answer: 2"], {}, "Answer: 1"),
    (["Answer:  A b", "Answer: c", "Well. Answer: a   B"], {}, "Answer:  A b"),
    (["Answer: 1 Answer: 2", "Answer: 2", "Answer: 1"], {}, "Answer: 1 Answer: 2"),
    (["x", "y", "y"], {}, "y"),
    (["X", "x", "x"], {"after": ""}, "x"),
]


@pytest.mark.parametrize(("replies", "settings", "winner"), VOTES)
async def test_vote_takes_the_whole_text_of_the_most_common_answer(
    replies: list[str], settings: Any, winner: str
) -> None:
    parts = (
        llm("tries", samples=len(replies)),
        Vote(name="v", over="tries", **settings),
    )
    assert await answer(parts, in_turn(*replies)) == winner


CHOICES = [
    ("Best: 2", 1),
    ("**Best:** 3", 2),
    ("Best: [2].", 1),
    ("Best: 1\nno,\nBest: 3\n", 2),
    ("Best: 4", 0),
    ("Best: 0", 0),
    ("Best: none", 0),
    ("Best: ²", 0),
    ("Best: ٢", 1),
    ("I cannot say", 0),
    ("2", 1),
]


@pytest.mark.parametrize(("reply", "position"), CHOICES)
async def test_select_takes_the_candidate_that_is_named_and_the_first_when_none_is(reply: str, position: int) -> None:
    parts = (
        llm("tries", samples=3),
        Select(name="best", over="tries", instructions="Choose."),
    )
    assert await answer(parts, in_turn("a", "b", "c", reply)) == "abc"[position]


async def test_select_shows_its_template_and_every_candidate_numbered() -> None:
    script = Script(in_turn("a", "b", "Best: 1"))
    await answer(
        (
            llm("tries", samples=2),
            Select(name="best", over="tries", instructions="Choose."),
        ),
        script,
    )
    assert script.prompts("program")[-1].startswith("Choose.\nq\n\nCandidates:\n\n[1]\na\n\n[2]\nb\n\n")


async def test_select_from_one_candidate_asks_nobody() -> None:
    script = Script(echo)
    parts = (
        Split(name="s", text="question"),
        Select(name="best", over="s", instructions="Choose."),
    )
    assert await answer(parts, script, question="only") == "only"
    assert not script.asked
