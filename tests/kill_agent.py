"""An agent with a tool, and a server's answers to it: the better its text, the more questions it answers."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool

from metatextgrad.core.program import Program
from tests import openai_answers
from tests.killing import MODELS

TASK = """name = "doubling"
question_type = "double a number"
metric = "exact"

[data]
file = "examples.jsonl"
train = 6
val = 8
test = 4
"""
ROWS = [{"id": f"q{n}", "question": f"Double {n}", "answer": str(2 * n)} for n in range(18)]
_FEEDBACK = {"texts": {"agent.system": "It is not exact enough."}}


@tool
def double(number: int) -> int:
    """Double a number."""
    with Path("tools.log").open("a", encoding="utf-8") as log:
        log.write(f"{number}\n")
    return 2 * number


def build(texts: dict[str, str], model: Any) -> Any:
    """Build the agent."""
    return create_agent(model, [double], system_prompt=texts["system"])


def program() -> Program:
    """Return the agent as a program, which another process can build too."""
    return Program.from_factory("tests.kill_agent:build", {"system": "Be exact."}, calls=2)


def write_task(folder: Path) -> None:
    """Write the task down, in the place of another one."""
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    (folder / "task.toml").write_text(TASK, encoding="utf-8")


def answered(body: Mapping[str, Any], number: int, *rest: Any) -> dict[str, Any]:
    """Answer a request in OpenAI's form."""
    first, last = body["messages"][0]["content"], body["messages"][-1]
    if body["model"] != MODELS["program"]:
        return openai_answers.completion(body, number, _written(body), "", {})
    if last["role"] == "tool":
        right = int(last["content"]) // 2 % 5 <= first.count("!")
        return openai_answers.completion(body, number, last["content"] if right else "unsure", "", {})
    answer = openai_answers.completion(body, number, "", "", {})
    made = {"name": "double", "arguments": json.dumps({"number": int(last["content"].rpartition(" ")[2])})}
    called = [{"id": f"call_{number}", "type": "function", "function": made}]
    answer["choices"][0] |= {"finish_reason": "tool_calls"}
    answer["choices"][0]["message"] |= {"content": None, "tool_calls": called}
    return answer


def _written(body: Mapping[str, Any]) -> str:
    """Blame the text, or make it a little more exact."""
    prompt = "\n".join(message["content"] for message in body["messages"])
    if "<TRACE>" in prompt:
        return json.dumps(_FEEDBACK)
    return json.dumps({"improved_text": "Be exact" + max(re.findall("exact(!*)", prompt)) + "!"})
