"""In a notebook, where a loop runs already: blocking and async functions, code of cells, a cell that is interrupted."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.command_line import environment

pytestmark = pytest.mark.skipif(find_spec("IPython") is None, reason="IPython is not installed")
KERNEL = """
import asyncio, json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance(colors="nocolor", history_manager=None)
loop = asyncio.new_event_loop()  # as a kernel has one: Ctrl-C is an exception in the cell that runs
for cell in json.load(sys.stdin):
    loop.run_until_complete(shell.run_cell_async(cell, transformed_cell=shell.transform_cell(cell)))
"""
IMPORTS = "import metatextgrad as mtg\nsettings = mtg.Context(steps=1)"
AGENT = """
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

def build(texts, model):
    prompt = ChatPromptTemplate.from_messages([("system", "{rules}"), ("human", "{question}")])
    return prompt.partial(rules=texts["system"]) | model | StrOutputParser()

program = mtg.Program.from_runnable(build, {"system": "Sort the words."})
"""


def cells(folder: Path, *given: str) -> list[str]:
    """Execute the cells of a notebook, and return what they printed."""
    done = subprocess.run(
        [sys.executable, "-c", KERNEL],
        input=json.dumps([IMPORTS, *given]),
        cwd=folder,
        env=environment(IPYTHONDIR=str(folder / "ipython")),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_blocking_and_async_functions_find_the_same(tmp_path: Path) -> None:
    shown = cells(
        tmp_path,
        "first = mtg.optimize('bbh/word_sorting', settings=settings, workspace='one', run='r')",
        "second = await mtg.aoptimize('bbh/word_sorting', settings=settings, workspace='two', run='r')",
        "print(first.findings == second.findings, first)",
        "events = []\nmtg.evaluate('bbh/word_sorting', split='train', workspace='one', on_event=events.append)\n"
        "print(events[-1].done)",
    )
    assert shown == [
        "True Result(run='r', score=0.43, calls=306, simulated models: the score says nothing about real ones)",
        "50",
    ]


def test_code_of_a_cell_is_a_program_that_is_resumed(tmp_path: Path) -> None:
    shown = cells(
        tmp_path,
        AGENT,
        "whole = mtg.optimize('bbh/word_sorting', program=program, settings=settings, workspace='one')",
        "capped = settings.model_copy(update={'max_calls': 150})\n"
        "mtg.optimize('bbh/word_sorting', program=program, settings=capped, run='r')",
        "again = mtg.resume('r', program=program, caps={'max_calls': None})\nprint(again.findings == whole.findings)",
    )
    assert "BudgetReachedError: The cap of 150 calls is reached" in "\n".join(shown)
    assert shown[-1] == "True"


def test_cell_that_is_interrupted_ends_at_once_and_the_run_goes_on_later(tmp_path: Path) -> None:
    shown = cells(
        tmp_path,
        "import os, signal, threading\ndef interrupt(event):\n"
        "    if event.type == 'step':\n        os.kill(os.getpid(), signal.SIGINT)",
        "mtg.optimize('bbh/word_sorting', settings=mtg.Context(steps=4), run='r', on_event=interrupt)",
        "result = mtg.resume('r')\nprint(result.run, mtg.evaluate('bbh/word_sorting', program=result.program).scored)",
    )
    assert [line for line in shown if "KeyboardInterrupt" in line]
    assert shown[-1] == "r 100"
