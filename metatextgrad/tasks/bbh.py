"""The built-in tasks of BIG-Bench Hard, with the paper's splits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from metatextgrad.core.errors import InputError
from metatextgrad.core.program import chain_of_thought
from metatextgrad.core.task import Example, Task
from metatextgrad.tasks import dyck, word_sorting
from metatextgrad.tasks.draws import DATA_SEED
from metatextgrad.tasks.files import read_json
from metatextgrad.tasks.metrics import METRICS
from metatextgrad.tasks.prompts import INSTRUCTIONS

TRAIN, VAL, TEST = 50, 100, 100


@dataclass(frozen=True)
class Benchmark:
    """One task: how to generate it, how to solve it, and how to score it."""

    name: str
    description: str
    question_type: str
    metric: str
    generate: Callable[[int], tuple[Example, ...]]
    solve: Callable[[str], str]


BENCHMARKS: Mapping[str, Benchmark] = MappingProxyType(
    {
        benchmark.name: benchmark
        for benchmark in (
            Benchmark(
                name="bbh/dyck_languages",
                description="Close what is still open in a sequence of brackets (BIG-Bench Hard, Dyck Languages).",
                question_type="completing a bracket sequence (Dyck language)",
                metric="dyck",
                generate=dyck.generate,
                solve=dyck.solve,
            ),
            Benchmark(
                name="bbh/word_sorting",
                description="Put a list of words in alphabetical order (BIG-Bench Hard, Word Sorting).",
                question_type="sorting a list of words alphabetically",
                metric="word_sorting",
                generate=word_sorting.generate,
                solve=word_sorting.solve,
            ),
        )
    }
)


def load_benchmark(benchmark: Benchmark, data: str = "") -> Task:
    """Return the task on the published file `data`, or on generated examples.

    The sets are the first 50, the next 100 and the last 100 examples, in file order (paper 6).

    Raises:
        InputError: the file is missing, or not the published file of this task.
    """
    examples = _published(benchmark, Path(data).expanduser()) if data else benchmark.generate(DATA_SEED)
    return Task(
        name=benchmark.name,
        question_type=benchmark.question_type,
        program=chain_of_thought("chain_of_thought", INSTRUCTIONS),
        trainset=examples[:TRAIN],
        valset=examples[TRAIN : TRAIN + VAL],
        testset=examples[-TEST:],
        metric=METRICS[benchmark.metric],
        metric_name=benchmark.metric,
    )


def _published(benchmark: Benchmark, path: Path) -> tuple[Example, ...]:
    document = read_json(path, "data file")
    records = document.get("examples") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise InputError(
            f"The data file {str(path)!r} has no list 'examples'; give {benchmark.name!r} BIG-Bench Hard's own file."
        )
    if len(records) < TRAIN + VAL + TEST:
        raise InputError(
            f"The data file {str(path)!r} has {len(records)} examples; "
            f"{benchmark.name!r} needs {TRAIN} + {VAL} + {TEST} = {TRAIN + VAL + TEST}."
        )
    return tuple(_example(benchmark, path, position, record) for position, record in enumerate(records))


def _example(benchmark: Benchmark, path: Path, position: int, record: object) -> Example:
    match record:
        case {"input": str(question), "target": str(target)} if _solved(benchmark, question) == target.split():
            name = benchmark.name.rpartition("/")[2]
            return Example(id=f"{name}/{position:03d}", input=question, target=target)
        case _:
            raise InputError(
                f"Example {position} of the data file {str(path)!r} is not one of {benchmark.name!r}: "
                f"its target is not the solution of its input. Give BIG-Bench Hard's own file of this task."
            )


def _solved(benchmark: Benchmark, question: str) -> list[str] | None:
    try:
        return benchmark.solve(question).split()
    except ValueError:
        return None
