"""Every lesson runs as it stands, is short, and leaves no warning."""

import subprocess
import sys
from pathlib import Path

import pytest

LESSONS = sorted((Path(__file__).parent.parent / "examples").glob("[0-9]*.py"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_as_it_stands(lesson: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(lesson)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip()
    assert not ran.stderr.strip()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_has_at_most_sixty_lines(lesson: Path) -> None:
    assert len(lesson.read_text(encoding="utf-8").splitlines()) <= 60


def test_there_are_lessons_and_they_are_numbered_without_gaps() -> None:
    assert [int(path.stem[:2]) for path in LESSONS] == list(range(1, len(LESSONS) + 1))


def test_the_lesson_on_resuming_says_that_both_results_are_the_same(tmp_path: Path) -> None:
    lesson = next(path for path in LESSONS if "resume" in path.stem)
    ran = subprocess.run(
        [sys.executable, str(lesson)], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert "the same findings: True" in ran.stdout
    assert "the same number of calls: True" in ran.stdout
