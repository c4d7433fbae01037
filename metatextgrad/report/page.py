"""Write a report: one HTML file without anything from outside, and with a policy that lets nothing in.

Every text of a model or of a task goes through the template's escaping or into a JSON block that nothing in it can end.
The policy names the hashes of the page's own style and script, so that no other would run even if it got in.
"""

import hashlib
from base64 import b64encode
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from metatextgrad.core.errors import InputError
from metatextgrad.wording import NOTICE

if TYPE_CHECKING:
    from jinja2 import Environment

    from metatextgrad.report.material import Material
    from metatextgrad.report.views import Several, Story


def require(*packages: str) -> None:
    """Check that what a report stands on is installed.

    Raises:
        InputError: something is missing; names the extra that brings it.
    """
    from importlib.util import find_spec

    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise InputError(f"A report needs {', '.join(missing)}; install it by: pip install 'metatextgrad[report]'.")


def run_page(story: "Story", material: "Material") -> str:
    """Return the report of one run; the same run gives the same text."""
    from metatextgrad.report.examples import example_data

    data = example_data(material.shown, material.examples)
    return _rendered("report.html.j2", story=story, data=data, title=story.run, simulated=story.simulated)


def comparison_page(several: "Several") -> str:
    """Return the report that sets runs side by side."""
    title = ", ".join(story.run for story in several.stories)
    simulated = any(story.simulated for story in several.stories)
    return _rendered("comparison.html.j2", several=several, data={}, title=title, simulated=simulated)


def _rendered(template: str, **given: Any) -> str:
    style, script = _read("report.css"), _read("report.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _environment().get_template(template)
    return page.render(style=style, script=script, policy=policy, notice=NOTICE, **given)


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from metatextgrad.report import drawing, plots, spending, verdicts
    from metatextgrad.report.differences import marked
    from metatextgrad.report.examples import in_script
    from metatextgrad.report.story import fates, inner_loops

    made = Environment(
        loader=PackageLoader("metatextgrad.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(in_script=in_script, per_cent=_per_cent, scored=verdicts.scored, as_is=_as_is, marked=marked)
    made.filters.update(rough=spending.rough)
    made.globals.update(
        draw_program=drawing.draw_program,
        names_in=drawing.names_in,
        methods_plot=plots.methods_plot,
        steps_plot=plots.steps_plot,
        spent_plot=plots.spent_plot,
        top_of=plots.top_of,
        sum_of=spending.sum_of,
        inner_loops=inner_loops,
        fates=fates,
    )
    return made


def _as_is(text: str) -> Any:
    """Put our own style or script into the page; never anything that a model or a task wrote."""
    from markupsafe import Markup

    return Markup(text)


def _read(name: str) -> str:
    return (files("metatextgrad.report") / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _per_cent(score: float | None) -> str:
    return "-" if score is None else f"{100 * score:.1f} %"
