"""Tasks of the user's own: what a TOML file may say, and what is said about one that is wrong."""

import json
from pathlib import Path

import pytest

from metatextgrad.core.errors import InputError
from metatextgrad.core.program import Llm, chain_of_thought
from metatextgrad.core.task import Task
from metatextgrad.tasks import load_task
from metatextgrad.tasks.metrics import METRICS

HEAD = 'name = "tickets"\nquestion_type = "choose a queue"\nmetric = "exact"\n'
FILES = '[data]\ntrain = "train.jsonl"\nval = "val.jsonl"\ntest = "test.jsonl"\n'


def record(question: str, answer: object = "a", **others: object) -> str:
    return json.dumps({"question": question, "answer": answer, **others}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lay out a good task in a folder of its own."""
    base = tmp_path / "tickets"
    base.mkdir()
    (base / "task.toml").write_text(HEAD + FILES)
    (base / "train.jsonl").write_text(record("one") + "\n" + record("two"))
    (base / "val.jsonl").write_text(record("three"))
    (base / "test.jsonl").write_text(record("four"))
    return base


def load(folder: Path, toml: str | None = None) -> Task:
    if toml is not None:
        (folder / "task.toml").write_text(toml, encoding="utf-8")
    return load_task(str(folder / "task.toml"))


def complaint(folder: Path, toml: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        load(folder, toml)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_small_task_loads(folder: Path) -> None:
    task = load(folder)
    assert (task.name, task.question_type, task.metric_name) == ("tickets", "choose a queue", "exact")
    assert task.metric is METRICS["exact"]
    assert [example.input for example in task.trainset] == ["one", "two"]
    assert [example.id for example in task.trainset] == ["train.jsonl:1", "train.jsonl:3"]
    assert "'Answer: $VALUE'" in task.program.callers()[0].instructions


def test_a_file_of_any_name_is_a_task_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "task.toml").rename(folder / "mine.conf")
    monkeypatch.chdir(folder)
    assert load_task("mine.conf").name == "tickets"


def test_everything_that_a_task_file_may_say(folder: Path) -> None:
    toml = (
        'name = "tickets"\nquestion_type = "choose a queue"\nmetric = "mine:score"\n'
        'instructions = """\nChoose.\n"""\ntemplate = "{context}\\n\\n{question}"\n'
        '[data]\nfile = "all.csv"\ntrain = 2\nval = 1\ntest = 1\ninput = "Text"\ntarget = "Queue"\nid = "Nr"\n'
        'fields = {context = "From whom"}\n'
    )
    (folder / "mine.py").write_text(
        "def score(prediction, example):\n    return prediction == example.target, 'compared'\n"
    )
    (folder / "all.csv").write_text(
        'Nr,Text,Queue,From whom\r\n1,"a, b",x,Ann\r\n2,"c\r\nd",y,\r\n\r\n3,e,x,Cy\r\n4,f,x,Di\r\n5,unused,x,\r\n',
        encoding="utf-8-sig",
    )
    task = load(folder, toml)
    assert [example.id for example in (*task.trainset, *task.valset, *task.testset)] == ["1", "2", "3", "4"]
    assert task.trainset[0].values() == {"question": "a, b", "context": "Ann"}
    assert task.trainset[1].values() == {"question": "c\r\nd", "context": ""}
    (component,) = task.program.components
    assert isinstance(component, Llm)
    assert (component.instructions, component.template) == ("Choose.\n", "{context}\n\n{question}")
    assert task.metric("x", task.trainset[0]).feedback == "compared"
    assert task.metric_name.startswith("mine:score@")


def test_a_program_file_is_the_initial_program(folder: Path) -> None:
    program = chain_of_thought("mine", "Think.")
    (folder / "program.json").write_text(program.model_dump_json())
    assert load(folder).program != program
    assert load(folder, HEAD + 'program = "program.json"\n' + FILES).program == program


def test_numbers_become_text_as_they_are_written(folder: Path) -> None:
    (folder / "test.jsonl").write_text('{"question": 12345678901234567890, "answer": 1.50}\n')
    (example,) = load(folder).testset
    assert (example.input, example.target) == ("12345678901234567890", "1.50")


def test_a_column_that_is_not_used_may_hold_anything(folder: Path) -> None:
    (folder / "test.jsonl").write_text(record("four", "a", meta={"source": [1, None]}))
    assert load(folder).testset[0].fields == {}


def test_input_and_target_are_column_names_too_and_marks_and_odd_line_ends_do_no_harm(folder: Path) -> None:
    text = json.dumps({"id": "é", "input": "a\u2028b", "target": "ü"}, ensure_ascii=False)
    (folder / "test.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    (folder / "task.toml").write_bytes(b"\xef\xbb\xbf" + (folder / "task.toml").read_bytes())
    (example,) = load(folder).testset
    assert (example.id, example.input, example.target) == ("é", "a\u2028b", "ü")


def test_a_link_that_stays_in_the_folder_is_followed(folder: Path) -> None:
    (folder / "test.jsonl").rename(folder / "real.jsonl")
    (folder / "test.jsonl").symlink_to("real.jsonl")
    assert load(folder).testset[0].input == "four"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("name = ", "is not valid TOML: Invalid value (at"),
        (HEAD, "the key 'data' is missing"),
        (FILES, "the key 'name' is missing"),
        (
            HEAD.replace("metric", "metrik") + FILES,
            "unknown key 'metrik'; the known keys are name, question_type, metric",
        ),
        (HEAD + FILES + 'imput = "q"\n', "unknown key 'data.imput'; the known keys are file, train, val, test"),
        (HEAD.replace('"tickets"', "7") + FILES, "name: Input should be a valid string, not 7"),
        (HEAD.replace('"tickets"', '""') + FILES, "name: String should have at least 1 character, not ''"),
        (HEAD + "data = 3\n", "data: Input should be a valid dictionary"),
        (HEAD.replace("exact", "exakt") + FILES, "Unknown metric 'exakt'. Available: contains, "),
        (HEAD.replace("exact", "mine:score") + FILES, "There is no mine.py beside the task file"),
        (HEAD + 'instructions = "x"\nprogram = "p.json"\n' + FILES, "but not both"),
        (HEAD + 'program = "p.json"\n' + FILES, "There is no program file"),
        (HEAD + 'template = "Please answer"\n' + FILES, "must hold {question}"),
        (HEAD + 'template = "{question} {hint}"\n' + FILES, "reads 'hint', but the data has question"),
        (HEAD + 'template = "{question} {answer}"\n' + FILES, "would overwrite the value of that name"),
        (HEAD + FILES + "deep = " + "[" * 5000, "is nested too deeply"),
        (HEAD + FILES.replace('"val.jsonl"', "true"), "expected the name of a file or a number of rows, not True"),
        (HEAD + FILES.replace('"val.jsonl"', '""'), "expected the name of a file or a number of rows, not ''"),
        (HEAD + FILES.replace('"val.jsonl"', "10"), "add file = 'all.csv'"),
        (HEAD + FILES + 'file = "train.jsonl"\n', "train, val and test are numbers of rows"),
        (HEAD + FILES + "fields = 3\n", "expected a list of columns or a table"),
        (HEAD + FILES + 'fields = ["From whom"]\n', "the field name 'From whom' must be of lower-case letters"),
        (HEAD + FILES + 'fields = ["question"]\n', "the name 'question' is taken by the input"),
        (HEAD + FILES + 'fields = ["answer"]\n', "programs would read the answer there"),
        (HEAD + FILES + 'fields = ["context"]\n', "line 1: has no column 'context'; its columns are question, answer"),
        (HEAD + FILES + 'target = "label"\n', "line 1: has no column 'label'; its columns are question, answer"),
        (HEAD + FILES + 'id = "nr"\n', "line 1: has no column 'nr'"),
        (HEAD + FILES.replace("val.jsonl", "none.jsonl"), "There is no data file"),
        (HEAD + FILES.replace("val.jsonl", "val.txt"), "must end in .jsonl (one JSON object a line) or .csv"),
        (HEAD + FILES.replace("val.jsonl", "../val.jsonl"), "'../val.jsonl' leaves the folder of the task file"),
        (HEAD + FILES.replace("val.jsonl", "/val.jsonl"), "'/val.jsonl' must be relative"),
        (HEAD + FILES.replace('"val.jsonl"', r"'C:\val.jsonl'"), "must be relative"),
        (HEAD + FILES.replace("val.jsonl", r"a\u0000b.jsonl"), "cannot be followed"),
        (HEAD + FILES.replace("val.jsonl", "outside.jsonl"), "'outside.jsonl' leaves the folder"),
        (HEAD + FILES.replace("val.jsonl", "loop.jsonl"), "loop.jsonl"),
        (HEAD + FILES.replace("val.jsonl", "folder.jsonl"), "Cannot read the data file"),
        (
            HEAD.replace("exact", "letter") + FILES.replace("train.jsonl", "words.jsonl"),
            "metric 'letter' fails on example",
        ),
    ],
)
def test_a_wrong_task_file_is_one_clear_error(folder: Path, toml: str, said: str) -> None:
    (folder.parent / "elsewhere.jsonl").write_text(record("far"))
    (folder / "outside.jsonl").symlink_to(folder.parent / "elsewhere.jsonl")
    (folder / "loop.jsonl").symlink_to("loop.jsonl")
    (folder / "folder.jsonl").mkdir()
    (folder / "words.jsonl").write_text(record("w", "word"))
    assert said in complaint(folder, toml)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"", "has no rows; give it at least one example"),
        (b"\n \n", "has no rows"),
        (b'{"question": "q"\n', "line 1: not valid JSON: Expecting ',' delimiter at column"),
        (b'{"question": "q", "answer": "a"}\n\n[1]\n', "line 3: expected a JSON object"),
        (b"[" * 100_000, "line 1: JSON nested too deeply"),
        (b'{"question": "q"}\n', "line 1: has no column 'answer' or 'target'; its columns are question"),
        (b'{"question": "q", "answer": "a"}\n{"question": "r"}\n', "line 2: has no column 'answer'"),
        (b"{}\n", "line 1: has no column 'question' or 'input'; its columns are none"),
        (
            b'{"question": "q", "answer": {"b": 1}}\n',
            "line 1: column 'answer' is an object; expected a text or a number",
        ),
        (b'{"question": "q", "answer": [1]}\n', "line 1: column 'answer' is a list"),
        (b'{"question": "q", "answer": true}\n', "line 1: column 'answer' is true or false"),
        (b'{"question": "q", "answer": null}\n', "line 1: column 'answer' is null"),
        (b'{"question": " ", "answer": "a"}\n', "line 1: column 'question' is empty"),
        (b'{"question": "\\ud800", "answer": "a"}\n', "line 1: column 'question' holds half a surrogate pair"),
        (b'{"question": "q", "answer": "a"}\n\xe9\n', "is not UTF-8: byte 0xe9 in line 2, position 33"),
        (
            b'{"question": "one", "answer": "a"}\n',
            "line 1: the test set repeats the input of train.jsonl, line 1, in the train",
        ),
        (
            b'{"id": "x", "question": "q", "answer": "a"}\n{"id": "x", "question": "r", "answer": "a"}\n',
            "line 2: the id 'x' is taken by test.jsonl, line 1",
        ),
    ],
)
def test_a_wrong_jsonl_file_is_one_error_with_file_and_line(folder: Path, written: bytes, said: str) -> None:
    (folder / "test.jsonl").write_bytes(written)
    message = complaint(folder)
    assert said in message
    assert "test.jsonl" in message


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "has no rows"),
        ("question,answer\n", "has no rows"),
        ("question;answer\nq;a\n", "line 2: has no column 'question' or 'input'; its columns are question;answer"),
        ("question,question\nq,a\n", "line 1: column 'question' occurs twice in the header"),
        ('question,answer\n"a\nb",x\nq\n', "line 4: has 1 cells, but the header has 2"),
        ("question,answer\nq,a,b\n", "line 2: has 3 cells, but the header has 2; put quotes around"),
        ('question,answer\n"q,a\n', "line 2: not valid CSV: unexpected end of data"),
        ("question,answer\nq,\n", "line 2: column 'answer' is empty"),
    ],
)
def test_a_wrong_csv_file_is_one_error_with_file_and_line(folder: Path, written: str, said: str) -> None:
    (folder / "test.csv").write_text(written)
    message = complaint(folder, HEAD + FILES.replace("test.jsonl", "test.csv"))
    assert said in message
    assert "test.csv" in message


def test_too_few_rows_for_the_sizes_say_how_many_there_are(folder: Path) -> None:
    toml = HEAD + '[data]\nfile = "train.jsonl"\ntrain = 1\nval = 1\ntest = 2\n'
    assert "has 2 rows, but train, val and test need 1 + 1 + 2 = 4" in complaint(folder, toml)


def test_rows_cut_from_one_file_must_differ_between_the_sets(folder: Path) -> None:
    (folder / "all.jsonl").write_text(record("one") + record("two") + record("one"))
    toml = HEAD + '[data]\nfile = "all.jsonl"\ntrain = 1\nval = 1\ntest = 1\n'
    assert "line 3: the test set repeats the input of all.jsonl, line 1" in complaint(folder, toml)


def test_files_of_one_name_in_two_folders_have_different_ids(folder: Path) -> None:
    for name in ("train", "val", "test"):
        (folder / name).mkdir()
        (folder / f"{name}.jsonl").rename(folder / name / "data.jsonl")
    task = load(folder, HEAD + FILES.replace(".jsonl", "/data.jsonl"))
    assert task.testset[0].id == "test/data.jsonl:1"


def test_a_missing_task_file_is_named_and_data_is_for_built_in_tasks(folder: Path) -> None:
    with pytest.raises(InputError, match=r"There is no task file .*none\.toml"):
        load_task(str(folder / "none.toml"))
    with pytest.raises(InputError, match=r"data='x\.json' has no meaning"):
        load_task(str(folder / "task.toml"), data="x.json")
