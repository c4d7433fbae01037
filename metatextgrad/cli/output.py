"""What goes to stdout: the result for people, or one JSON document."""

import json
from collections.abc import Iterable
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from metatextgrad.wording import harmless


class Plain(Console):
    """A console on which text is only text: models write much of what is shown, and could write control codes."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))


def out() -> Console:
    """Return the console on stdout; numbers and names are not coloured by guesswork."""
    return Plain(highlight=False)


def err() -> Console:
    """Return the console on stderr, for progress and questions."""
    return Plain(stderr=True, highlight=False)


def say_json(document: dict[str, Any]) -> None:
    """Print the one JSON document."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
