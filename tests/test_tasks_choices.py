"""MMLU and GPQA from files in the forms in which they are published, made here, and from the hub."""

import builtins
import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metatextgrad.core.errors import InputError
from metatextgrad.core.program import Llm
from metatextgrad.core.task import Example, Task
from metatextgrad.tasks import load_task
from metatextgrad.tasks.choices import CHOICES, load_choices
from metatextgrad.tasks.metrics import check_metric
from metatextgrad.tasks.sources import Hub

MMLU, GPQA = "mmlu/abstract_algebra", "gpqa/diamond"
SIZES = {MMLU: (10, 50, 40), GPQA: (30, 100, 68)}
Row = dict[str, Any]


def mmlu_rows(count: int = 100) -> list[Row]:
    """Return rows as the hub has them; option k of question n is 'n.k'."""
    return [
        {
            "question": f"Is {n}, the order of G, prime?\nChoose.",
            "subject": "abstract_algebra",
            "choices": [f"{n}.{k}" for k in range(4)],
            "answer": n % 4,
        }
        for n in range(count)
    ]


def as_columns(row: Row) -> list[str]:
    return [row["question"], *row["choices"], "ABCD"[row["answer"]]]


def gpqa_rows(count: int = 198) -> list[Row]:
    return [
        {
            "Record ID": f"rec{n}",
            "Question": f"What is {n}?\n",
            "Correct Answer": f"right {n}",
            **{f"Incorrect Answer {k}": f"wrong {n}.{k} \n" for k in (1, 2, 3)},
            "Explanation": "",
        }
        for n in range(count)
    ]


def comma_separated(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def table(rows: list[Row]) -> str:
    return comma_separated([list(rows[0]), *(row.values() for row in rows)])


def json_lines(rows: list[Row]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def saved(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8", newline="")
    return str(path)


def everyone(task: Task) -> tuple[Example, ...]:
    return (*task.trainset, *task.valset, *task.testset)


def published(tmp_path: Path, name: str) -> str:
    if name == MMLU:
        return saved(tmp_path / "abstract_algebra_test.csv", comma_separated(map(as_columns, mmlu_rows())))
    return saved(tmp_path / "gpqa_diamond.csv", table(gpqa_rows()))


MMLU_FORMS: dict[str, Callable[[], tuple[str, str]]] = {
    "csv without a header": lambda: ("a.csv", comma_separated(map(as_columns, mmlu_rows()))),
    "csv with a header": lambda: (
        "a.csv",
        comma_separated([["question", *"ABCD", "answer"], *map(as_columns, mmlu_rows())]),
    ),
    "csv of all subjects": lambda: (
        "a.csv",
        comma_separated(
            [
                ["", "Question", *"ABCD", "Answer", "Subject"],
                *([n, *as_columns(row), row["subject"]] for n, row in enumerate(mmlu_rows())),
                [100, "Who?", *"1234", "A", "world_religions"],
            ]
        ),
    ),
    "jsonl of the hub's rows": lambda: ("a.jsonl", json_lines(mmlu_rows())),
    "jsonl with letters": lambda: (
        "a.jsonl",
        json_lines([{**row, "answer": "abcd"[row["answer"]]} for row in mmlu_rows()]),
    ),
}


@pytest.mark.parametrize("name", [MMLU, GPQA])
def test_a_published_file_gives_the_papers_sizes_and_one_trainable_prompt(tmp_path: Path, name: str) -> None:
    task = load_task(name, data=published(tmp_path, name))
    assert tuple(len(task.split(split)) for split in ("train", "val", "test")) == SIZES[name]
    assert task.metric_name == "letter"
    (call,) = task.program.components
    assert isinstance(call, Llm)
    assert call.instructions.endswith("'Answer: $VALUE', where VALUE is one of the letters A, B, C and D.")
    check_metric(task)
    for example in everyone(task):
        assert task.metric(f"**Answer:** {example.target}", example).value == 1
        assert example.input.endswith("where LETTER is A, B, C or D.")


@pytest.mark.parametrize("form", MMLU_FORMS)
def test_every_published_form_of_mmlu_is_the_same_task(tmp_path: Path, form: str) -> None:
    name, text = MMLU_FORMS[form]()
    task = load_task(MMLU, data=saved(tmp_path / name, text))
    assert task.id == load_task(MMLU, data=published(tmp_path, MMLU)).id
    example = next(one for one in everyone(task) if one.id == "abstract_algebra/006")
    assert example.target == "C"
    assert example.input.startswith(
        "Is 6, the order of G, prime?\nChoose.\n\nA) 6.0\nB) 6.1\nC) 6.2\nD) 6.3\n\nChoose the right option."
    )


def test_parquet_is_read_as_the_hub_has_it(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow comes with the extra hub, which is not installed")
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "test-00000-of-00001.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(mmlu_rows()), path)
    assert load_task(MMLU, data=str(path)).id == load_task(MMLU, data=published(tmp_path, MMLU)).id
    path.write_bytes(b"not parquet")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        load_task(MMLU, data=str(path))
    with pytest.raises(InputError, match=r"There is no data file .*nothing\.parquet"):
        load_task(MMLU, data=str(tmp_path / "nothing.parquet"))


def test_the_right_option_of_gpqa_is_at_each_letter_about_as_often(tmp_path: Path) -> None:
    task = load_task(GPQA, data=published(tmp_path, GPQA))
    letters = Counter(example.target for example in everyone(task))
    assert set(letters) == set("ABCD")
    assert min(letters.values()) > 30
    for example in everyone(task):
        number = example.input.partition("?")[0].removeprefix("What is ")
        assert f"\n{example.target}) right {number}\n" in example.input
        assert all(f") wrong {number}.{k}\n" in example.input for k in (1, 2, 3))


def test_options_of_gpqa_stay_where_they_are_when_the_file_is_in_another_order(tmp_path: Path) -> None:
    first = load_task(GPQA, data=published(tmp_path, GPQA))
    other = load_task(GPQA, data=saved(tmp_path / "other.csv", table(gpqa_rows()[::-1])))
    assert {one.input for one in everyone(first)} == {one.input for one in everyone(other)}


@pytest.mark.parametrize("name", [MMLU, GPQA])
def test_the_sets_are_drawn_and_always_the_same(tmp_path: Path, name: str) -> None:
    data = published(tmp_path, name)
    task = load_task(name, data=data, seed=1)
    assert task.id == load_task(name, data=data, seed=2).id
    numbers = [int(example.id.rpartition("/")[2]) for example in task.testset]
    assert numbers != sorted(numbers)
    assert len({example.id for example in everyone(task)}) == sum(SIZES[name])


def test_other_sizes_can_be_asked_for(tmp_path: Path) -> None:
    data = saved(tmp_path / "few.jsonl", json_lines(mmlu_rows(6)))
    task = load_choices(CHOICES[MMLU], data, sizes=(1, 2, 3))
    assert [len(task.split(split)) for split in ("train", "val", "test")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (MMLU, json_lines(mmlu_rows(99)), "has 99 questions, but 'mmlu/abstract_algebra' is 10 + 50 + 40 = 100"),
        (GPQA, json_lines(gpqa_rows(448)), "has 448 questions, but 'gpqa/diamond' is 30 + 100 + 68 = 198"),
        (MMLU, json_lines([*mmlu_rows(99), {**mmlu_rows(1)[0], "answer": 4}]), "line 100: column 'answer' is '4'"),
        (MMLU, json_lines([*mmlu_rows(99), {**mmlu_rows(1)[0], "answer": "AB"}]), "column 'answer' is 'AB'"),
        (MMLU, json_lines([*mmlu_rows(99), {**mmlu_rows(1)[0], "answer": ""}]), "column 'answer' is empty"),
        (MMLU, json_lines([*mmlu_rows(99), {**mmlu_rows(1)[0], "choices": ["1"]}]), "expected a list of 4 options"),
        (MMLU, json_lines([*mmlu_rows(99), {**mmlu_rows(1)[0], "choices": ["1", "2", None, "4"]}]), "'c' is null"),
        (MMLU, json_lines(gpqa_rows(100)), "has no column 'a'"),
        (GPQA, json_lines(mmlu_rows(198)), "has no column 'correct answer'"),
    ],
)
def test_data_of_another_form_is_one_clear_error(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_task(name, data=saved(tmp_path / "data.jsonl", text))
    assert said in str(caught.value)


def on_the_hub(path: Path) -> Any:
    return replace(CHOICES[MMLU], hub=Hub(str(path), None, "test"))


def test_the_hub_gives_the_same_task_as_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets", reason="the extra hub, which brings datasets, is not installed")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "mmlu"
    folder.mkdir()
    saved(folder / "test.jsonl", json_lines(mmlu_rows()))
    assert load_choices(on_the_hub(folder), "hub").id == load_task(MMLU, data=published(tmp_path, MMLU)).id


def test_a_hub_out_of_reach_is_one_sentence_that_offers_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets", reason="the extra hub, which brings datasets, is not installed")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    with pytest.raises(
        InputError, match=r"cannot be loaded from the hub \(.*\)\. Is there a network.* data = its path"
    ):
        load_choices(on_the_hub(tmp_path / "nothing"), "hub")


@pytest.mark.parametrize(("data", "package"), [("hub", "datasets"), ("x.parquet", "pyarrow")])
def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, data: str, package: str) -> None:
    def refuse(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("metatextgrad.tasks.sources.import_module", refuse)
    with pytest.raises(InputError, match=rf"'{package}'; install it by: pip install 'metatextgrad\[hub\]'"):
        load_task(MMLU, data=data)


def test_loading_a_file_imports_no_package_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def guarded(name: str, *rest: Any) -> Any:
        assert name.partition(".")[0] not in ("datasets", "pyarrow")
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", guarded)
    load_task(MMLU, data=published(tmp_path, MMLU))
