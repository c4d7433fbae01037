"""The settings as docs/reference/settings.md tells them: `python -m tests.settings_page` prints the tables."""

import sys

from metatextgrad.cli.settings import _PANELS
from metatextgrad.runtime.context import Context

_TITLES = {"Models": "Models", "Budget": "Budget", "Calls": "Calls", "": "The rest"}


def tables() -> str:
    """Return a table for each group of settings, in the groups of the command line."""
    grouped = [name for names in _PANELS.values() for name in names]
    groups = {**_PANELS, "": tuple(name for name in Context.model_fields if name not in grouped)}
    return "\n\n".join(f"## {_TITLES[title]}\n\n{_table(names)}" for title, names in groups.items())


def _table(names: tuple[str, ...]) -> str:
    rows = [f"| `{name}` | {_default(name)} | {Context.model_fields[name].description} |" for name in names]
    return "\n".join(["| setting | default | |", "| --- | --- | --- |", *rows])


def _default(name: str) -> str:
    match Context.model_fields[name].default:
        case "":
            return ""
        case None:
            return "none"
        case bool(value):
            return "yes" if value else "no"
        case value:
            return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.stdout.write(tables() + "\n")
