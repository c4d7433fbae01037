"""Programs by name: what they ask, how often, and what they may show."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from langgraph.store.memory import InMemoryStore

from metatextgrad.api import aevaluate
from metatextgrad.cli.graph import _graph
from metatextgrad.cli.programs import chosen_program
from metatextgrad.core.errors import InputError
from metatextgrad.core.program import Llm, Program, chain_of_thought
from metatextgrad.core.programs import (
    PROGRAMS,
    best_of_n,
    debate,
    few_shot,
    program_named,
    self_consistency,
    self_refine,
    step_back,
)
from metatextgrad.core.task import Example, Task
from metatextgrad.graphs.program import build_program
from metatextgrad.runtime.artifacts import namespace
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.evaluation import attempt_all
from metatextgrad.runtime.models import models_for
from metatextgrad.runtime.resources import open_resources
from metatextgrad.stages.limits import checked_program
from metatextgrad.tasks import load_task
from tests.scripted import Script, in_turn, opened, tiny_task

SIMULATED = ("bbh/dyck_languages", "bbh/word_sorting")


@pytest.mark.parametrize("task", SIMULATED)
@pytest.mark.parametrize("name", PROGRAMS)
async def test_every_program_answers_both_tasks_with_the_calls_it_announces(name: str, task: str) -> None:
    loaded = load_task(task)
    context = Context().given(task=loaded, models=models_for(Context(), lasting=False))
    store = InMemoryStore()
    resources = await open_resources(context, store, "run")
    program = program_named(name, loaded)
    attempts = await attempt_all(resources, program, loaded.valset[:10])
    assert [attempt.result.failure for attempt in attempts] == [""] * 10
    made = Counter(len(attempt.execution.invocations) for attempt in attempts if attempt.execution)
    assert made == {program.calls_per_example(): 10}
    assert len(await store.asearch(namespace("call"), limit=1000)) <= 10 * program.calls_per_example()


@pytest.mark.parametrize(
    ("program", "calls"),
    [
        (few_shot(tiny_task()), 1),
        (self_consistency(tiny_task()), 8),
        (best_of_n(tiny_task()), 9),
        (step_back(tiny_task()), 2),
        (self_refine(tiny_task()), 3),
        (self_refine(tiny_task(), rounds=3), 7),
        (debate(tiny_task()), 7),
        (debate(tiny_task(), debaters=4, rounds=1), 5),
    ],
)
def test_calls_of_an_example_are_those_of_the_method(program: Program, calls: int) -> None:
    assert program.calls_per_example() == calls


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_drawn_with_its_components_as_nodes(name: str) -> None:
    program = program_named(name, load_task("bbh/word_sorting"))
    nodes = set(build_program(program).compile().get_graph().nodes)
    assert {part.name for part in program.components} <= nodes


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_within_what_is_taken_from_a_model(name: str) -> None:
    task = load_task("bbh/word_sorting")
    checked_program(task.program, program_named(name, task).components)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_answering_call_has_the_tasks_own_instructions(name: str) -> None:
    task = tiny_task(chain_of_thought("start", "Answer in French."))
    callers = program_named(name, task).callers()
    assert any(part.instructions.startswith("Answer in French.") for part in callers)
    assert all(part.template.startswith("{question}") for part in callers)


def test_the_initial_program_is_taken_as_it_is() -> None:
    task = tiny_task()
    assert program_named("cot", task) == task.program


def demonstrations(program: Program) -> list[tuple[str, str]]:
    (call,) = program.components
    assert isinstance(call, Llm)
    return [(shown.input, shown.output) for shown in call.demonstrations]


@pytest.mark.parametrize("seed", range(20))
def test_worked_examples_come_from_the_training_set_alone(seed: int) -> None:
    task = tiny_task()
    shown = demonstrations(few_shot(task, seed=seed))
    assert len(set(shown)) == 8
    assert set(shown) <= {(example.input, f"Answer: {example.target}") for example in task.trainset}


def test_worked_examples_follow_from_the_seed() -> None:
    task = tiny_task()
    assert few_shot(task) == few_shot(task)
    assert few_shot(task) != few_shot(task, seed=1)
    assert few_shot(task).name == "8-shot"


def test_a_small_training_set_is_shown_whole_and_named_by_its_size() -> None:
    program = few_shot(tiny_task(sizes=(3, 2, 2)))
    assert len(demonstrations(program)) == 3
    assert program.name == "3-shot"


def own_task() -> Task:
    """Return a task whose user message has a further field."""
    call = Llm(name="answer", instructions="Classify.", template="Ticket of {customer}:\n{question}")
    program = Program(name="own", inputs=("question", "customer"), components=(call,))

    def example(split: str) -> Example:
        return Example(id=split, input=f"{split} fails", target="billing", fields={"customer": "Ann"})

    sets = [(example(split),) for split in ("train", "val", "test")]
    return replace(tiny_task(program), trainset=sets[0], valset=sets[1], testset=sets[2])


def test_worked_examples_have_the_form_of_the_user_message() -> None:
    assert demonstrations(few_shot(own_task())) == [("Ticket of Ann:\ntrain fails", "Answer: billing")]


@pytest.mark.parametrize("name", PROGRAMS)
async def test_programs_run_on_a_task_with_its_own_template(name: str) -> None:
    script = Script(lambda messages, level: "Answer: billing\nBest: 1")
    resources = await opened(script, task=own_task())
    (attempt,) = await attempt_all(resources, program_named(name, own_task()), own_task().valset)
    assert attempt.result.failure == ""
    assert all("Ticket of Ann:\nval fails" in prompt for prompt in script.prompts("program"))


async def test_debaters_read_each_other_and_the_judge_reads_the_last_round() -> None:
    script = Script(in_turn(*(f"Reason {n}. Answer: {n}" for n in range(1, 6))))
    resources = await opened(script)
    program = debate(tiny_task(), debaters=2, rounds=2)
    (attempt,) = await attempt_all(resources, program, tiny_task().valset[:1])
    assert attempt.result.prediction == "Reason 5. Answer: 5"
    asked = script.prompts("program")
    assert "Work forward" in asked[0]
    assert "Work backward" in asked[1]
    assert all("Debater 1:\nReason 1." in prompt and "Debater 2:\nReason 2." in prompt for prompt in asked[2:4])
    assert "Debater 1:\nReason 3." in asked[4]
    assert "Reason 1." not in asked[4]


async def test_a_revision_reads_the_draft_and_its_critique() -> None:
    script = Script(in_turn("Answer: 7", "It should be 8.", "Answer: 8"))
    (attempt,) = await attempt_all(await opened(script), self_refine(tiny_task()), tiny_task().valset[:1])
    assert attempt.result.prediction == "Answer: 8"
    assert "Draft:\nAnswer: 7" in script.prompts("program")[1]
    assert "Draft:\nAnswer: 7\n\nCritique:\nIt should be 8." in script.prompts("program")[2]


async def test_the_most_common_answer_wins() -> None:
    replies = ["Answer: 1", "So.\nAnswer: 2", "Answer: 2"]
    resources = await opened(in_turn(*replies))
    (attempt,) = await attempt_all(resources, self_consistency(tiny_task(), samples=3), tiny_task().valset[:1])
    assert attempt.result.prediction == "So.\nAnswer: 2"


async def test_the_library_takes_a_program_by_name(tmp_path: Path) -> None:
    task = load_task("bbh/word_sorting")
    options = {"split": "val", "workspace": tmp_path}
    by_name = await aevaluate(task, program="step-back", **options)
    assert by_name == await aevaluate(task, program=step_back(task), **options)
    assert by_name.program == step_back(task).id


def test_the_command_line_knows_every_program_by_name() -> None:
    assert [chosen_program(name, "nowhere") for name in PROGRAMS] == list(PROGRAMS)
    assert chosen_program("initial", "nowhere") is None
    assert set(_graph("step-back").nodes) >= {"principle", "answer_by_principle"}


def test_an_unknown_program_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"Unknown program 'cott'\. Available: best-of-n, cot, debate"):
        program_named("cott", tiny_task())


def test_a_task_that_starts_from_several_components_says_what_to_give_instead() -> None:
    task = tiny_task(step_back(tiny_task()))
    assert program_named("cot", task) == task.program
    with pytest.raises(InputError, match="a program of 2 components, 'step-back'"):
        program_named("debate", task)


def test_a_field_with_the_name_of_a_component_is_one_clear_error() -> None:
    call = Llm(name="answer", instructions="Go.", template="{question} {draft}")
    task = tiny_task(Program(name="own", inputs=("question", "draft"), components=(call,)))
    with pytest.raises(InputError, match=r"'self-refine' cannot be built on task 'tiny': .*'draft'"):
        program_named("self-refine", task)
