"""The documentation as a site: `make docs` builds it into site/."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_site"))  # what makes a site of pages that also read well by themselves

project = "metaTextGrad"
author = "the metaTextGrad contributors"
version = release = installed("metatextgrad")
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "beyond",
    "contents",
    "docstrings",
    "drawings",
]
exclude_patterns = ["_site", "pictures"]
nitpicky = True
nitpick_ignore_regex = [("py:(?!mod).*", ".*")]  # annotations name classes of other libraries, and inner ones

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
default_role = "code"  # how docstrings mean their backticks
highlight_language = "none"  # a block says its language, or has none
copybutton_prompt_text = "$ "

toc_object_entries = False  # thousands of names in the navigation of each page would be found by nobody
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
python_display_short_literal_types = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "metaTextGrad"
html_static_path = ["_site/static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e75", "color-brand-content": "#0b6e75"},
    "dark_css_variables": {"color-brand-primary": "#5cc4cb", "color-brand-content": "#5cc4cb"},
}
