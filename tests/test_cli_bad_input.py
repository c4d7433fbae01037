"""Bad input: one clear message, exit code 2, and nothing is started."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from metatextgrad.cli import main
from metatextgrad.runtime.record import every
from metatextgrad.runtime.workspace import open_workspace
from metatextgrad.stages import tgd
from tests.command_line import SMALL, settle

TASKFILE = """
name = "mine"
question_type = "answer"
metric = "{metric}"
[data]
train = "train.jsonl"
val = "val.jsonl"
test = "test.jsonl"
"""
METRIC = "def score(prediction, example):\n    raise KeyError('no such thing')\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(tmp_path, monkeypatch)


def _task(metric: str = "exact", **sets: str) -> str:
    Path("mine.toml").write_text(TASKFILE.format(metric=metric), encoding="utf-8")
    for number, name in enumerate(("train", "val", "test")):
        row = json.dumps({"question": f"q{number}", "answer": "a"})
        Path(f"{name}.jsonl").write_text(sets.get(name, row), encoding="utf-8")
    return "mine.toml"


def _missing_column() -> list[str]:
    return ["run", _task(val='{"question": "q"}')]


def _empty_file() -> list[str]:
    return ["run", _task(train="")]


def _not_utf8() -> list[str]:
    task = _task()
    Path("val.jsonl").write_bytes(b'{"question": "\xff", "answer": "a"}')
    return ["run", task]


def _overlapping() -> list[str]:
    return ["optimize", _task(test=json.dumps({"question": "q0", "answer": "a"}))]


def _raising_metric() -> list[str]:
    Path("broken.py").write_text(METRIC, encoding="utf-8")
    return ["evaluate", _task(metric="broken:score")]


def _old_optimizer() -> list[str]:
    written = tgd().model_dump(mode="json") | {"format": "metatextgrad.optimizer/0"}
    Path("old.json").write_text(json.dumps(written), encoding="utf-8")
    return ["optimize", "bbh/word_sorting", "--optimizer", "old.json"]


def _unknown_stage() -> list[str]:
    written = tgd().model_dump(mode="json")
    written["schedule"]["kind"] = "guessing"
    Path("odd.json").write_text(json.dumps(written), encoding="utf-8")
    return ["run", "bbh/word_sorting", "--optimizers", "tgd", "--optimizers", "odd.json"]


def _broken_program() -> list[str]:
    Path("program.json").write_text("{", encoding="utf-8")
    return ["run", "bbh/word_sorting", "--program", "program.json"]


def _arguments(*arguments: str) -> Callable[[], list[str]]:
    return lambda: list(arguments)


BAD: dict[str, tuple[Callable[[], list[str]], str]] = {
    "unknown task": (_arguments("run", "bbh/nothing"), "Unknown task 'bbh/nothing'"),
    "no task": (_arguments("run"), "Missing TASK"),
    "unknown model": (_arguments("run", "bbh/word_sorting", "--meta-model", "best"), "'best'"),
    "unknown provider": (_arguments("run", "bbh/word_sorting", "--meta-model", "nobody:x"), "'nobody:x'"),
    "no key": (_arguments("run", "bbh/word_sorting", "--program-model", "openai:gpt-4o-mini"), "OPENAI_API_KEY"),
    "unknown optimizer": (_arguments("optimize", "bbh/word_sorting", "--optimizer", "sgd"), "Unknown optimizer 'sgd'"),
    "unknown stage": (_unknown_stage, "Unknown stage kind 'guessing'"),
    "unknown program": (_arguments("evaluate", "bbh/word_sorting", "--program", "best"), "Unknown program 'best'"),
    "broken program": (_broken_program, "is not valid JSON"),
    "old optimizer": (_old_optimizer, "metatextgrad.optimizer/0"),
    "missing data": (_arguments("run", "bbh/word_sorting", "--data", "nowhere.json"), "nowhere.json"),
    "missing column": (_missing_column, "no column"),
    "empty file": (_empty_file, "has no rows"),
    "not UTF-8": (_not_utf8, "val.jsonl"),
    "overlapping sets": (_overlapping, "keep the sets disjoint"),
    "metric that raises": (_raising_metric, "KeyError"),
    "bad number": (_arguments("run", "bbh/word_sorting", "--steps", "0"), "--steps: "),
    "bad run name": (_arguments("run", "bbh/word_sorting", "--run", "a/b"), "'a/b'"),
    "bad workspace": (_arguments("run", "bbh/word_sorting", "--workspace", "/proc/none"), "'/proc/none'"),
    "unknown option": (_arguments("run", "--speed"), "--speed"),
    "unknown command": (_arguments("fly"), "fly"),
    "unknown graph": (_arguments("graph", "loop"), "Unknown graph 'loop'"),
    "no workspace": (_arguments("show", "lost"), "no workspace"),
    "unchangeable setting": (_arguments("resume", "lost", "--seed", "3"), "--seed"),
}


def _records() -> int:
    async def counted() -> int:
        async with open_workspace(".metatextgrad") as opened:
            return len(await every(opened.store))

    return asyncio.run(counted())


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gives_one_message_and_starts_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    made, expected = BAD[name]
    code = main(made())
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert err.startswith("error: ") and err.count("\n") == 1
    assert expected in err and "Traceback" not in err
    assert _records() == 0


@pytest.mark.parametrize("name", ["unknown task", "unknown option", "bad number", "missing column"])
def test_bad_input_with_json_is_one_document(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    made, expected = BAD[name]
    assert main([*made(), "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 2 and document["resume"] is None
    assert expected in document["error"]


def test_a_name_is_used_once(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["optimize", "bbh/word_sorting", *SMALL[:2], "--run", "one", "--quiet"]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "Run 'one' exists already" in capsys.readouterr().err


def test_an_unknown_run_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", "bbh/word_sorting", "--steps", "1", "--run", "one", "--quiet"]) == 0
    assert main(["show", "two"]) == 2
    assert "Newest runs: one." in capsys.readouterr().err


def test_a_defect_of_ours_is_one_line_and_with_debug_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> dict[str, str]:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("metatextgrad.tasks.builtin_tasks", broken)
    assert main(["tasks"]) == 1
    assert capsys.readouterr().err.startswith("error: unexpected ZeroDivisionError: oh")
    monkeypatch.setenv("METATEXTGRAD_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["tasks"])
