"""A Sphinx extension: formulas as MathML, which browsers draw without a script or a font."""

from __future__ import annotations

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util.math import wrap_displaymath


def setup(app: Sphinx) -> dict[str, bool]:
    """Let the HTML builder write formulas as MathML."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(translator, node: nodes.math) -> None:
    translator.body.append(to_mathml(node.astext()))
    raise nodes.SkipNode


def _display(translator, node: nodes.math_block) -> None:
    code = node.astext()
    if r"\\" in code:
        code = wrap_displaymath(code, None, False)
    mathml = to_mathml(code, as_block=True)
    translator.body.append(f'<div class="math" role="group" tabindex="0">{mathml}</div>')
    raise nodes.SkipNode


def to_mathml(code: str, **options: bool) -> str:
    """Return a formula of TeX as MathML."""
    return tex2mathml(code.replace(r"\dots", r"\ldots"), **options)
