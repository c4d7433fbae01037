"""Elements of SVG as text, escaped."""

from html import escape

from markupsafe import Markup

Attribute = str | float | int | None


def element(name: str, *children: str, **attributes: Attribute) -> Markup:
    """Return an element; a child that is not markup is text and escaped.

    `class_` and `stroke_width` are written as `class` and `stroke-width`; None leaves an attribute out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(child if isinstance(child, Markup) else escape(child) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>")


def per_cent(share: float) -> str:
    """Return a share as a length of SVG, which follows the width of the page."""
    return f"{_plain(round(100 * share, 3))}%"


def _plain(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
