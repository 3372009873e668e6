import base64
import io
import re

import nbformat
import pytest
from docutils.utils.math import MathError
from PIL import Image

from helpers import project
from tools import build_site, mathml, measure_pictures
from tools.run_notebooks import find

ROOT = project.ROOT
TERMS = {"unit": "unit", "units": "unit", "active fraction": "active fraction"}
FIGURES = sorted(path.stem for path in (ROOT / "figures").iterdir())


def picture():
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells))


def code(source, *data, id="cell", **metadata):
    outputs = [nbformat.v4.new_output("display_data", d) for d in data]
    return nbformat.v4.new_code_cell(source, outputs=outputs, metadata=metadata, id=id)


def prepared(tmp_path, *cells, texts=None, terms=None):
    (tmp_path / "_static").mkdir()
    path = ROOT / "notebooks" / "01_x.ipynb"
    return build_site.prepared(notebook(*cells), path, texts or {}, terms or {}, tmp_path).cells


def test_the_first_use_of_a_term_leads_to_the_glossary():
    terms = dict(TERMS)
    text = build_site.with_terms("# A unit\n\n`unit` $unit$ [unit](x) Units, a unit.", terms)
    assert text == "# A unit\n\n`unit` $unit$ [unit](x) {term}`Units <unit>`, a unit."
    assert terms == {"active fraction": "active fraction"}  # for the cells that follow


def test_a_term_within_a_link_to_a_term_is_left_alone():
    terms = {"active fraction": "active fraction", "fraction": "fraction"}
    text = build_site.with_terms("the active fraction", dict(terms))
    assert text == "the {term}`active fraction <active fraction>`"


def test_badges_become_links_and_files_lead_to_the_repository(tmp_path):
    first = "# T\n\n[![a](https://b/a.svg)](https://c)\n[![d](https://e)](https://f)\n\nText"
    rules = "[rules](../data/claims.csv) [next](02_x.ipynb) ![a](../figures/a.png)"
    cells = [nbformat.v4.new_markdown_cell(text) for text in (first, rules)]
    first, rules = prepared(tmp_path, *cells)
    assert ".svg" not in first.source and first.source.count("{.launch}") == 3
    assert "HEAD?labpath=notebooks/01_x.ipynb" in first.source
    link = f"[rules]({build_site.REPOSITORY}/blob/HEAD/data/claims.csv)"
    assert rules.source == f"{link} [next](02_x.ipynb) ![a](../figures/a.png)"


def test_a_figure_zooms_to_the_saved_one_and_says_what_it_shows(tmp_path):
    cell = code('plotting.save(fig, "01_a")', {"image/png": picture()})
    (cell,) = prepared(tmp_path, cell, texts={"01_a": 'a "b"'})
    assert cell.outputs[0]["data"]["text/html"] == (
        '<a class="zoom" href="../_static/figures/01_a.png"><img src="../_static/cells/01_a.png"'
        ' alt="a &quot;b&quot;" width="4" height="3" loading="lazy"></a>'
    )
    assert Image.open(tmp_path / "_static" / "cells" / "01_a.png").size == (4, 3)


def test_figures_that_are_not_saved_have_texts_of_their_own(tmp_path):
    cells = (
        nbformat.v4.new_markdown_cell("**What to look for:** a *slope*.\n\nMore."),
        code("draw()", {"image/png": picture()}, {"image/png": picture()}),
    )
    _, cell = prepared(tmp_path, *cells, texts={"01/cell/0": "first"})
    texts = re.findall('alt="(.*?)"', str(cell.outputs))
    assert texts == ["first", "a slope."]


def test_bookkeeping_and_solutions_fold_and_colab_goes(tmp_path):
    cells = prepared(
        tmp_path,
        code("# On Colab, fetch", id="0"),
        code("x", id="1", tags=["solution"]),
        code("y", id="2", jupyter={"source_hidden": True}),
        code("z", id="3"),
    )
    tags = [cell.metadata.get("tags", []) for cell in cells]
    assert tags == [["solution", "hide-cell"], ["hide-input"], []]


def test_interactive_figures_are_drawn_by_the_sites_own_code(tmp_path):
    vega = {"application/vnd.vegalite.v5+json": {"title": "</script>"}, "image/png": picture()}
    (cell,) = prepared(tmp_path, code("explore()", vega))
    (output,) = cell.outputs
    assert list(output["data"]) == ["text/html"] and "<img" not in output["data"]["text/html"]
    assert '{"title": "<\\/script>"}' in output["data"]["text/html"]


def test_tables_have_a_frame_and_no_empty_headers(tmp_path):
    table = '<table><th></th><th><a href="02_b.ipynb">a</a></th></table>'
    (cell,) = prepared(tmp_path, code("t", {"text/html": table}))
    assert cell.outputs[0]["data"]["text/html"] == (
        '<div class="table-frame" tabindex="0"><table><td></td><th><a href="02_b.html">a</a></th>'
        "</table></div>"
    )


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_says_what_it_shows(name):
    text = build_site.alternative_text(name, build_site.alternative_texts())
    assert len(text) >= 30, f"add {name} to docs/alternative_texts.csv"


def test_texts_belong_to_figures_that_are_there():
    saved = {name for name in build_site.alternative_texts() if "/" not in name}
    assert saved <= set(FIGURES), saved - set(FIGURES)


def test_every_notebook_has_a_card_with_a_figure():
    cards = build_site.cards()
    for path in find():
        assert f":link: /notebooks/{path.stem}\n" in cards
    assert cards.count(":img-alt: ") == len(find())


def test_references_stand_once_with_their_notebooks():
    lines = build_site.bibliography().splitlines()
    (guest,) = [line for line in lines if "10.7554/eLife.21397" in line]
    assert all(f"[{n}](/notebooks/{n}_" in guest for n in ("00", "01", "02"))
    entries = [line for line in lines if line.startswith("* ")]
    assert len(entries) == len(set(entries)) > 20


def test_every_measure_has_a_page_with_its_picture():
    pages = {path.stem for path in (ROOT / "docs" / "measures").glob("*.md")} - {"index"}
    assert pages == set(measure_pictures.PICTURES)
    for name in pages:
        text = (ROOT / "docs" / "measures" / f"{name}.md").read_text(encoding="utf-8")
        assert f"/figures/measures/{name}.svg" in text and "What it cannot see" in text


def test_pictures_of_measures_are_drawn(tmp_path, monkeypatch):
    few = {name: measure_pictures.PICTURES[name] for name in ("gini", "linear_probe")}
    monkeypatch.setattr(measure_pictures, "PICTURES", few)
    measure_pictures.draw_all(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"gini.svg", "linear_probe.svg"}


def formulas():
    for path in find():
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                yield from re.findall(r"\$\$(.+?)\$\$", cell.source, re.DOTALL)
                yield from re.findall(r"(?<!\$)\$([^$\n]+)\$(?!\$)", cell.source)


def test_all_formulas_can_be_written_as_mathml():
    assert list(formulas())
    for formula in formulas():
        assert "<math" in mathml.to_mathml(formula)
    with pytest.raises(MathError):
        mathml.to_mathml(r"\nonsense")


def test_no_page_of_the_theme_is_asked_to_fetch():
    assert "https://" not in (ROOT / "docs" / "_static" / "site.css").read_text()
