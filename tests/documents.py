"""Read the code blocks of README.md and docs/, and carry them out or check them as far as they can be."""

import ast
import difflib
import json
import os
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

import pytest
import typer
from markdown_it import MarkdownIt

from metatextgrad.cli import main
from metatextgrad.cli.app import app
from metatextgrad.cli.settings import FIELDS, settings_from
from metatextgrad.tasks.taskfile import TaskFile

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
_NAMED = re.compile(r"`(?P<file>[\w./-]+\.\w+)`[^`]*:$")
"""The end of a paragraph that says in which file the block below it is."""
_EXTRAS = re.compile(r"metatextgrad\[(.*)\]")


@dataclass(frozen=True)
class Block:
    """A block of code on a page."""

    page: Path
    line: int
    """Of its first line of code, from 1."""
    info: str
    """Its language, and what else stands there."""
    text: str
    file: str = ""
    """The file that it stands for."""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order, those in lists too."""
    found: list[Block] = []
    paragraph = ""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        if token.type == "inline":
            paragraph = token.content
        elif token.type in ("fence", "code_block") and token.map:
            named = _NAMED.search(paragraph)
            first = token.map[0] + (2 if token.type == "fence" else 1)
            found.append(Block(page, first, token.info.strip(), token.content, named["file"] if named else ""))
            paragraph = ""
    return found


def spoken(page: Path) -> list[str]:
    """Return the commands of ours that stand in the prose of a page, less those that are only shapes of one."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    spans = [child.content for token in tokens for child in token.children or () if child.type == "code_inline"]
    return [span for span in spans if span.startswith("metatextgrad ") and not re.search(r"--[A-Z]|\.\.\.", span)]


def links(page: Path) -> list[tuple[Path, str]]:
    """Return where the links and pictures of a page lead inside the project: the file, and the heading if named."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    inline = [child for token in tokens for child in token.children or ()]
    found = [str(child.attrs.get("href") or child.attrs.get("src") or "") for child in inline]
    inner = [target.partition("#") for target in found if target and "://" not in target]
    return [((page.parent / file).resolve() if file else page, anchor) for file, _, anchor in inner]


def anchors(page: Path) -> set[str]:
    """Return the names that code hosts give to the headings of a page."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))
    headings = [after.content for before, after in pairwise(tokens) if before.type == "heading_open"]
    bare = [re.sub(r"[^\w\s-]", "", heading.lower()) for heading in headings]
    return {re.sub(r"\s", "-", heading.strip()) for heading in bare}


@dataclass
class Reader:
    """Someone who follows a page in an empty folder, block after block."""

    folder: Path
    names: dict[str, Any]
    printed: str = ""

    def follow(self, block: Block) -> None:
        """Do what a block says, or check it.

        Raises:
            AssertionError: it cannot be done, or something else is printed than the page says.
        """
        if block.file:
            target = self.folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        match block.info.split():
            case ["python"] if not block.file:
                self._run(block)
            case ["console"]:
                self._type(block)
            case ["text", "printed"]:
                same(block.text, self.printed, block)
            case _:
                read(block)

    def _run(self, block: Block) -> None:
        padded = "\n" * (block.line - 1) + block.text
        with redirect_stdout(StringIO()) as out:
            exec(compile(padded, block.page, "exec"), self.names)
        self.printed = out.getvalue()

    def _type(self, block: Block) -> None:
        for command, output in _session(block.text):
            words = shlex.split(command)
            given = dict(word.split("=", 1) for word in takewhile(lambda word: re.match(r"[A-Z_]+=", word), words))
            program, *arguments = words[len(given) :]
            assert program == "metatextgrad", f"{block.place}: only commands of metatextgrad are carried out"
            with redirect_stdout(StringIO()) as out, redirect_stderr(out), pytest.MonkeyPatch.context() as patch:
                for name, value in given.items():
                    patch.setenv(name, value)
                main(arguments)
            self.printed = out.getvalue()
            if output:
                same(output, self.printed, block)


def read(block: Block) -> None:
    """Check a block that is not carried out."""
    match block.info.split():
        case ["python", *_]:
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # as in a notebook
            compile(block.text, block.place, "exec", flags)  # another library's, or a file for the blocks below
        case ["sh"] | []:
            for command in commands(block.text):
                checked(command, block.place)
        case ["toml"]:
            toml_checked(block)
        case ["json"]:
            json.loads(block.text)
        case ["jsonl"]:
            list(map(json.loads, block.text.splitlines()))
        case ["text"] | ["mermaid"]:
            pass  # not code; another test holds the drawings
        case [directive, *_] if directive.startswith("{"):
            pass  # the build of the site knows
        case _:
            raise AssertionError(f"{block.place}: nobody checks blocks of {block.info!r}")


def same(told: str, printed: str, block: Block) -> None:
    """Compare what a page tells with what was printed; `...` stands for anything in a line, or for any lines."""
    lines = [r"(?:.*\n)*" if line.strip() == "..." else f"{_loosely(line.rstrip())} *\n" for line in told.splitlines()]
    pattern = "".join(lines)
    if not re.fullmatch(pattern, printed.rstrip("\n") + "\n"):
        difference = "\n".join(
            difflib.unified_diff(told.splitlines(), printed.splitlines(), "told", "printed", lineterm="")
        )
        raise AssertionError(f"{block.place} tells of another output:\n{difference}")


def _loosely(line: str) -> str:
    return ".*".join(map(re.escape, line.split("...")))


def _session(text: str) -> Iterator[tuple[str, str]]:
    """Return each command of a session with its output."""
    for part in re.split(r"(?m)^\$ ", text)[1:]:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = command[:-1] + more
        yield command, output


def commands(text: str) -> Iterator[str]:
    """Return the commands of a block: prompts, comments, and prose after two spaces belong to the reader."""
    sessions = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
    for line in sessions or text.replace("\\\n", " ").splitlines():
        bare = re.split(r"(?:^|\s)#\s", line)[0].strip()
        if bare:
            yield re.sub(r"\s{2,}(?=--)", " ", bare)


def checked(command: str, place: str) -> None:
    """Check a command: metatextgrad's by its own command line, others by what they name."""
    at, words = f"{place}: {command}", shlex.split(re.split(r"\s(?:\||\d?>)", command)[0])
    match words:
        case ["metatextgrad", *arguments]:
            parsed(arguments, at)
        case ["make", *rest]:
            targets = re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
            assert not rest or rest[0] in targets, at
        case ["pip", "install", *rest]:
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
                "optional-dependencies"
            ]
            asked = ",".join(found[1] for word in rest if (found := _EXTRAS.search(word)))
            assert {extra for extra in asked.split(",") if extra} <= set(extras), at
        case ["python", "-m", module, *_]:
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), at
        case ["python", script, *_]:
            assert (ROOT / script).is_file(), at
        case ["git" | "cd" | "export" | "langgraph" | "source" | "docker" | "kill", *_]:
            pass
        case _:
            raise AssertionError(f"{at}\nnobody knows this command")


def parsed(arguments: list[str], at: str, *, in_prose: bool = False) -> None:
    """Let the real command line read a command, its settings too, without carrying it out; prose may only name it."""
    group = typer.main.get_command(app)
    try:
        with group.make_context("metatextgrad", arguments[:1] if arguments[:1] == ["--version"] else []) as context:
            name, command, rest = group.resolve_command(context, arguments)  # type: ignore[attr-defined]  # typer's own click
            if not rest and in_prose:
                return
            given: Mapping[str, Any] = command.make_context(name, rest, parent=context).params
    except Exception as error:
        raise AssertionError(f"{at}\n{getattr(error, 'message', error)}") from error
    options = {field: given.get(field) for field in FIELDS}
    settings_from("bbh/word_sorting", options, None, {})


def toml_checked(block: Block) -> None:
    """Read a task file, or a file of settings, as the project reads it."""
    document = tomllib.loads(block.text)
    if "data" in document and isinstance(document["data"], dict):
        TaskFile.model_validate(document)
        return
    path = Path("settings-of-a-page.toml")
    path.write_text(block.text, encoding="utf-8")
    settings_from("bbh/word_sorting", {}, path, os.environ)


def forget_modules_of(folder: Path) -> None:
    """Let modules go that were imported from a folder."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
