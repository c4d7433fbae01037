"""Every code block of README.md and docs/ runs as it stands; what cannot run here is checked as far as it can be."""

import importlib
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

import metatextgrad
from metatextgrad.core.errors import MetaTextGradError
from metatextgrad.stages import KINDS, StageKind
from tests.command_line import settle
from tests.documents import PAGES, ROOT, Reader, anchors, blocks, forget_modules_of, links, parsed, spoken
from tests.loopback import point_at
from tests.openai_server import serving
from tests.provider import answer
from tests.settings_page import tables
from tests.test_examples import LESSONS
from tests.test_public_names import IMPORTABLE

GIVEN = Path(__file__).parent / "given"
"""What a page takes for granted: a task of one's own."""


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """Sit down in an empty folder, with a provider: the loopback server, whatever model is named."""
    folder = tmp_path / "reader"
    shutil.copytree(GIVEN, folder)
    settle(folder, monkeypatch)
    monkeypatch.syspath_prepend(folder)
    kinds = set(KINDS)
    with serving(tmp_path / "journal.jsonl", answer) as server:
        point_at(server, monkeypatch)
        yield Reader(folder, {"__name__": "__main__"})
    forget_modules_of(folder)
    for added in set(KINDS) - kinds:
        del cast(dict[str, StageKind], KINDS)[added]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: str(page.relative_to(ROOT)))
def test_a_reader_can_follow_a_page(page: Path, reader: Reader) -> None:
    for block in blocks(page):
        reader.follow(block)


@pytest.mark.parametrize("page", [page for page in PAGES if spoken(page)], ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_prose_of_a_page_are_real(page: Path) -> None:
    for command in spoken(page):
        parsed(shlex.split(command)[1:], f"{page.relative_to(ROOT)}: {command}", in_prose=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_of_a_page_leads_nowhere(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), f"{target.name} has no heading {anchor!r}"


def error_classes() -> set[type[MetaTextGradError]]:
    for name in IMPORTABLE:
        importlib.import_module(name)
    found, fresh = {MetaTextGradError}, {MetaTextGradError}
    while fresh:
        fresh = {sub for one in fresh for sub in one.__subclasses__() if sub.__module__.startswith("metatextgrad.")}
        found |= fresh
    return found


def test_every_error_has_its_page_and_every_page_its_error() -> None:
    told = {page.stem for page in (ROOT / "docs" / "errors").glob("*.md")} - {"index"}
    assert told == {error.__name__ for error in error_classes()}


def test_the_table_of_exit_codes_is_that_of_the_errors() -> None:
    page = (ROOT / "docs" / "errors" / "index.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (\d+) \| (.*?) \|", page)
    told = {name: int(code) for code, names in rows for name in re.findall(r"\[(\w+)\]", names)}
    assert told == {error.__name__: error.exit_code for error in error_classes() if error.exit_code != 1}


def test_every_lesson_is_listed() -> None:
    page = (ROOT / "docs" / "lessons.md").read_text(encoding="utf-8")
    assert re.findall(r"\(\.\./examples/(\w+)\.py\)", page) == [lesson.stem for lesson in LESSONS]


def test_the_reference_has_every_public_name_and_every_module_of_what_it_tells() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    told = re.findall(r":: (metatextgrad\.[\w.]+)", pages)
    whole = ("core", "graphs", "nodes", "adapters")
    modules = [
        name for name in IMPORTABLE if name.split(".")[1:2] and name.split(".")[1] in whole and name.count(".") > 1
    ]
    assert {f"metatextgrad.{name}" for name in metatextgrad.__all__} | set(modules) <= set(told)
    assert len(told) == len(set(told))


def test_the_page_of_settings_has_them_all_with_their_defaults() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert tables() in page, "`python -m tests.settings_page` prints them"
