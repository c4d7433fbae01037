"""The examples that a page carries: one JSON block, from which a small script fills a table when it is opened."""

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from metatextgrad.core.task import Example
from metatextgrad.core.trial import Evaluation, ExampleResult

LONGEST = 900_000
"""Characters of examples on a page; with all else it then stays below 2 MB."""
_AROUND = 20
"""Characters of JSON around a result."""
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""What could end a script element, or a line of one."""


class Room:
    """What a page still has room for; a text that is there already takes none."""

    def __init__(self, characters: int = LONGEST) -> None:
        self._left = characters
        self._there: set[str] = set()

    def takes(self, evaluation: Evaluation) -> bool:
        """Take an evaluation if it fits, and tell whether it did."""
        texts = {text for result in evaluation.results for text in (result.prediction, result.feedback)} - self._there
        size = sum(map(len, texts)) + _AROUND * len(evaluation.results)
        if size > self._left:
            return False
        self._left -= size
        self._there |= texts
        return True


def example_data(shown: Mapping[str, Evaluation], examples: Mapping[str, Example]) -> dict[str, Any]:
    """Return evaluations as compact JSON: examples by number, texts that occur again by number."""
    names = list(dict.fromkeys(result.example for one in shown.values() for result in one.results))
    place = {name: number for number, name in enumerate(names)}
    texts = _Texts()
    evaluations = {
        name: [_result(result, place, texts) for result in one.results] for name, one in sorted(shown.items())
    }
    return {
        "examples": [_example(name, examples.get(name)) for name in names],
        "evaluations": evaluations,
        "texts": texts.known,
    }


def in_script(value: Any) -> Markup:
    """Write JSON so that no text in it can end the script element that holds it."""
    return Markup(json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE))


class _Texts:
    """Numbers texts: feedback and predictions are often the same, in one evaluation and across them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def known(self) -> list[str]:
        return list(self._numbers)


def _result(result: ExampleResult, place: Mapping[str, int], texts: _Texts) -> list[Any]:
    numbers = [texts.number(result.prediction), texts.number(result.feedback)]
    return [place[result.example], result.score, *numbers, *([result.failure] if result.failure else [])]


def _example(name: str, example: Example | None) -> list[str]:
    return [name, example.input, example.target] if example else [name]
