"""The public names are a list that holds, and importing does nothing."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import metatextgrad
from tests.test_layers import MODULES

IMPORTABLE = [name for name in MODULES if not name.endswith(".__main__")]
IMPORT_ALL = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)"


def _python(code: str, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_every_public_name_is_listed_and_loads() -> None:
    assert metatextgrad.__all__ == sorted(metatextgrad.__all__)
    assert dir(metatextgrad) == metatextgrad.__all__
    assert set(metatextgrad.__all__) == set(metatextgrad._HOME_OF)
    for name in metatextgrad.__all__:
        assert callable(getattr(metatextgrad, name))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        metatextgrad.nothing  # noqa: B018 - reading it is the test


def test_lists_of_public_names_hold_in_every_module() -> None:
    for module in map(importlib.import_module, IMPORTABLE):
        assert [name for name in getattr(module, "__all__", []) if not hasattr(module, name)] == []


def test_import_loads_no_library(tmp_path: Path) -> None:
    code = "import sys, metatextgrad; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(_python(code, folder=tmp_path).split())
    assert "metatextgrad" in loaded
    assert (
        loaded & {"langgraph", "langchain", "langchain_core", "langsmith", "pydantic", "openai", "typer", "rich"}
        == set()
    )


def test_importing_every_module_prints_nothing_and_writes_nothing(tmp_path: Path) -> None:
    assert _python(IMPORT_ALL, *IMPORTABLE, folder=tmp_path) == ""
    assert list(tmp_path.iterdir()) == []
