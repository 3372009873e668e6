"""Sphinx's configuration of the site. `make site` copies docs/ to build/site-source first."""

import re

from tools import build_site

project = "layer-notebooks"
author = copyright = "the layer-notebooks authors"
release = build_site.VERSION

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "tools.mathml",
]
exclude_patterns = ["generated"]
templates_path = []

nb_execution_mode = "off"
nb_merge_streams = True
nb_render_markdown_format = "myst"
nb_code_prompt_show = "Show code"
nb_code_prompt_hide = "Hide code"
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.mime_priority"]

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_mock_imports = ["tensorflow", "keras"]  # docstrings need neither
autodoc_typehints = "signature"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "NDArray", "Array", "Axis", "Seed")}
napoleon_use_ivar = True
napoleon_use_rtype = False
default_role = "code"

html_theme = "pydata_sphinx_theme"
html_title = "What layers represent"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_domain_indices = False
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "glossary": [], "bibliography": [], "cluster": [], "explorer": []}
html_theme_options = {
    "github_url": build_site.REPOSITORY,
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def _plain(app, what, name, obj, options, lines):
    """Keep a star or a bar in a docstring, as in *samples or |x|, from being taken for markup."""
    for i, line in enumerate(lines):
        pieces = re.split(r"(`[^`]*`)", line)
        pieces[::2] = [re.sub(r"(?<![\\*\w])\*(?=\w)(?!.*\w\*)", r"\*", p) for p in pieces[::2]]
        pieces[::2] = [re.sub(r"(?<!\\)\|", r"\|", p) for p in pieces[::2]]
        lines[i] = "".join(pieces)


def _field(app, what, name, obj, skip, options):
    """Leave out the fields of a record: its docstring lists them."""
    return True if what == "class" and not callable(obj) and not isinstance(obj, property) else None


def setup(app):
    """Let docstrings be plain text, and name each field once."""
    app.connect("autodoc-skip-member", _field)
    app.connect("autodoc-process-docstring", _plain, priority=900)
