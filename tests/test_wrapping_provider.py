"""An agent on OpenAI's own model class, over a real socket: tools, forms and usage come through the ledger whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from pydantic import BaseModel

import metatextgrad as mtg
from metatextgrad.core.errors import ProviderError
from metatextgrad.core.program import Program
from metatextgrad.core.trial import Evaluation
from tests import openai_answers, openai_server
from tests.agents import double, react
from tests.loopback import settings
from tests.openai_server import Server
from tests.scripted import tiny_task

SYSTEM = {"system": "Be exact."}


class Verdict(BaseModel):
    """A number, doubled."""

    doubled: int


def answered(body: Mapping[str, Any], *rest: Any) -> dict[str, Any]:
    """Call the tool on the number of the question, then say what came back, in the form that is asked for."""
    last = body["messages"][-1]
    done = last["role"] == "tool"
    text = json.dumps({"doubled": int(last["content"])}) if body.get("response_format") and done else last["content"]
    answer = openai_answers.completion(body, rest[0], f"{'' if text[0] == '{' else 'Answer: '}{text}", "", {})
    if not done:
        number = last["content"].rpartition(" ")[2]
        made = {"name": "double", "arguments": json.dumps({"number": int(number)})}
        calls = [{"id": f"call_{rest[0]}", "type": "function", "function": made}]
        answer["choices"][0] |= {"finish_reason": "tool_calls"}
        answer["choices"][0]["message"] |= {"content": None, "tool_calls": calls}
    return answer


async def evaluated(program: Program, folder: Path, **changes: Any) -> Evaluation:
    task = tiny_task(program, sizes=(2, 4, 2))
    return await mtg.aevaluate(task, split="val", settings=settings(**changes), workspace=folder)


@pytest.fixture
def tools(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.handler = lambda asked: ""
    monkeypatch.setattr(openai_server, "completion", answered)


@pytest.mark.usefixtures("tools")
async def test_tools_go_out_in_the_providers_form_and_nothing_is_paid_for_twice(server: Server, tmp_path: Path) -> None:
    first = await evaluated(Program.from_runnable(react, SYSTEM), tmp_path)
    assert [result.prediction for result in first.results] == [f"Answer: {2 * n}" for n in range(4)]
    asked = [body for body in server.bodies if body["messages"][-1]["role"] == "tool"]
    assert len(server.bodies) == 8 == 2 * len(asked)
    for body in asked:
        assert [tool["function"]["name"] for tool in body["tools"]] == ["double", "half"]
        assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool"]
        assert body["messages"][2]["tool_calls"][0]["id"] == body["messages"][3]["tool_call_id"]
        assert body["temperature"] == 0.0
    again = await evaluated(Program.from_runnable(react, SYSTEM), tmp_path)
    assert (again, len(server.bodies)) == (first, 8)


@pytest.mark.usefixtures("tools")
async def test_form_of_an_answer_survives_the_store(server: Server, tmp_path: Path) -> None:
    def build(texts: dict[str, str], model: Any) -> Any:
        return create_agent(model, [double], system_prompt=texts["system"], response_format=Verdict)

    program = Program.from_runnable(build, SYSTEM, gives="structured_response")
    for _ in range(2):
        found = await evaluated(program, tmp_path, program_model="openai:gpt-4o-mini")
        assert [json.loads(result.prediction) for result in found.results] == [{"doubled": 2 * n} for n in range(4)]
    assert len(server.bodies) == 8
    assert all(body["response_format"]["type"] == "json_schema" for body in server.bodies)


async def test_provider_that_fails_for_good_leaves_no_score(server: Server, tmp_path: Path) -> None:
    server.faults = {"500": 1.0}
    with pytest.raises(ProviderError, match="The provider failed on"):
        await evaluated(Program.from_runnable(react, SYSTEM), tmp_path, retries=0)
