"""ARC-AGI: which tasks are taken, how they are asked, and how grids are scored."""

import json
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from metatextgrad.core.errors import InputError
from metatextgrad.core.task import Example, Task
from metatextgrad.tasks import load_task
from metatextgrad.tasks.arc import load_arc
from metatextgrad.tasks.grids import grid, last_grid, written
from metatextgrad.tasks.metrics import check_metric
from tests.test_tasks_builtin import PUBLISHED

TRAINING = PUBLISHED.parent / "arc-agi" / "training"
needs_published = pytest.mark.skipif(
    not TRAINING.is_dir(),
    reason="ARC-AGI's files are not part of the project; METATEXTGRAD_DATA names the folder that has them",
)
Rows = list[list[int]]


def square(size: int, colour: int) -> Rows:
    return [[colour] * size for _ in range(size)]


def puzzle(number: int, *, rows: int = 3, later: int = 3) -> dict[str, Any]:
    """Return a task whose rule is to add one to each cell; `later` is the size of its second pair."""
    colour = number % 9
    return {
        "train": [
            {"input": square(rows, colour), "output": square(rows, colour + 1)},
            {"input": square(later, 0), "output": square(later, 1)},
        ],
        "test": [
            {"input": [[colour, number // 9]], "output": [[colour + 1, number // 9 + 1]]},
            {"input": [[0]], "output": [[1]]},
        ],
    }


def folder(tmp_path: Path, *puzzles: object) -> str:
    home = tmp_path / "training"
    home.mkdir()
    for number, content in enumerate(puzzles):
        (home / f"{number:08x}.json").write_text(json.dumps(content), encoding="utf-8")
    return str(home)


def everyone(task: Task) -> tuple[Example, ...]:
    return (*task.trainset, *task.valset, *task.testset)


def test_the_80_small_tasks_are_drawn_into_the_papers_sets(tmp_path: Path) -> None:
    small = [puzzle(n, rows=n % 5 + 1, later=20) for n in range(80)]
    large = [puzzle(n, rows=6, later=2) for n in range(40)]
    data = folder(tmp_path, *small, *large)
    task = load_task("arc/small", data=data)
    assert [len(task.split(split)) for split in ("train", "val", "test")] == [20, 30, 30]
    assert {example.id for example in everyone(task)} == {f"arc/{n:08x}" for n in range(80)}
    assert [example.id for example in task.testset] != sorted(example.id for example in task.testset)
    assert task.id == load_task("arc/small", data=data, seed=5).id
    check_metric(task)
    assert all(task.metric(f"Answer: {one.target}", one).value == 1 for one in everyone(task))


def test_a_task_counts_as_small_by_the_rows_of_its_first_pair_input_and_output(tmp_path: Path) -> None:
    growing = puzzle(0)
    growing["train"][0]["output"] = square(6, 1)
    wide = puzzle(1)
    wide["train"][0]["input"] = [[0] * 30]
    task = load_arc(folder(tmp_path, growing, wide, *(puzzle(n) for n in range(2, 4))), sizes=(1, 1, 1))
    assert {example.id for example in everyone(task)} == {"arc/00000001", "arc/00000002", "arc/00000003"}


def test_a_question_shows_numbered_pairs_and_the_first_test_input(tmp_path: Path) -> None:
    task = load_arc(folder(tmp_path, *(puzzle(n, rows=2, later=1) for n in range(3))), sizes=(1, 1, 1))
    example = next(one for one in everyone(task) if one.id == "arc/00000002")
    assert "Example 1\nInput: [[2, 2], [2, 2]]\nOutput: [[3, 3], [3, 3]]\n\nExample 2\nInput: [[0]]" in example.input
    assert "Test\nInput: [[2, 0]]\n\nWhat is the output" in example.input
    assert example.target == "[[3, 1]]"
    assert example.target not in example.input


def test_too_few_tasks_are_counted_in_one_sentence(tmp_path: Path) -> None:
    data = folder(tmp_path, *(puzzle(n) for n in range(12)), puzzle(12, rows=9))
    with pytest.raises(InputError) as caught:
        load_task("arc/small", data=data)
    assert "has 13 tasks, 12 of them with at most 5 rows" in str(caught.value)
    assert "needs exactly 20 + 30 + 30 = 80 such tasks" in str(caught.value)


def test_what_is_not_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'arc/small' needs data = the training folder .* 'hub' is no folder"):
        load_task("arc/small", data="hub")


def broken(change: object) -> object:
    return {**puzzle(0), **change} if isinstance(change, dict) else change


@pytest.mark.parametrize(
    "change",
    [
        [1],
        {"train": []},
        {"test": []},
        {"test": [{"input": [[1]]}]},
        {"test": [{"input": [[10]], "output": [[1]]}]},
        {"test": [{"input": [[1.5]], "output": [[1]]}]},
        {"test": [{"input": [], "output": [[1]]}]},
        {"test": [{"input": [[]], "output": [[1]]}]},
    ],
)
def test_a_file_that_is_no_task_of_arc_is_named(tmp_path: Path, change: object) -> None:
    with pytest.raises(InputError, match=r"00000000\.json' is not a task of ARC-AGI"):
        load_arc(folder(tmp_path, broken(change)), sizes=(1, 1, 1))


@needs_published
def test_the_published_tasks_are_read_and_score_1_against_themselves() -> None:
    task = load_arc(str(TRAINING), sizes=(4, 4, 4))
    assert len(everyone(task)) == 12
    for example in everyone(task):
        raw = json.loads((TRAINING / f"{example.id.removeprefix('arc/')}.json").read_text("utf-8"))
        assert json.loads(example.target) == raw["test"][0]["output"]
        assert task.metric(f"So it is.\nAnswer: {example.target}", example).value == 1
        wrong = task.metric(f"Answer: {written(raw['test'][0]['input'])}", example)
        assert wrong.value == float(raw["test"][0]["input"] == raw["test"][0]["output"])


TARGET = Example(id="one", input="", target="[[1, 2], [3, 4]]")


@pytest.mark.parametrize(
    "reply",
    [
        "Answer: [[1, 2], [3, 4]]",
        "Answer: [[1,2],[3,4]]",
        "First I thought [[0, 0], [0, 0]].\n**Answer:**\n```json\n[\n  [1, 2],\n  [3, 4]\n]\n```",
        "Answer: [[1 2] [3 4]]",
        "The grid is [[1, 2], [3, 4],]",
        "Answer: [[1, 2], [3, 4]] (not [3, 4])",
    ],
)
def test_the_last_grid_is_read_however_it_is_written(reply: str) -> None:
    assert grid(reply, TARGET).value == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Answer: [[1, 2], [3, 5]]", "1 of 4 cells are wrong, the first one in row 2, column 2."),
        ("Answer: [[2, 2], [4, 4]]", "2 of 4 cells are wrong, the first one in row 1, column 1."),
        ("Answer: [[1, 2]]", "The grid of the reply has 1 rows, where 2 are needed."),
        ("Answer: [[1, 2], [3]]", "Row 2 of the grid of the reply has 1 cells, where 2 are needed."),
        ("Answer: [[1, 2], [3, 4]] or [[0]]", "has 1 rows"),
        ("Answer: [1, 2, 3, 4]", "The reply holds no grid"),
        ("Answer: [[1, 2], [3, -4]]", "The reply holds no grid"),
        ("", "The reply holds no grid"),
        (f"Answer: [[1, 2], [3, {'4' * 9999}]]", "1 of 4 cells are wrong"),
    ],
)
def test_a_wrong_grid_says_how_it_differs(reply: str, said: str) -> None:
    score = grid(reply, TARGET)
    assert score.value == 0
    assert "The right grid is [[1, 2], [3, 4]]." in score.feedback
    assert said in score.feedback


def test_a_target_that_is_no_grid_is_an_error() -> None:
    with pytest.raises(ValueError, match="is not a grid"):
        grid("[[1]]", Example(id="x", input="", target="1"))


@pytest.mark.parametrize("part", ["[", "[[", "[[1],", "[[1] ", "[ ", "[[1],[1,", "[[1]" + " " * 50, "], ["])
def test_a_reply_of_any_shape_is_searched_in_linear_time(part: str) -> None:
    start = perf_counter()
    last_grid(part * (200_000 // len(part)))
    assert perf_counter() - start < 2
