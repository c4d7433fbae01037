"""Imports go down only, and the core is pure (design 9)."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {"core": 0, "runtime": 1, "tasks": 1, "stages": 2, "nodes": 3, "graphs": 4}
ROOF = 5
"""What users call: api, execution, the command line, reports; it may import everything."""
PURE = {
    "collections",
    "dataclasses",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "math",
    "numpy",
    "operator",
    "pydantic",
    "random",
    "re",
    "scipy",
    "statistics",
    "string",
    "types",
    "typing",
    "typing_extensions",
}
"""What the core may import beside itself: values and arithmetic, nothing that reaches outside the process."""


def _modules() -> dict[str, Path]:
    """Return each module's path by its full name; the folders behind the symbolic links once."""
    homes = {ROOT / "metatextgrad": ROOT, ROOT / "graphs": ROOT, ROOT / "nodes": ROOT}
    found: dict[str, Path] = {}
    for folder, base in homes.items():
        for path in folder.rglob("*.py"):
            parts = [part for part in path.relative_to(base).with_suffix("").parts if part != "__init__"]
            found[".".join(parts if parts[0] == "metatextgrad" else ["metatextgrad", *parts])] = path
    return found


MODULES = _modules()


def _floor(module: str) -> int:
    return FLOORS.get(module.split(".")[1], ROOF) if "." in module else ROOF


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and module of every import, those inside functions and for type checkers included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""


def _calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id


def test_every_floor_has_modules() -> None:
    assert {_floor(module) for module in MODULES} == {*FLOORS.values(), ROOF}


@pytest.mark.parametrize("module", [name for name in MODULES if _floor(name) < ROOF])
def test_module_imports_nothing_from_a_floor_above(module: str) -> None:
    upward = [
        f"{MODULES[module].relative_to(ROOT)}:{line} imports {name}"
        for line, name in _imports(MODULES[module])
        if name.split(".")[0] == "metatextgrad" and _floor(name) > _floor(module)
    ]
    assert upward == []


@pytest.mark.parametrize("module", [name for name in MODULES if _floor(name) == 0])
def test_core_imports_nothing_that_reaches_outside(module: str) -> None:
    assert {name.split(".")[0] for _, name in _imports(MODULES[module])} <= {*PURE, "metatextgrad"}
    assert {"open", "print", "input", "exec", "eval", "__import__"}.isdisjoint(_calls(MODULES[module]))


def test_wheel_lists_every_package() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(name for name, path in MODULES.items() if path.name == "__init__.py")
