"""The report in a real browser: it loads alone, reads on a phone and in the dark, and text stays text."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import metatextgrad as mtg
from metatextgrad.report.comparing import set_side_by_side
from metatextgrad.report.material import Material, gather
from metatextgrad.report.page import comparison_page, run_page
from metatextgrad.report.story import tell
from tests.browser import CHROMIUM, Browser, browsing

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium was found on this machine")
PAYLOAD = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'&lt;{{7*7}}"
SETTINGS = mtg.Context(steps=2, meta_prompt_steps=1, meta_structure_steps=1)
STEP = ".tree.optimizer > li:last-child > details"
INNER = f"{STEP} .tree.program > li:last-child > details"


@dataclass(frozen=True)
class Pages:
    """The pages under test, as files."""

    run: Path
    poisoned: Path
    several: Path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    folder = tmp_path_factory.mktemp("pages")
    workspace = str(folder / "workspace")
    mtg.meta_optimize("bbh/dyck_languages", settings=SETTINGS, workspace=workspace, run="learned")
    mtg.optimize("bbh/dyck_languages", settings=SETTINGS, workspace=workspace, run="plain")
    learned, plain = (asyncio.run(gather(workspace, run)) for run in ("learned", "plain"))
    poisoned = _poisoned(learned)
    texts = {
        "run": run_page(tell(learned), learned),
        "poisoned": run_page(tell(poisoned), poisoned),
        "several": comparison_page(set_side_by_side([learned, plain])),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return Pages(**{name: folder / f"{name}.html" for name in texts})


def _poisoned(material: Material) -> Material:
    """Put markup into everything that a model or a task can write."""
    found = material.stored.found
    assert found
    program = found.program.model_copy(update={"name": PAYLOAD, "purpose": PAYLOAD}).with_instructions(
        dict.fromkeys(found.program.texts(), PAYLOAD)
    )
    optimizer = found.optimizer.with_instructions({0: PAYLOAD}).model_copy(update={"name": PAYLOAD, "purpose": PAYLOAD})
    shown = {
        name: one.model_copy(
            update={
                "results": tuple(
                    result.model_copy(update={"prediction": PAYLOAD, "feedback": PAYLOAD}) for result in one.results
                )
            }
        )
        for name, one in material.shown.items()
    }
    examples = {
        name: one.model_copy(update={"input": PAYLOAD, "target": PAYLOAD}) for name, one in material.examples.items()
    }
    record = material.stored.record.model_copy(update={"task": PAYLOAD, "message": PAYLOAD})
    stored = replace(material.stored, record=record, found=replace(found, program=program, optimizer=optimizer))
    return replace(material, stored=stored, shown=shown, examples=examples)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(autouse=True)
def on_a_desk(browser: Browser) -> None:
    browser.resize(1200)
    browser.darken(False)


def _opened(browser: Browser) -> None:
    """Open the last meta step, the last step of its inner loop, and the first of its examples."""
    for selector in (f"{STEP} > summary", f"{INNER} > summary", f"{INNER} .example summary"):
        browser.click(selector)


def test_page_loads_alone_and_without_complaints(browser: Browser, pages: Pages) -> None:
    for page in (pages.run, pages.several):
        browser.open(page)
        assert browser.requests == [page.as_uri()]
        assert browser.complaints == []


def test_plots_and_drawings_show(browser: Browser, pages: Pages) -> None:
    browser.open(pages.run)
    sizes = browser.look(
        "[...document.querySelectorAll('figure svg')].filter(one => one.checkVisibility())"
        ".map(one => [one.getBoundingClientRect().width, one.querySelectorAll('circle, rect').length])"
    )
    assert len(sizes) >= 8
    assert all(width > 100 and marks > 0 for width, marks in sizes)


def test_click_opens_a_trial_with_its_examples(browser: Browser, pages: Pages) -> None:
    browser.open(pages.run)
    assert browser.look("document.querySelectorAll('.example').length") == 0
    _opened(browser)
    labels = browser.look(f"[...document.querySelectorAll('{INNER} .example[open] dt')].map(one => one.textContent)")
    assert labels == ["example", "question", "target", "prediction", "feedback"]
    assert browser.look(f"document.querySelector('{INNER} .example[open] dd:nth-of-type(2)').textContent").startswith(
        "Complete the rest of the sequence"
    )
    assert browser.complaints == []


def test_a_click_filters_the_examples(browser: Browser, pages: Pages) -> None:
    browser.open(pages.run)
    _opened(browser)
    browser.click(f"{INNER} .filter button[data-kind=right]")
    kinds = browser.look(f"[...document.querySelectorAll('{INNER} .example')].map(one => one.className)")
    assert set(kinds) == {"example right"}


@pytest.mark.parametrize("width", [380, 320])
def test_phone_scrolls_in_one_direction(browser: Browser, pages: Pages, width: int) -> None:
    browser.resize(width, phone=True)
    for page in (pages.run, pages.poisoned, pages.several):
        browser.open(page)
        if page != pages.several:
            _opened(browser)
        assert browser.look("document.documentElement.scrollWidth") == width


def test_letters_of_plots_keep_their_size_on_a_phone(browser: Browser, pages: Pages) -> None:
    browser.resize(380, phone=True)
    browser.open(pages.run)
    heights = browser.look(
        "[...document.querySelectorAll('figure svg text')].filter(one => one.checkVisibility())"
        ".map(one => one.getBoundingClientRect().height)"
    )
    assert min(heights) >= 11


def test_page_turns_dark_with_the_system(browser: Browser, pages: Pages) -> None:
    shades = {}
    for dark in (False, True):
        browser.darken(dark)
        browser.open(pages.run)
        shades[dark] = [_luminance(browser, name) for name in ("backgroundColor", "color")]
    assert shades[False][0] > 0.9 > 0.2 > shades[False][1]
    assert shades[True][0] < 0.1 < 0.7 < shades[True][1]


def _luminance(browser: Browser, colour: str) -> float:
    """Return how bright a colour of the page is, from 0 to 1."""
    written = browser.look(f"getComputedStyle(document.body).{colour}")
    parts = [int(part) for part in written.removeprefix("rgb(").removesuffix(")").split(",")]
    return sum(parts) / (3 * 255)


def test_markup_in_prompts_and_predictions_stays_text(browser: Browser, pages: Pages) -> None:
    browser.open(pages.poisoned)
    _opened(browser)
    assert browser.look("typeof window.hacked") == "undefined"
    assert browser.look("document.querySelectorAll('img, main script').length") == 0
    assert browser.requests == [pages.poisoned.as_uri()]
    assert browser.complaints == []
    assert browser.look("document.querySelector('h1').textContent") == PAYLOAD
    for selector in ("#learned .text", f"{INNER} .example[open] dl", "#learned .program title"):
        texts = browser.look(f"[...document.querySelectorAll('{selector}')].map(one => one.textContent).join('')")
        assert PAYLOAD in texts


def test_policy_stops_a_script_that_got_in(browser: Browser, pages: Pages) -> None:
    browser.open(pages.run)
    browser.look(
        "{ const one = document.createElement('script'); one.textContent = 'window.hacked = 1';"
        "document.body.append(one) }"
    )
    assert browser.look("typeof window.hacked") == "undefined"
    assert any("Content Security Policy" in complaint for complaint in browser.complaints)
