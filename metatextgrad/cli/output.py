"""What goes to stdout: the result for people, or one JSON document."""

import json
from typing import Any

import typer
from rich.console import Console


def out() -> Console:
    """Return the console on stdout; numbers and names are not coloured by guesswork."""
    return Console(highlight=False)


def say_json(document: dict[str, Any]) -> None:
    """Print the one JSON document."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
