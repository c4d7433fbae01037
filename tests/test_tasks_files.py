"""Program and optimizer files: read back what was written, and say what is wrong with one that was not."""

import json
from pathlib import Path

import pytest

from metatextgrad.core.errors import InputError
from metatextgrad.core.optimizer import Optimizer, Stage, repeat
from metatextgrad.core.program import chain_of_thought
from metatextgrad.tasks.files import inside, read_optimizer, read_program

PROGRAM = chain_of_thought("mine", "Think.")
OPTIMIZER = Optimizer(
    name="mine", purpose="Improve.", schedule=repeat(Stage(kind="textual_gradient", instructions="Be kind."), 3)
)


def test_a_program_and_an_optimizer_are_read_back_as_written(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(PROGRAM.model_dump_json(indent=2))
    (tmp_path / "o.json").write_text(OPTIMIZER.model_dump_json(), encoding="utf-8-sig")
    assert read_program(tmp_path / "p.json") == PROGRAM
    assert read_optimizer(tmp_path / "o.json") == OPTIMIZER


def changed(**changes: object) -> str:
    return json.dumps({**PROGRAM.model_dump(mode="json"), **changes})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "is not valid JSON: Expecting value in line 1, column 1"),
        ('{\n "name": }', "is not valid JSON: Expecting value in line 2"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("9" * 5000, "cannot be read as JSON"),
        ("[]", "is not a valid program: Input should be an object, not []"),
        (
            changed(format="metatextgrad.program/9"),
            "has format 'metatextgrad.program/9'; expected 'metatextgrad.program/1'",
        ),
        (OPTIMIZER.model_dump_json(), "has format 'metatextgrad.optimizer/1'; expected 'metatextgrad.program/1'"),
        (changed(color="red"), "is not a valid program: color: Extra inputs are not permitted, not 'red'"),
        (changed(name=None), "name: Input should be a valid string, not None"),
        (changed(components=[]), "components: Tuple should have at least 1 item"),
        (changed(components=[{"kind": "spell"}]), "components.0: Input tag 'spell'"),
        (
            changed(output="nothing"),
            "is not a valid program: output 'nothing' is not written; written values: answer, question",
        ),
        ('{"name": "x"}', "components: Field required"),
    ],
)
def test_a_wrong_program_file_is_one_clear_error(tmp_path: Path, written: str, said: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(written)
    with pytest.raises(InputError) as caught:
        read_program(path)
    assert said in str(caught.value)
    assert "p.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_deeply_nested_program_is_refused_and_does_not_crash(tmp_path: Path) -> None:
    body = PROGRAM.model_dump(mode="json")["components"]
    for depth in range(400):
        body = [{"kind": "map", "name": f"m{depth}", "over": "question", "item": f"i{depth}", "body": body}]
    (tmp_path / "p.json").write_text(changed(components=body))
    with pytest.raises(InputError):
        read_program(tmp_path / "p.json")


def test_a_missing_file_a_folder_and_another_encoding_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no optimizer file"):
        read_optimizer(tmp_path / "none.json")
    with pytest.raises(InputError, match="Cannot read the optimizer file"):
        read_optimizer(tmp_path)
    with pytest.raises(InputError, match="Cannot read the optimizer file"):
        read_optimizer(tmp_path / "a\0b")
    (tmp_path / "o.json").write_bytes("{}".encode("utf-16"))
    with pytest.raises(InputError, match="is not UTF-8: byte 0xff in line 1"):
        read_optimizer(tmp_path / "o.json")


@pytest.mark.parametrize("name", ["", "/etc/x", "..", "a/../../x", "C:/x", "\\x", "out/x"])
def test_a_path_may_not_leave_its_folder(tmp_path: Path, name: str) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "out").symlink_to(tmp_path)
    with pytest.raises(InputError):
        inside(base, name)


def test_a_path_inside_its_folder_is_resolved(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/../b.csv") == tmp_path.resolve() / "b.csv"
