"""`metatextgrad tasks`."""

from metatextgrad.cli.options import Json


def tasks(*, as_json: Json = False) -> None:
    """List the built-in tasks."""
    from rich.table import Table

    from metatextgrad.cli.output import out, say_json
    from metatextgrad.tasks import builtin_tasks

    known = builtin_tasks()
    if as_json:
        say_json({"tasks": [{"name": name, "description": text} for name, text in known.items()]})
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("task", no_wrap=True)
    table.add_column("what it asks")
    for name, text in known.items():
        table.add_row(name, text)
    out().print(table)
    out().print("Your own: the path of a TOML file in the place of the name.", style="dim")
