"""The picture on the front page is one of a run, small, marked as simulated, and asks no network for anything."""

import re
from html import unescape
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "live.svg"


def test_the_picture_of_a_run_says_that_its_models_are_simulated_and_fetches_nothing() -> None:
    drawn = PICTURE.read_text(encoding="utf-8")
    text = unescape(" ".join(re.findall(r">([^<>]+)</text>", drawn))).replace("\xa0", " ")
    assert text.count("SIMULATED MODELS - these scores say nothing about real models") == 2
    assert "metaTextGrad" in text and "lineage" in text and "last rejection" in text
    assert len(drawn) < 40_000
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", drawn)
    assert "@font-face" not in drawn


def test_the_front_page_shows_it_with_the_command_that_makes_it() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert '<img src="docs/pictures/live.svg"' in page and "python docs/pictures/live.py" in page
    assert page.index("simulated") < page.index("<img")
