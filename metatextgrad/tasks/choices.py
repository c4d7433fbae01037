"""Multiple choice: MMLU Abstract Algebra and GPQA Diamond, with the paper's sizes (paper 4, appendix C).

MMLU is read as its authors published it, a CSV of question, A, B, C, D, answer with or without that header, or in the
hub's rows {question, choices, answer}. GPQA is read by its columns "Question", "Correct Answer" and "Incorrect Answer
1" to 3. A file is .csv, .jsonl or .parquet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from metatextgrad.core.errors import InputError
from metatextgrad.core.program import chain_of_thought
from metatextgrad.core.randomness import derive
from metatextgrad.core.task import Example, Task
from metatextgrad.core.template import render
from metatextgrad.tasks.draws import DATA_SEED, Sizes, drawn_sets
from metatextgrad.tasks.metrics import METRICS
from metatextgrad.tasks.prompts import CHOICE, CHOICE_INSTRUCTIONS
from metatextgrad.tasks.rows import Row
from metatextgrad.tasks.sources import Hub, read_published

LETTERS = "ABCD"
MMLU_COLUMNS = ("question", *LETTERS, "answer")


@dataclass(frozen=True)
class Question:
    """A question as it was published."""

    text: str
    options: tuple[str, ...]
    right: int
    """Position of the right option."""


@dataclass(frozen=True)
class Choices:
    """One benchmark."""

    name: str
    description: str
    question_type: str
    sizes: Sizes
    hub: Hub
    read: Callable[[Row], Question]
    columns: tuple[str, ...] = ()
    """Of a CSV file without a header."""
    subject: str = ""
    """Taken from a file with several subjects."""
    shuffled: bool = False
    """Whether the options are put into an order of our own, as where the right one is always published first."""


def load_choices(benchmark: Choices, data: str, sizes: Sizes | None = None) -> Task:
    """Return the task on the file `data`, or from the hub when that is "hub".

    The sets are drawn by a fixed seed; how the paper drew them is not known.

    Raises:
        InputError: the data is missing, is not that of this benchmark, or has another number of questions.
    """
    sizes = sizes or benchmark.sizes
    rows = read_published(data, benchmark.name, benchmark.hub, benchmark.columns)
    rows = [row for row in map(_lowered, rows) if _is_on(benchmark.subject, row)]
    if len(rows) != sum(sizes):
        raise InputError(
            f"The data {data!r} has {len(rows)} questions, but {benchmark.name!r} is "
            f"{' + '.join(map(str, sizes))} = {sum(sizes)} of them; give the file as it was published."
        )
    examples = [_example(benchmark, position, benchmark.read(row)) for position, row in enumerate(rows)]
    return Task(
        name=benchmark.name,
        question_type=benchmark.question_type,
        program=chain_of_thought("chain_of_thought", CHOICE_INSTRUCTIONS),
        metric=METRICS["letter"],
        metric_name="letter",
        **drawn_sets(examples, sizes, benchmark.name),
    )


def _lowered(row: Row) -> Row:
    """Return a row with its columns in lower case, as they are published in either."""
    return Row(row.path, row.line, {column.lower(): value for column, value in row.cells.items()})


def _is_on(subject: str, row: Row) -> bool:
    return not subject or row.cells.get("subject", subject) == subject


def _example(benchmark: Choices, position: int, question: Question) -> Example:
    order = list(range(len(question.options)))
    if benchmark.shuffled:
        # By the question and not by the position: one permutation for all would teach a letter (paper 6).
        derive(DATA_SEED, benchmark.name, "options", question.text).shuffle(order)
    shown = {f"option_{letter}": question.options[place] for letter, place in zip("abcd", order, strict=True)}
    return Example(
        id=f"{benchmark.name.rpartition('/')[2]}/{position:03d}",
        input=render(CHOICE, {"question": question.text, **shown}),
        target=LETTERS[order.index(question.right)],
    )


def mmlu(row: Row) -> Question:
    """Read a row of MMLU, its columns in lower case."""
    if "choices" in row.cells:
        options = row.cells["choices"]
        if not isinstance(options, list) or len(options) != len(LETTERS):
            raise row.fault(f"column 'choices' is {options!r}; expected a list of {len(LETTERS)} options")
        row = Row(row.path, row.line, {**row.cells, **dict(zip("abcd", options, strict=True))})
    texts = tuple(row.cell(letter).strip() for letter in "abcd")
    answer = row.cell("answer").strip().upper()
    if answer not in (*LETTERS, *"0123"):
        raise row.fault(f"column 'answer' is {answer!r}; expected a letter from A to D, or a number from 0 to 3")
    return Question(row.cell("question").strip(), texts, int(answer) if answer.isdigit() else LETTERS.index(answer))


def gpqa(row: Row) -> Question:
    """Read a row of GPQA, its columns in lower case."""
    columns = ("correct answer", *(f"incorrect answer {number}" for number in (1, 2, 3)))
    return Question(row.cell("question").strip(), tuple(row.cell(column).strip() for column in columns), 0)


CHOICES: Mapping[str, Choices] = MappingProxyType(
    {
        benchmark.name: benchmark
        for benchmark in (
            Choices(
                name="mmlu/abstract_algebra",
                description="Choose the right statement about groups, rings and fields (MMLU, Abstract Algebra).",
                question_type="multiple-choice questions on abstract algebra",
                sizes=(10, 50, 40),
                hub=Hub("cais/mmlu", "abstract_algebra", "test"),
                read=mmlu,
                columns=MMLU_COLUMNS,
                subject="abstract_algebra",
            ),
            Choices(
                name="gpqa/diamond",
                description="Choose the right answer to graduate questions in the natural sciences (GPQA Diamond).",
                question_type="multiple-choice questions on biology, physics and chemistry for graduates",
                sizes=(30, 100, 68),
                hub=Hub("Idavidrein/gpqa", "gpqa_diamond", "train"),
                read=gpqa,
                shuffled=True,
            ),
        )
    }
)
