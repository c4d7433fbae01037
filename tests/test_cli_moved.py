"""A run whose task file or data has moved since says so, and goes on once it is told where they are now."""

import json
from pathlib import Path

import pytest

from metatextgrad.cli import main
from metatextgrad.tasks.dyck import generate
from metatextgrad.tasks.word_sorting import generate as words
from tests.command_line import described, settle
from tests.killing import TASK


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A run that a cap stopped, and where its task file is now."""
    settle(tmp_path, monkeypatch)
    folder = tmp_path / "task"
    folder.mkdir()
    rows = [{"id": item.id, "question": item.input, "answer": item.target} for item in generate(0, 12)]
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "task.toml").write_text(TASK, encoding="utf-8")
    assert main(["optimize", "task/task.toml", "--steps", "2", "--run", "same", "--max-calls", "9"]) == 3
    folder.rename(tmp_path / "new")
    capsys.readouterr()
    return Path("new/task.toml")


def test_a_run_whose_task_file_moved_names_the_way_out_and_goes_on_by_it(
    moved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", "same"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: Run 'same' was started on the task 'task/task.toml', which is neither built in nor")
    assert "If its file has moved, name the new place: --task FILE, in Python `task`" in said
    result = described(capsys, "resume", "same", "--task", str(moved), "--max-calls", "none")
    assert described(capsys, "resume", "same") == result  # it has been told once
    main(["report", "same", "-o", "page.html"])
    assert "Questions and targets are not shown" not in Path("page.html").read_text(encoding="utf-8")


def test_a_fork_of_a_run_whose_task_file_moved_does_too(moved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    described(capsys, "resume", "same", "--task", str(moved), "--max-calls", "none")
    moved = moved.rename("third.toml")
    Path("new/examples.jsonl").rename("examples.jsonl")
    assert main(["fork", "same", "--at", "tgd:1", "--run", "other"]) == 2
    assert "name the new place: --task FILE" in capsys.readouterr().err
    assert (
        described(capsys, "fork", "same", "--at", "tgd:1", "--run", "other", "--task", "third.toml")["run"] == "other"
    )


def test_a_report_of_a_run_whose_task_file_moved_says_what_to_do(
    moved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    described(capsys, "resume", "same", "--task", str(moved), "--max-calls", "none")
    moved.unlink()
    assert main(["report", "same", "-o", "page.html"]) == 0
    assert "`metatextgrad resume same --task FILE` says where it is now" in Path("page.html").read_text(
        encoding="utf-8"
    )


def test_another_task_is_refused(moved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "same", "--task", "bbh/dyck_languages"]) == 2
    said = capsys.readouterr().err
    assert "was started on other data" in said and "--task FILE" in said


def test_a_run_on_published_data_that_moved_is_told_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(tmp_path, monkeypatch)
    published = {"examples": [{"input": item.input, "target": item.target} for item in words(1, 250)]}
    Path("here.json").write_text(json.dumps(published), encoding="utf-8")
    given = ["optimize", "bbh/word_sorting", "--data", "here.json", "--steps", "1", "--run", "same"]
    assert main([*given, "--max-calls", "9"]) == 3
    Path("here.json").rename("there.json")
    assert main(["resume", "same"]) == 2
    assert "'here.json'" in capsys.readouterr().err
    result = described(capsys, "resume", "same", "--data", "there.json", "--max-calls", "none")
    assert described(capsys, "fork", "same", "--at", "tgd:1", "--run", "other")["rows"] == result["rows"]
