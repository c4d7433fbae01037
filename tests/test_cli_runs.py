"""What the commands print about runs, programs and graphs."""

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console, RenderableType

from metatextgrad.cli.demo import _fresh
from metatextgrad.cli.result import optimizer_view
from metatextgrad.stored import read_run
from metatextgrad.tasks.files import read_optimizer, read_program
from metatextgrad.wording import NOTICE
from tests.command_line import SMALL, call, described, document, printed, settle

TASK = "bbh/word_sorting"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each kind."""
    folder = tmp_path_factory.mktemp("runs")
    assert call("run", TASK, *SMALL, "--run", "learned", cwd=folder).returncode == 0
    assert call("optimize", TASK, *SMALL, "--run", "tuned", cwd=folder).returncode == 0
    return folder


@pytest.fixture
def inside(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settle(place, monkeypatch)
    return place


def test_progress_goes_to_stderr_and_one_document_to_stdout(tmp_path: Path) -> None:
    done = call("optimize", TASK, "--steps", "1", "--json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert (result["simulated"], result["notice"]) == (True, NOTICE)
    assert [row["kind"] for row in result["rows"]] == ["initial", "optimizer"]
    assert "tgd step 1: textual_gradient" in call("optimize", TASK, "--steps", "1", cwd=tmp_path).stderr


def test_quiet_shows_the_result_alone(tmp_path: Path) -> None:
    done = call("optimize", TASK, "--steps", "1", "--quiet", cwd=tmp_path)
    assert done.stderr == ""
    assert "zero-shot" in done.stdout and NOTICE in done.stdout


@pytest.mark.parametrize("width", ["100", "80", "40"])
def test_a_result_has_table_optimizer_usage_and_next_commands(
    width: str, inside: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    shown = printed(capsys, "show", "learned")
    to_copy = ("  metatextgrad", "  source")
    assert max(len(line) for line in shown.splitlines() if not line.startswith(to_copy)) <= int(width)
    for expected in (
        "TGD",
        "ADAS-TG",
        "metaTextGrad",
        "[",
        "learned optimizer",
        "program",
        "total",
        "tgd",
        "meta step",
    ):
        assert expected in shown
    assert "  metatextgrad export learned\n" in shown
    assert "SIMULATED MODELS" in shown


def test_the_runs_are_listed_newest_first(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = described(capsys, "runs")["runs"]
    assert {run["run"]: run["status"] for run in runs} == {"tuned": "done", "learned": "done"}
    assert [run["created"] for run in runs] == sorted((run["created"] for run in runs), reverse=True)
    head, *lines = printed(capsys, "runs").splitlines()
    for name in ("task", "command", "status", "begun"):
        place = head.index(name)
        assert all(line[place - 1].isspace() and line[place] != " " for line in lines[: len(runs)]), "in columns"
    assert [line.split()[0] for line in lines[: len(runs)]] == [run["run"] for run in runs]


def test_every_turn_of_a_run_is_shown(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loops = described(capsys, "show", "learned")["loops"]
    assert [loop["name"] for loop in loops] == ["tgd", "adas-tg", "merge"]
    first, second = loops[0]["turns"]
    assert [turn["step"] for turn in first["inner"]] == [0, 1, 2]
    assert (second["level"], second["candidates"][0]["stage"]) == ("optimizer", "tgd")


def test_an_export_can_be_started_from(inside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = described(capsys, "export", "learned", "--output", str(tmp_path / "out"))
    optimizer, program = tmp_path / "out" / "optimizer.json", tmp_path / "out" / "program.json"
    assert read_optimizer(optimizer).model_dump(mode="json") == written["optimizer"]
    assert read_program(program).model_dump(mode="json") == written["program"]
    again = document(
        "optimize", TASK, "--optimizer", str(optimizer), "--program", str(program), "--steps", "1", cwd=tmp_path
    )
    assert again["rows"][0]["program"] == read_program(program).id


def test_an_export_goes_to_the_workspace(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, "export", "tuned")
    assert (inside / ".metatextgrad" / "exports" / "tuned" / "optimizer.json").is_file()


def test_a_program_is_evaluated_by_the_name_of_its_run(inside: Path, tmp_path: Path) -> None:
    best = document("show", "tuned", cwd=inside)["rows"][-1]
    assert (
        document("evaluate", TASK, "--program", "tuned", "--split", "val", cwd=inside)["score"]
        == (best["validation"]["score"])
    )
    by_id = document("evaluate", TASK, "--program", best["program"], cwd=inside)
    assert (by_id["score"], by_id["program"]) == (best["test"]["score"], best["program"])


def test_an_evaluation_shows_score_interval_and_usage(tmp_path: Path) -> None:
    done = call("evaluate", TASK, "--program", "cot", "--split", "val", cwd=tmp_path)
    assert done.returncode == 0
    assert "initial" not in done.stderr and "cot" in done.stdout and "100" in done.stdout
    assert NOTICE in done.stdout


@pytest.mark.parametrize("name", ["inner_loop", "meta_prompt", "meta_structure", "outer_loop", "program"])
def test_graphs_are_drawn(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "graph TD" in printed(capsys, "graph", name)
    assert described(capsys, "graph", name)["format"] == "mermaid"


def test_both_loops_are_drawn_nested(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = printed(capsys, "graph", "outer_loop")
    assert "subgraph meta_prompt" in drawn and "textual_gradient" in drawn


def test_a_program_file_is_drawn_in_characters(
    inside: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed(capsys, "export", "learned", "--output", str(tmp_path))
    assert "__start__" in printed(capsys, "graph", str(tmp_path / "program.json"), "--ascii")


def test_tasks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "bbh/dyck_languages" in printed(capsys, "tasks")
    assert {"bbh/dyck_languages", "bbh/word_sorting"} <= {task["name"] for task in described(capsys, "tasks")["tasks"]}


def test_commands_to_copy_come_with_how_they_are_found(
    inside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    activate = tmp_path / "venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert f"source {activate}" in printed(capsys, "show", "tuned")
    (tmp_path / "metatextgrad").touch(mode=0o755)
    assert "source" not in printed(capsys, "show", "tuned")


def test_no_command_is_the_help_and_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "optimize" in printed(capsys)
    assert printed(capsys, "--version").startswith("metatextgrad ")


def test_a_demo_never_meets_an_earlier_one(tmp_path: Path) -> None:
    first = _fresh(str(tmp_path))
    Path(first).mkdir()
    assert _fresh(str(tmp_path)) != first


def test_the_demo_ends_with_one_table_in_under_a_minute(tmp_path: Path) -> None:
    done = call("demo", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    learned, _, rest = done.stdout.partition("method ")
    assert learned.count("learned optimizer") == learned.count("tokens in") == 2
    table, _, rest = rest.partition("[95 % interval")
    methods = [line.split()[0] for line in table.splitlines() if "[" in line]
    assert methods == ["zero-shot", "TGD", "ADAS-TG", "metaTextGrad"] * 2
    assert done.stdout.count(NOTICE) == 2
    reports = [line.strip() for line in rest.splitlines() if line.endswith(".html")]
    assert [(tmp_path / report).read_text(encoding="utf-8").count("<h1>") for report in reports] == [1, 1]


def test_in_colours_a_changed_text_stands_once(inside: Path) -> None:
    found = asyncio.run(read_run(".metatextgrad", "learned")).found
    assert found
    plain, coloured = (_drawn(optimizer_view(found, colours=colours), colours) for colours in (False, True))
    assert "  before:" in plain and "  after:" in plain and "green came" not in plain
    assert "  before:" not in coloured and "green came, red went" in coloured and "\x1b[32m" in coloured


def _drawn(view: RenderableType, colours: bool) -> str:
    system: Literal["standard"] | None = "standard" if colours else None
    console = Console(file=io.StringIO(), width=100, force_terminal=colours, color_system=system)
    console.print(view)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
