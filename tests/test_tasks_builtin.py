"""Built-in tasks, on generated examples and on the published files."""

import json
import os
from pathlib import Path

import pytest

from metatextgrad.core.errors import InputError
from metatextgrad.core.program import Llm
from metatextgrad.tasks import builtin_tasks, load_task
from metatextgrad.tasks.bbh import BENCHMARKS
from metatextgrad.tasks.metrics import METRICS, check_metric

BESIDE = Path(__file__).parents[2] / "shared" / "data"
PUBLISHED = Path(os.environ.get("METATEXTGRAD_DATA") or BESIDE) / "bbh"
needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(),
    reason="BIG-Bench Hard's files are not part of the project; METATEXTGRAD_DATA names the folder that has them",
)
NAMES = ("bbh/dyck_languages", "bbh/word_sorting")
"""Those that need no data."""
OTHERS = ("arc/small", "gpqa/diamond", "mmlu/abstract_algebra")


def records(name: str) -> list[dict[str, str]]:
    """Write a task's own examples in the form of the published file."""
    task = load_task(name)
    return [{"input": one.input, "target": one.target} for one in (*task.trainset, *task.valset, *task.testset)]


def saved(tmp_path: Path, document: object) -> str:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def test_the_built_in_tasks_are_a_known_list_with_descriptions() -> None:
    assert sorted(builtin_tasks()) == sorted((*NAMES, *OTHERS))
    assert all(description.endswith(".") for description in builtin_tasks().values())


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_task_has_the_papers_splits_and_one_trainable_prompt(name: str) -> None:
    task = load_task(name)
    assert [len(task.split(split)) for split in ("train", "val", "test")] == [50, 100, 100]
    assert task.metric is METRICS[task.metric_name]
    (component,) = task.program.components
    assert isinstance(component, Llm)
    assert "'Answer: $VALUE'" in component.instructions
    check_metric(task)
    everyone = (*task.trainset, *task.valset, *task.testset)
    assert all(task.metric(example.target, example).value == 1 for example in everyone)


@pytest.mark.parametrize("name", OTHERS)
def test_a_task_that_generates_nothing_says_what_data_it_needs(name: str) -> None:
    with pytest.raises(InputError, match=f"Task '{name}' needs .*data = "):
        load_task(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_runs_seed_does_not_change_the_data(name: str) -> None:
    assert load_task(name, seed=1).id == load_task(name, seed=2).id


@pytest.mark.parametrize("name", NAMES)
def test_a_file_in_the_published_form_is_split_in_file_order(tmp_path: Path, name: str) -> None:
    written = records(name)
    task = load_task(name, data=saved(tmp_path, {"canary": "", "examples": written}))
    read = [example.input for example in (*task.trainset, *task.valset, *task.testset)]
    assert read == [record["input"] for record in written]
    assert task.id == load_task(name).id


def test_a_data_file_of_another_task_is_refused(tmp_path: Path) -> None:
    data = saved(tmp_path, {"examples": records("bbh/word_sorting")})
    with pytest.raises(InputError, match=r"Example 0 of the data file .* is not one of 'bbh/dyck_languages'"):
        load_task("bbh/dyck_languages", data=data)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([1], "no list 'examples'"),
        ({"examples": 3}, "no list 'examples'"),
        (
            {"examples": [{"input": "x", "target": "y"}]},
            "has 1 examples; 'bbh/dyck_languages' needs 50 + 100 + 100 = 250",
        ),
        ({"examples": ["x"] * 250}, "Example 0"),
        ({"examples": [{"input": "Input: ]", "target": ""}] * 250}, "Example 0"),
    ],
)
def test_a_data_file_of_another_form_is_one_clear_error(tmp_path: Path, document: object, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_task("bbh/dyck_languages", data=saved(tmp_path, document))
    assert said in str(caught.value)


def test_a_missing_data_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no data file .*nothing\.json"):
        load_task("bbh/word_sorting", data=str(tmp_path / "nothing.json"))


@pytest.mark.parametrize("ref", ["bbh/dyck", "", "no\0name", "long" * 2000])
def test_an_unknown_name_lists_the_tasks_and_says_that_a_file_works(ref: str) -> None:
    with pytest.raises(InputError) as caught:
        load_task(ref)
    assert f"Available: {', '.join(sorted((*NAMES, *OTHERS)))}" in str(caught.value)
    assert "TOML file" in str(caught.value)


@needs_published
@pytest.mark.parametrize("name", NAMES)
def test_every_published_label_scores_1_against_itself_and_is_solved(name: str) -> None:
    task = load_task(name, data=str(PUBLISHED / f"{name.rpartition('/')[2]}.json"))
    examples = (*task.trainset, *task.valset, *task.testset)
    assert len(examples) == 250
    assert sum(task.metric(f"Answer: {one.target}", one).value or 0 for one in examples) == 250
    assert [BENCHMARKS[name].solve(one.input) for one in examples] == [one.target for one in examples]


@needs_published
@pytest.mark.parametrize("name", NAMES)
def test_no_published_example_is_generated_with_the_fixed_seed_but_trivial_ones(name: str) -> None:
    published = {
        record["input"] for record in json.loads((PUBLISHED / f"{name[4:]}.json").read_text("utf-8"))["examples"]
    }
    shared = [record["input"] for record in records(name) if record["input"] in published]
    # Two or three brackets leave so few sequences that some must coincide.
    assert all(len(question.rpartition(":")[2].split()) <= 6 for question in shared)
