"""Tables are made from cells that are carried out once, whatever stops them; every score stands with its interval."""

import json
from pathlib import Path
from typing import Any

import pytest

from metatextgrad.bench.cells import METHODS, OURS, Cell, Outcome, method_cell, program_cell, transfer_cell
from metatextgrad.bench.layouts import Asked, Layout, layouts
from metatextgrad.bench.paper import FIGURES
from metatextgrad.bench.run import done, in_order
from metatextgrad.bench.tables import grid, markdown, shown
from metatextgrad.cli import main
from metatextgrad.core.errors import InputError
from metatextgrad.core.report import Row, Tally
from metatextgrad.core.trial import Evaluation, ExampleResult
from metatextgrad.runtime.context import Context
from metatextgrad.runtime.meter import LEVELS, Usage
from metatextgrad.tasks import load_task
from tests.command_line import described, printed, settle

SIZES = {"train": 8, "val": 12, "test": 10}
FEW = ("--steps", "1", "--meta-prompt-steps", "1", "--meta-structure-steps", "1")
ROWS = ("--methods", "Zero-shot CoT", "--methods", "TGD")


def small(folder: Path, name: str) -> str:
    """Write a few examples of a built-in task as a task of one's own, and return the path of its file."""
    task = load_task(f"bbh/{name}")
    for split, size in SIZES.items():
        chosen = task.split(split)[:size]  # type: ignore[arg-type]  # the keys are splits
        rows = "".join(json.dumps({"question": one.input, "answer": one.target}) + "\n" for one in chosen)
        (folder / f"{name}-{split}.jsonl").write_text(rows)
    data = "\n".join(f'{split} = "{name}-{split}.jsonl"' for split in SIZES)
    head = f'name = "{name}"\nquestion_type = "{task.question_type}"\nmetric = "{task.metric_name}"\n'
    path = folder / f"{name}.toml"
    path.write_text(f"{head}[data]\n{data}\n")
    return path.name


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    settle(tmp_path, monkeypatch)
    return [small(tmp_path, "word_sorting"), small(tmp_path, "dyck_languages")]


def outcome(right: int, of: int = 10, rows: tuple[Row, ...] = (), cut: bool = False) -> Outcome:
    scores = [1.0] * right + [0.0] * (of - right)
    results = tuple(
        ExampleResult(example=str(place), prediction="", score=score, feedback="") for place, score in enumerate(scores)
    )
    val, test = (Evaluation(program="p", split=split, results=results) for split in ("val", "test"))
    usage = {level: Usage(calls=9, input_tokens=90) for level in LEVELS}
    return Outcome(val=val, test=test, usage=usage, rows=rows, row_tests={row.name: test for row in rows}, cut=cut)


def filled(layout: Layout, right: dict[str, int], rows: tuple[Row, ...] = ()) -> dict[str, Outcome]:
    """Give each cell of a table an outcome, by the title of its first row."""
    found: dict[str, Outcome] = {}
    for title, slots in layout.rows:
        for slot in slots:
            for cell in slot.cells:
                if not slot.row:
                    found[cell.name] = outcome(right.get(title, 5), rows=rows)
    return found


EVERY = Asked(
    settings=Context(),
    tasks=("bbh/word_sorting", "bbh/dyck_languages", "gpqa/diamond", "mmlu/abstract_algebra"),
    seeds=2,
    other_model="openai:other",
    strong_model="openai:strong",
    open_models=("openai:p", "openai:o", "openai:m"),
    arc_models=("openai:p", "openai:o", "openai:m"),
)


@pytest.mark.parametrize("number", sorted(FIGURES))
def test_rows_and_columns_of_a_table_are_the_papers(number: int) -> None:
    (layout,) = layouts(EVERY, [number])
    columns = [*layout.columns, *(["average"] if layout.average else [])]
    assert {(row, column) for row, _ in layout.rows for column in columns} == set(FIGURES[number])
    assert all(len(slot.cells) in (1, 2) for _, slots in layout.rows for slot in slots)
    made = grid(layout, filled(layout, {}))
    assert len(made.header) == 1 + 3 * len(columns)
    assert all(len(row) == len(made.header) for row in made.rows)
    assert "-" not in made.rows[0][1:]


def test_tables_of_tokens_and_costs_have_the_papers_rows() -> None:
    tokens, costs = layouts(EVERY, [2, 3])
    assert [row[0] for row in grid(tokens, filled(tokens, {})).rows] == [
        "program",
        "optimizer",
        "meta",
        "one round of zero-shot CoT",
    ]
    made = grid(costs, filled(costs, {OURS: 7}))
    assert made.rows[1][:3] == (OURS, "70.0 [40, 89]", "36")
    assert made.rows[1][4] == "37 for 0.44"


def test_table_that_needs_a_model_says_so() -> None:
    few = Asked(settings=Context(), tasks=("bbh/dyck_languages",))
    for number, said in ((4, "--other-model"), (5, "two tasks"), (7, "--open-models")):
        (layout,) = layouts(few, [number])
        assert said in grid(layout, {}).notes[0]


def test_what_is_asked_for_wrongly_is_refused() -> None:
    with pytest.raises(InputError, match="no table 8"):
        layouts(EVERY, [8])
    with pytest.raises(InputError, match="Unknown method 'SGD'"):
        layouts(Asked(settings=Context(), tasks=("a",), methods=("SGD",)), [1])


def test_ours_is_tested_against_the_best_other_on_validation() -> None:
    (layout,) = layouts(Asked(settings=Context(), tasks=("bbh/dyck_languages",)), [1])
    made = grid(layout, filled(layout, {OURS: 10, "ADAS-TG": 6}))
    (said,) = [note for note in made.notes if "against" in note]
    assert "against ADAS-TG" in said and "+40.0 points" in said
    worse = grid(layout, filled(layout, {OURS: 1, "ADAS-TG": 6}))
    assert any("-50.0 points" in note for note in worse.notes), "where ours loses the table says so"


def test_ablation_reads_rewritten_optimizers_from_the_run_that_rewrote_them() -> None:
    (layout,) = layouts(Asked(settings=Context(), tasks=("bbh/dyck_languages",)), [6])
    tallies = {"tgd": 2, "tgd (improved)": 3, "adas-tg": 4}
    rows = tuple(
        Row(
            name=name,
            kind="optimizer",
            optimizer="o",
            program="p",
            val=Tally(total=n, scored=10),
            test=Tally(total=n, scored=10),
        )
        for name, n in tallies.items()
    )
    table = grid(layout, filled(layout, {OURS: 6, "Zero-shot CoT": 3, "TGD": 3, "ADAS-TG": 3, "Struct (O)": 3}, rows))
    made = {row[0]: row[1] for row in table.rows}
    assert any(f"{OURS} against ADAS-TG (O)" in note for note in table.notes), "the best other one may be such a row"
    assert (made["TGD (O)"][:4], made["ADAS-TG (O)"][:4]) == ("30.0", "40.0"), "what was not improved stays as it was"


def test_interval_is_never_narrower_than_that_of_the_examples() -> None:
    same = shown([Tally(total=5, scored=10)] * 5)
    assert (same.low, same.high) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    apart = shown([Tally(total=n, scored=10) for n in (0, 10)])
    assert (apart.low, apart.high, apart.seeds) == (0.0, 1.0, 2)


def test_table_is_written_as_markdown() -> None:
    (layout,) = layouts(Asked(settings=Context(), tasks=("bbh/dyck_languages",)), [6])
    lines = markdown(grid(layout, filled(layout, {}))).splitlines()
    assert lines[2] == "| method | dyck_languages val | test | paper |"
    assert lines[4] == "| Zero-shot CoT | 50.0 [24, 76] | 50.0 [24, 76] | 6 / 5 |"


def test_cell_is_named_by_what_decides_its_numbers() -> None:
    def name(method: str = "TGD", **settings: Any) -> str:
        return method_cell(method, Context(**settings)).name

    assert len({name(), name("ADAS-TG"), name(seed=1), name(steps=2), name(max_calls=9), name(OURS)}) == 6
    assert name() == name(concurrency=1) == name(retries=0)
    assert program_cell("cot", Context(max_calls=9)) == program_cell("cot", Context()), "a program spends no budget"
    assert len({method_cell(method, Context()).name for method in METHODS}) == 9


def test_optimizer_is_learned_before_it_is_used() -> None:
    learned = method_cell(OURS, Context())
    moved = transfer_cell(learned, Context(task="bbh/word_sorting"))
    assert in_order([moved, learned, moved]) == [learned, moved]


def counted(place: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in place.rglob("outcome.json")}


def test_benchmark_goes_on_where_it_was_stopped_and_repeats_nothing(
    tasks: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("bench", "paper", "--tables", "1", *ROWS, "--tasks", tasks[0], "--tasks", tasks[1], *FEW)
    assert described(capsys, *options, "--plan")["cells"] == 4
    from metatextgrad.bench import run

    carry_out = run.carry_out

    async def interrupted(cell: Cell, place: Path, stop: Any) -> Outcome:
        if len(counted(place)) == 2:
            stop.request()
        return await carry_out(cell, place, stop)

    monkeypatch.setattr(run, "carry_out", interrupted)
    assert main([*options]) == 130
    assert "metatextgrad bench paper" in capsys.readouterr().err, "it says how to go on"
    monkeypatch.setattr(run, "carry_out", carry_out)
    before = counted(tmp_path)
    assert len(before) == 2 and described(capsys, *options, "--plan")["cells"] == 2
    (table,) = described(capsys, *options)["tables"]
    assert [row[0] for row in table["rows"]] == ["Zero-shot CoT", "TGD"]
    assert before.items() <= counted(tmp_path).items(), "what was done is not done again"
    after = counted(tmp_path)
    assert "SIMULATED" in printed(capsys, *options) and counted(tmp_path) == after
    assert described(capsys, *options, "--plan")["cells"] == 0


def test_methods_get_equal_budgets_and_count_by_what_they_found(
    tasks: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = ("--methods", "TGD", "--methods", OURS)
    options = ("bench", "paper", "--tables", "1", "--tasks", tasks[0], *methods, "--max-calls-each", "60")
    found = described(capsys, *options, "--quiet")
    assert all(cell["cut"] and cell["usage"]["total"]["calls"] == 60 for cell in found["cells"].values())
    assert all(cell["test"] is not None for cell in found["cells"].values())
    assert "Ended by the budget" in " ".join(found["tables"][0]["notes"])


def test_learned_optimizer_is_carried_to_another_task(tasks: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--tasks", tasks[0], "--tasks", tasks[1], *FEW, "--quiet")
    (table,) = described(capsys, "bench", "paper", "--tables", "5", *asked)["tables"]
    assert [row[0] for row in table["rows"]] == ["Zero-shot CoT", "TGD", "ADAS-TG", OURS]
    assert "learned on word_sorting.toml" in table["title"]


def test_real_models_are_paid_for_only_after_a_yes(
    tasks: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    asked = ("--tasks", tasks[0], "--program-model", "openai:gpt-4o-mini")
    assert main(["bench", "paper", "--tables", "1", *asked]) == 2
    said = capsys.readouterr().err
    assert "US dollars" in said and "--yes" in said


@pytest.mark.parametrize(
    "wrong", [("--tables", "one"), ("--data-of", "gpqa"), ("--open-models", "a,b"), ("--workspace", "postgresql://x/y")]
)
def test_wrong_options_are_refused(wrong: tuple[str, str], tasks: list[str]) -> None:
    assert main(["bench", "paper", "--tasks", tasks[0], "--tables", "1", *wrong]) == 2


def test_transfer_sets_a_learned_optimizer_beside_untrained_ones(
    tasks: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed(capsys, "run", tasks[0], *FEW, "--run", "learned", "--quiet")
    printed(capsys, "export", "learned", "--output", str(tmp_path / "out"))
    options = ("transfer", "out/optimizer.json", tasks[1], "--steps", "1", "--against", "tgd")
    (found,) = described(capsys, *options)["transfers"]
    assert (found["rows"][0]["optimizer"], found["rows"][0]["learned"]) == ("tgd", False)
    assert found["rows"][1]["learned"] and found["against"] == "tgd"
    assert found["difference"]["difference"]["pairs"] == SIZES["test"]
    runs = described(capsys, "runs")["runs"]
    shown = printed(capsys, *options)
    assert "(learned)" in shown and "McNemar p =" in shown and "SIMULATED" in shown
    assert described(capsys, "runs")["runs"] == runs, "what is done is read"


def test_transfer_goes_on_after_a_cap(tasks: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, "optimize", tasks[0], "--steps", "1", "--run", "tuned", "--quiet")
    printed(capsys, "export", "tuned", "--output", str(tmp_path / "out"))
    options = ("transfer", "out/optimizer.json", tasks[1], "--steps", "1", "--against", "adas-tg")
    assert main([*options, "--max-calls", "20", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["resume"].startswith("metatextgrad transfer ")
    assert len(described(capsys, *options)["transfers"][0]["rows"]) == 2


def test_cell_that_was_never_carried_out_is_not_done(tmp_path: Path) -> None:
    assert done(method_cell("TGD", Context()), tmp_path) is None
