"""Every code block of README.md and docs/ runs as it stands; what cannot run here is checked as far as it can be."""

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from metatextgrad.stages import KINDS, StageKind
from tests.command_line import settle
from tests.documents import PAGES, ROOT, Reader, blocks, forget_modules_of, parsed, spoken
from tests.loopback import point_at
from tests.openai_server import serving
from tests.provider import answer

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
