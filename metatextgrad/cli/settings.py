"""The settings as options: one for each field of the context, so that a new setting is an option at once.

An option wins over the environment (METATEXTGRAD_<FIELD>), the environment over the file of --config, the file over the
default. An option that was not given is None, so one that equals the default still wins.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from metatextgrad.core.errors import InputError
from metatextgrad.runtime.context import Context

PREFIX = "METATEXTGRAD_"
NOT_SETTINGS = {"DEBUG", "WORKSPACE"}
"""Variables with our prefix that mean something else; so do those that begin with TEST_."""
FIELDS: Mapping[str, FieldInfo] = {name: field for name, field in Context.model_fields.items() if name != "task"}
Asked = dict[str, tuple[str, object]]
"""Field -> where its value comes from, and the value."""

_PANELS = {
    "Models": ("program_model", "optimizer_model", "meta_model", "judge_model"),
    "Budget": ("max_calls", "max_tokens_total", "max_usd", "max_seconds"),
    "Calls": ("concurrency", "max_tokens", "request_seconds", "retries", "unscored_share"),
}


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command TASK, --config, and an option for each setting; it gets them together as `settings`."""

    @wraps(command)
    def settled(*, task: str | None, config: Path | None, **given: Any) -> None:
        options = {name: given.pop(name) for name in FIELDS}
        command(settings=settings_from(task, options, config, os.environ), **given)

    own = [parameter for parameter in signature(command).parameters.values() if parameter.name != "settings"]
    _sign(settled, [_TASK, *own, _CONFIG, *(_parameter(name) for name in FIELDS)])
    return settled


def takes_settings_of_many(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the same but for TASK: it has tasks of its own, and puts each into the settings itself."""

    @wraps(command)
    def settled(*, config: Path | None, **given: Any) -> None:
        options = {name: given.pop(name) for name in FIELDS}
        command(settings=settings_from("", options, config, os.environ), **given)

    own = [parameter for parameter in signature(command).parameters.values() if parameter.name != "settings"]
    _sign(settled, [*own, _CONFIG, *(_parameter(name) for name in FIELDS)])
    return settled


def takes_changes(names: Iterable[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options for these settings; it gets those that were given as `changes`."""
    fields = [name for name in FIELDS if name in set(names)]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def changed(**given: Any) -> None:
            asked = _from_options({name: given.pop(name) for name in fields})
            settings = _validated(asked)
            command(changes={name: getattr(settings, name) for name in asked}, **given)

        own = [parameter for parameter in signature(command).parameters.values() if parameter.name != "changes"]
        _sign(changed, [*own, *(_parameter(name) for name in fields)])
        return changed

    return decorate


def settings_from(
    task: str | None, options: Mapping[str, str | None], config: Path | None, environment: Mapping[str, str]
) -> Context:
    """Put the settings together.

    Raises:
        InputError: a value is wrong or a name is unknown; it names the option, the variable or the file.
    """
    asked = (_from_file(config) if config else {}) | _from_environment(environment) | _from_options(options)
    if task is not None:
        asked["task"] = ("TASK", task)
    if "task" not in asked:
        raise InputError("Missing TASK; name one, such as bbh/word_sorting. `metatextgrad tasks` lists them.")
    return _validated(asked)


def _from_options(options: Mapping[str, str | None]) -> Asked:
    return {name: (_option(name), value) for name, value in options.items() if value is not None}


def _from_environment(environment: Mapping[str, str]) -> Asked:
    asked: Asked = {}
    for variable, value in environment.items():
        name = variable.removeprefix(PREFIX)
        if name == variable or name in NOT_SETTINGS or name.startswith("TEST_") or not value:
            continue
        field = name.lower()
        if field not in Context.model_fields:
            close = _close(field)
            hint = f"did you mean {PREFIX}{close.upper()}?" if close else "unset it."
            raise InputError(f"The environment variable {variable} names no setting; {hint}")
        asked[field] = (variable, value)
    return asked


def _from_file(path: Path) -> Asked:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The config file {str(path)!r} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # not UTF-8, or not TOML
        raise InputError(f"The config file {str(path)!r} is not TOML: {error}.") from error
    for name in document:
        if name not in Context.model_fields:
            close = _close(name)
            hint = f"did you mean {close!r}?" if close else f"settings: {', '.join(Context.model_fields)}."
            raise InputError(f"The config file {str(path)!r} names an unknown setting {name!r}; {hint}")
    return {name: (f"{path}: {name}", value) for name, value in document.items()}


def _validated(asked: Asked) -> Context:
    try:
        return Context.model_validate({name: _plain(name, value) for name, (_, value) in asked.items()})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        source, value = asked[str(fault["loc"][0])]
        raise InputError(f"{source}: {fault['msg']}, not {value!r}.") from None


def _plain(name: str, value: object) -> object:
    """Read `none` where a setting can be None: neither an option nor TOML has another way to say it."""
    nullable = type(None) in get_args(Context.model_fields[name].annotation)
    return None if nullable and isinstance(value, str) and value.lower() == "none" else value


def _close(name: str) -> str:
    return next(iter(difflib.get_close_matches(name, Context.model_fields, n=1)), "")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _parameter(name: str) -> Parameter:
    field = FIELDS[name]
    default = "" if field.default in (None, "") else f" (default: {field.default})"
    panel = next((panel for panel, names in _PANELS.items() if name in names), "Settings")
    option = typer.Option(
        _option(name),
        metavar=_metavar(field.annotation),
        help=f"{field.description}{default}",
        show_default=False,
        rich_help_panel=panel,
    )
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option])


def _metavar(annotation: Any) -> str:
    """Say in a word what an option takes; its value is read by the context alone."""
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    if get_origin(annotation) is Annotated:
        return _metavar(get_args(annotation)[0])
    inner = [part for part in get_args(annotation) if part is not type(None)]
    return (
        {int: "INTEGER", float: "NUMBER", bool: "yes|no"}.get(annotation, "TEXT") if not inner else _metavar(inner[0])
    )


def _sign(command: Callable[..., None], parameters: list[Parameter]) -> None:
    keyword = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in parameters]
    command.__signature__ = Signature(keyword)  # type: ignore[attr-defined]  # how typer learns a command's parameters


_TASK = Parameter(
    "task",
    Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        typer.Argument(metavar="TASK", help="A built-in task, or the path of a task file (.toml).", show_default=False),
    ],
)
_CONFIG = Parameter(
    "config",
    Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="A TOML file of settings, by their names: steps = 6."),
    ],
)
