"""The documentation as a site: it builds without a warning, opens offline, and reads on a phone and in the dark."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import CHROMIUM, Browser, browsing

ROOT = Path(__file__).parents[1]
LOADED = re.compile(r"<(?:script|img|iframe)\b[^>]*\bsrc=\"(?:https?:)?//|<link\b[^>]*\bhref=\"(?:https?:)?//")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium was found on this machine")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-d", str(target / ".doctrees")]
    built = subprocess.run([*command, "docs", str(target)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return target


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def pages(site: Path) -> list[Path]:
    """Return the pages that were written by hand, and those of the reference; not the source code."""
    return sorted(page for page in site.rglob("*.html") if "_modules" not in page.parts)


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    assert len(pages(site)) > 30
    assert [page.name for page in site.rglob("*.html") if LOADED.search(page.read_text(encoding="utf-8"))] == []


def test_the_drawings_are_in_the_page_and_follow_its_colours(site: Path) -> None:
    for name, count in (("graphs", 4), ("loops", 6)):
        page = (site / f"{name}.html").read_text(encoding="utf-8")
        assert page.count('<div class="drawing"><svg') == count
        assert "graph TD" not in page


@needs_browser
def test_every_page_opens_offline_without_a_complaint_and_fits_a_phone(site: Path, browser: Browser) -> None:
    browser.resize(390, 844, phone=True)
    for page in pages(site):
        browser.open(page)
        assert browser.complaints == [], page.name
        assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == [], page.name
        assert browser.look("document.documentElement.scrollWidth <= innerWidth"), f"{page.name} is wider than a phone"


@needs_browser
def test_the_search_works_on_a_disk(site: Path, browser: Browser) -> None:
    browser.open(site / "search.html")
    browser.look("void (location.search = '?q=racing')")
    found = browser.look(
        "new Promise((done) => { const look = () => document.querySelector('#search-results li a') "
        "? done(document.querySelector('#search-results li a').textContent) : setTimeout(look, 50); look() })"
    )
    assert found


@needs_browser
def test_a_drawing_is_dark_in_the_dark(site: Path, browser: Browser) -> None:
    ground = "getComputedStyle(document.querySelector('.drawing svg .plain rect')).fill"
    browser.darken(False)
    browser.open(site / "graphs.html")
    light = browser.look(ground)
    browser.darken(True)
    assert browser.look(ground) != light
    browser.darken(False)
