"""Read docstrings as this project writes them: pydantic's fields, and names that have a home and a public place."""

import inspect
from typing import Any, get_type_hints

from pydantic import BaseModel
from sphinx.application import Sphinx

import metatextgrad

_plain: dict[str, list[str]] = {}
_PYDANTIC = {"model_config", "model_post_init"}


def _left_out(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out pydantic's own names, checked types, and of modules what the page of the library tells."""
    if name in _PYDANTIC or hasattr(thing, "__metadata__") or (what == "module" and name in metatextgrad.__all__):
        return True
    return None


def _taken(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Hide an attribute's docstring from napoleon, who takes what stands before its first colon for a type."""
    if what in ("attribute", "data"):
        _plain[name] = lines[:]
        lines.clear()


def _as_it_was(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Give an attribute its docstring back."""
    lines[:] = _plain.pop(name, lines)


def _signed(app: Sphinx, what: str, name: str, thing: Any, *_: Any) -> tuple[str, None] | None:
    """Give pydantic's classes no signature, since their fields follow, and fields the types that a caller needs."""
    if what != "class" or not isinstance(thing, type) or not issubclass(thing, BaseModel) or thing is BaseModel:
        return None
    own = inspect.get_annotations(thing)
    fields = {name: field.annotation for name, field in thing.model_fields.items() if name in own}
    thing.__annotations__ = own | get_type_hints(
        type("", (), {"__annotations__": fields})
    )  # without Annotated's checks
    return "", None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("autodoc-skip-member", _left_out)
    app.connect("autodoc-process-docstring", _taken, priority=400)  # napoleon has 500
    app.connect("autodoc-process-docstring", _as_it_was, priority=600)
    app.connect("autodoc-process-signature", _signed)
    return {"parallel_read_safe": True}
