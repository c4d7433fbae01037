"""An option wins over the environment, the environment over the file, the file over the default."""

from pathlib import Path

import pytest

from metatextgrad.cli.settings import FIELDS, settings_from
from metatextgrad.core.errors import InputError
from metatextgrad.runtime.context import Context
from tests.command_line import call, document

TASK = "bbh/word_sorting"


def _file(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_nobody_sets_is_the_default() -> None:
    assert settings_from(TASK, {}, None, {}) == Context(task=TASK)


def test_the_file_wins_over_the_default(tmp_path: Path) -> None:
    assert settings_from(TASK, {}, _file(tmp_path, "steps = 2"), {}).steps == 2


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = _file(tmp_path, "steps = 2")
    assert settings_from(TASK, {}, config, {"METATEXTGRAD_STEPS": "3"}).steps == 3


def test_an_option_wins_over_the_environment(tmp_path: Path) -> None:
    config = _file(tmp_path, "steps = 2")
    assert settings_from(TASK, {"steps": "4"}, config, {"METATEXTGRAD_STEPS": "3"}).steps == 4


def test_an_option_that_equals_the_default_wins_too(tmp_path: Path) -> None:
    config = _file(tmp_path, "steps = 2")
    assert settings_from(TASK, {"steps": "6"}, config, {"METATEXTGRAD_STEPS": "3"}).steps == Context().steps == 6


def test_an_empty_variable_sets_nothing() -> None:
    assert settings_from(TASK, {}, None, {"METATEXTGRAD_STEPS": ""}).steps == 6


def test_none_lifts_what_can_be_none_and_stays_a_word_elsewhere(tmp_path: Path) -> None:
    lifted = settings_from(TASK, {"program_temperature": "none", "data": "none"}, _file(tmp_path, "max_calls = 3"), {})
    assert (lifted.program_temperature, lifted.data, lifted.max_calls) == (None, "none", 3)


def test_the_file_may_name_the_task_and_the_argument_wins(tmp_path: Path) -> None:
    config = _file(tmp_path, 'task = "bbh/dyck_languages"')
    assert settings_from(None, {}, config, {}).task == "bbh/dyck_languages"
    assert settings_from(TASK, {}, config, {}).task == TASK


@pytest.mark.parametrize(
    ("options", "text", "variables", "expected"),
    [
        ({"steps": "many"}, "", {}, "--steps: "),
        ({}, "", {"METATEXTGRAD_STEPS": "0"}, "METATEXTGRAD_STEPS: "),
        ({}, "steps = 0", {}, "config.toml: steps: "),
        ({}, "", {"METATEXTGRAD_STEP": "1"}, "did you mean METATEXTGRAD_STEPS?"),
        ({}, "max_call = 1", {}, "did you mean 'max_calls'?"),
        ({}, "steps = ", {}, "is not TOML"),
        ({"start_from": "middle"}, "", {}, "--start-from: "),
    ],
)
def test_what_is_wrong_is_said_with_where_it_stands(
    options: dict[str, str], text: str, variables: dict[str, str], expected: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        settings_from(TASK, options, _file(tmp_path, text), variables)
    assert expected in str(caught.value)


def test_a_config_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not TOML"):
        settings_from(TASK, {}, path, {})


@pytest.mark.parametrize("command", ["run", "optimize", "evaluate"])
def test_every_setting_is_an_option(command: str, tmp_path: Path) -> None:
    shown = call(command, "--help", cwd=tmp_path, env={"COLUMNS": "200"})
    missing = [name for name in FIELDS if f"--{name.replace('_', '-')}" not in shown.stdout]
    assert (shown.returncode, missing) == (0, [])


def test_all_four_sources_meet_in_a_run(tmp_path: Path) -> None:
    config = _file(tmp_path, "steps = 1\nseed = 1\nbatch_size = 1")
    done = call(
        *("optimize", TASK, "--run", "met", "--config", str(config), "--seed", "3", "--quiet"),
        cwd=tmp_path,
        env={"METATEXTGRAD_SEED": "2", "METATEXTGRAD_BATCH_SIZE": "2"},
    )
    assert done.returncode == 0, done.stderr
    settings = document("show", "met", cwd=tmp_path)["settings"]
    assert {name: settings[name] for name in ("steps", "seed", "batch_size", "batch_draws")} == {
        "steps": 1,
        "seed": 3,
        "batch_size": 2,
        "batch_draws": 3,
    }
