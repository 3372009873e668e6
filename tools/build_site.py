"""Build the site: the executed notebooks, docs/, and the docstrings of helpers, as pages.

`make site` writes build/site. Nothing is executed, and the pages fetch nothing from elsewhere:
formulas are MathML, and the code that draws interactive figures is bundled with them. The
sources are copied to build/site-source, where the notebooks' copies are prepared for reading
(`prepared`) and the generated pages are added; Sphinx builds from there.
"""

from __future__ import annotations

import argparse
import base64
import csv
import html
import io
import json
import re
import shutil
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from PIL import Image

from helpers import plotting, project
from helpers.studies import overview
from tools import measure_pictures, update_readme
from tools.run_notebooks import find

ABOUT = tomllib.loads((project.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY, VERSION = ABOUT["urls"]["Repository"], ABOUT["version"]
DOCS = project.ROOT / "docs"
ALTERNATIVE_TEXTS = DOCS / "alternative_texts.csv"
GENERATED = ("generated", "notebooks", "figures", "api")

_BADGES = re.compile(r"(?:\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)\n?)+")
_LINK = re.compile(r"\]\((\.\./(?!figures/)[^)\s]+|[A-Z]\w*\.\w+|data/[^)\s]+)\)")
_EMPTY_HEADER = re.compile(r"<th([^>]*)>(?:\s|&nbsp;)*</th>")
_NOTEBOOK_LINK = re.compile(r"(href=[\"'])(\d\d_\w+)\.ipynb")
_SAVED = re.compile(r'"(\d\d_\w+)"')
_NOT_PROSE = re.compile(
    r"(```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$\n]+\$|!?\[[^\]]*\]\([^)]*\)|<[^>]+>|^#.*?$|^\|.*?$)",
    re.DOTALL | re.MULTILINE,
)


def main(arguments: list[str] | None = None) -> int:
    """Build the site and return Sphinx's exit status."""
    parser = argparse.ArgumentParser(description="Build the site from what is committed.")
    parser.add_argument("--out", type=Path, default=project.ROOT / "build" / "site")
    out = parser.parse_args(arguments).out
    source = out.with_name(f"{out.name}-source")
    stage(source)
    from sphinx.cmd.build import main as sphinx

    trees = out.with_name(f"{out.name}-trees")
    return sphinx(["-q", "-W", "--keep-going", "-d", str(trees), str(source), str(out)])


def stage(folder: Path) -> None:
    """Write everything that Sphinx reads to a folder, which is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder)
    for name in GENERATED:
        (folder / name).mkdir()
    shutil.copytree(project.ROOT / "figures", folder / "figures", dirs_exist_ok=True)
    shutil.copytree(project.ROOT / "figures", folder / "_static" / "figures")
    explorer = plotting.layer_explorer(overview.layer_table())
    texts, terms = alternative_texts(), glossary_terms()
    for path in find():
        notebook = prepared(nbformat.read(path, as_version=4), path, texts, terms, folder)
        nbformat.write(notebook, folder / "notebooks" / path.name)
    for name, text in {
        "generated/scorecard.md": scorecard(),
        "generated/cards.md": cards(),
        "notebooks/index.md": notebooks_page(),
        "bibliography.md": bibliography(),
        "generated/explorer.html": interactive_figure(explorer.chart.to_dict()),
        **api_pages(),
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    index = (folder / "index.md").read_text(encoding="utf-8")
    others = [p.stem for p in sorted(DOCS.glob("*.md")) if f"\n{p.stem}\n" not in index]
    listed = "\n".join(name for name in others if name != "index")
    index = index.replace("\nglossary\n", f"\n{listed}\nglossary\n")
    (folder / "index.md").write_text(index, encoding="utf-8")
    measure_pictures.draw_all(folder / "figures" / "measures")
    _name_notebooks(folder)
    import vl_convert

    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version="5.20")
    # Within a function: one of its names may be another script's, too.
    (folder / "_static" / "vega.js").write_text(f"(() => {{{bundle}\n}})();\n", encoding="utf-8")


# --- notebooks ---------------------------------------------------------------------------


def prepared(
    notebook: NotebookNode,
    path: Path,
    texts: dict[str, str],
    terms: dict[str, str],
    folder: Path,
) -> NotebookNode:
    """Prepare a notebook for reading: buttons for badges, figures that zoom and have a text.

    Bookkeeping and solutions fold, the cell that sets up Colab goes, interactive figures are
    drawn by the site's own copy of Vega, links to files lead to the repository, and the first
    use of each term leads to the glossary.
    """
    number, terms, about = path.name[:2], dict(terms), ""
    notebook.cells = [c for c in notebook.cells if not c.source.startswith("# On Colab")]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            about = _what_to_look_for(cell.source) or about
            text = _BADGES.sub(_launch(path) + "\n", cell.source, count=1)
            text = with_terms(text, terms)
            text = text.replace("](../docs/", "](/")
            cell.source = _LINK.sub(lambda m: f"]({_in_repository(m[1])})", text)
        else:
            _fold(cell)
            cell.outputs = _outputs(cell, number, texts, about, folder)
    return notebook


def with_terms(text: str, terms: dict[str, str]) -> str:
    """Link the first use of each term in running text to the glossary; what is linked is taken.

    Args:
        text: Markdown; code, formulas, links, tables and headings are left alone.
        terms: word → term; the words of a linked term are removed.
    """

    def linked(found: re.Match) -> str:
        term = terms.get(found[0].lower())
        if term is None:
            return found[0]
        for word in [word for word, other in terms.items() if other == term]:
            del terms[word]
        return f"{{term}}`{found[0]} <{term}>`"

    words = "|".join(re.escape(word) for word in sorted(terms, key=len, reverse=True))
    if not words:
        return text
    pattern = re.compile(rf"(?<![\w*-])(?:{words})(?![\w-])", re.IGNORECASE)
    pieces = _NOT_PROSE.split(text)
    pieces[::2] = [pattern.sub(linked, piece) for piece in pieces[::2]]
    return "".join(pieces)


def glossary_terms() -> dict[str, str]:
    """Return word, in lower case → term of docs/glossary.md; each term has a plural."""
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    body = re.search(r"```\{glossary\}\n(.*?)```", text, re.DOTALL)[1]
    terms = [line for line in body.splitlines() if line and not line.startswith((" ", ":"))]
    return {word.lower(): term for term in terms for word in (term, f"{term}s")}


def alternative_texts() -> dict[str, str]:
    """Return figure → what it shows; one that is not saved is named notebook/cell[/output]."""
    with ALTERNATIVE_TEXTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: row["text"] for row in rows for name in row["figure"].split()}


def alternative_text(name: str, texts: dict[str, str]) -> str:
    """Return what a saved figure shows: from the list, the file or the gallery; "" if none says."""
    path = project.ROOT / "figures" / f"{name}.png"
    stored = Image.open(path).info.get("Description", "") if path.exists() else ""
    return texts.get(name) or stored or update_readme.GALLERY.get(name, "")


def _fold(cell: NotebookNode) -> None:
    tags = cell.metadata.get("tags", [])
    if "solution" in tags:
        cell.metadata["tags"] = [*tags, "hide-cell"]
        cell.metadata["mystnb"] = {"code_prompt_show": "Show the solution"}
    elif cell.metadata.get("jupyter", {}).get("source_hidden"):
        cell.metadata["tags"] = sorted({*tags, "hide-input"})


def _outputs(
    cell: NotebookNode, number: str, texts: dict[str, str], about: str, folder: Path
) -> list[NotebookNode]:
    outputs, k, saved = [], 0, [n for n in _SAVED.findall(cell.source) if n[:2] == number]
    pictures = [o for o in cell.outputs if _kind(o)]
    saved = list(dict.fromkeys(saved)) if "plotting.save(" in cell.source else []
    if len(saved) > len(pictures):  # the quick profile's names stand there, too
        saved = [n for n in saved if (project.ROOT / "figures" / f"{n}.png").exists()]
    for output in cell.outputs:
        data = output.get("data", {})
        if vega := _vega_lite(output):
            outputs.append(_as_html(interactive_figure(vega)))
        elif kind := _kind(output):
            name = saved[k] if len(saved) == len(pictures) else ""
            key = name or f"{number}/{cell.id}" + (f"/{k}" if len(pictures) > 1 else "")
            text = alternative_text(name, texts) if name else texts.get(key, "")
            file = f"{key.replace('/', '_')}.{kind.split('/')[1]}"
            outputs.append(_as_html(_picture(data[kind], file, text or about, name, folder)))
            k += 1
        else:
            outputs.append(_focusable(output))
    return outputs


def _vega_lite(output: NotebookNode) -> dict | None:
    data = output.get("data", {})
    return next((value for kind, value in data.items() if "vegalite" in kind), None)


def _kind(output: NotebookNode) -> str:
    """Return an output's kind of picture, "" if it is none or the still of an interactive one."""
    there = {} if _vega_lite(output) else output.get("data", {})
    return next((k for k in ("image/png", "image/gif", "image/jpeg") if k in there), "")


def interactive_figure(description: dict) -> str:
    """Return HTML that site.js draws a Vega-Lite figure in."""
    code = json.dumps(description).replace("</", "<\\/")
    return f'<div class="vega-lite"><script type="application/json">{code}</script></div>'


def _picture(encoded: str, file: str, text: str, saved: str, folder: Path) -> str:
    picture = base64.b64decode(encoded)
    (folder / "_static" / "cells").mkdir(exist_ok=True)
    (folder / "_static" / "cells" / file).write_bytes(picture)
    width, height = Image.open(io.BytesIO(picture)).size
    shown = f"../_static/cells/{file}"
    large = f"../_static/figures/{saved}.png" if saved else shown
    text = html.escape(text, quote=True)
    return (
        f'<a class="zoom" href="{large}"><img src="{shown}" alt="{text}" width="{width}"'
        f' height="{height}" loading="lazy"></a>'
    )


def _as_html(text: str) -> NotebookNode:
    return nbformat.v4.new_output("display_data", {"text/html": text})


def _focusable(output: NotebookNode) -> NotebookNode:
    """Let a wide table be scrolled by keyboard, inside its own frame; its links lead to pages."""
    if text := output.get("data", {}).get("text/html"):
        text = _EMPTY_HEADER.sub(r"<td\1></td>", "".join(text))
        text = _NOTEBOOK_LINK.sub(r"\1\2.html", text)
        output.data["text/html"] = f'<div class="table-frame" tabindex="0">{text}</div>'
    return output


def _what_to_look_for(text: str) -> str:
    found = re.search(r"\*\*What to look for:?\*\*:?\s*(.+?)(?:\n\n|$)", text, re.DOTALL)
    return " ".join(re.sub(r"[*`$]", "", found[1]).split()) if found else ""


def _launch(path: Path) -> str:
    slug = REPOSITORY.removeprefix("https://github.com/")
    places = {
        "Run on Binder": f"https://mybinder.org/v2/gh/{slug}/HEAD?labpath=notebooks/{path.name}",
        "Open in Colab": f"https://colab.research.google.com/github/{slug}/blob/HEAD/notebooks/{path.name}",
        "Notebook file": f"{REPOSITORY}/blob/HEAD/notebooks/{path.name}",
    }
    return " ".join(f"[{name}]({link}){{.launch}}" for name, link in places.items())


def _in_repository(link: str) -> str:
    target = link.removeprefix("../")
    kind = "tree" if (project.ROOT / target.split("#")[0]).is_dir() else "blob"
    return f"{REPOSITORY}/{kind}/HEAD/{target}"


def _name_notebooks(folder: Path) -> None:
    """Let pages of docs/ name a notebook by its number: (/notebooks/01)."""
    names = {path.name[:2]: path.name for path in find()}
    for page in [
        p for p in folder.rglob("*.md") if p.relative_to(folder).parts[0] not in GENERATED
    ]:
        text = page.read_text(encoding="utf-8")
        text = re.sub(
            r"\(/notebooks/(\d\d)\)", lambda m: f"(/notebooks/{names.get(m[1], 'index.md')})", text
        )
        page.write_text(text, encoding="utf-8")


# --- generated pages ---------------------------------------------------------------------


def scorecard() -> str:
    """Return README's scorecard, with links to the pages."""
    return re.sub(r"\(notebooks/", "(/notebooks/", update_readme.scorecard())


def cards() -> str:
    """Return a card with a figure and the title for each notebook."""
    texts, grid = alternative_texts(), [":::::{grid} 1 2 2 3", ":gutter: 3", ""]
    for path in find():
        title = _title(path)
        figure = _figure_of(path.name[:2])
        grid += [f"::::{{grid-item-card}} {title}", f":link: /notebooks/{path.stem}"]
        grid += [":link-type: doc", ":link-alt: " + title.replace(":", ",")]
        if figure:
            text = alternative_text(figure.split(".")[0], texts) or title
            grid += [f":img-bottom: /figures/{figure}", f":img-alt: {text}"]
        grid += ["::::", ""]
    return "\n".join([*grid, ":::::"])


def notebooks_page() -> str:
    """Return the page that lists the notebooks."""
    names = "\n".join(f"{_title(path)} <{path.stem}>" for path in find())
    return (
        "# Notebooks\n\n```{include} /generated/scorecard.md\n```\n\n"
        f"```{{toctree}}\n:hidden:\n:titlesonly:\n\n{names}\n```\n\n"
        "```{include} /generated/cards.md\n```\n"
    )


def bibliography() -> str:
    """Return the references of all notebooks, once each, with the notebooks that use them."""
    entries, used = {}, defaultdict(list)
    for path in find():
        text = "\n".join(
            c.source for c in nbformat.read(path, 4).cells if c.cell_type == "markdown"
        )
        section = re.search(
            r"(?:^#+ |\*\*)References(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE
        )
        for entry in _entries(section[1] if section else ""):
            entry = re.sub(r"\s*\(notebooks? [\d, and]+\)$", "", entry.strip())
            year = re.search(r"\b(?:19|20)\d\d\b", entry)
            key = (re.match(r"[^\s,&]+", entry)[0], year[0] if year else "", _venue(entry))
            if len(entry) > len(entries.get(key, "")):
                entries[key] = entry
            used[key].append(f"[{path.name[:2]}](/notebooks/{path.name})")
    lines = [
        f"* {entries[key]} — {', '.join(dict.fromkeys(used[key]))}"
        for key in sorted(entries, key=lambda key: (key[0].lower(), key[1]))
    ]
    return (
        "# Bibliography\n\nThe references of all notebooks, and which notebooks use them.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def api_pages() -> dict[str, str]:
    """Return a page per public module of helpers, from its docstrings."""
    pages, names = {}, []
    for room in update_readme.ROOMS:
        if room == "studies":
            continue
        modules = [room]
        if room == "metrics":
            inner = sorted((update_readme.HELPERS / room).glob("[a-z]*.py"))
            modules += [f"metrics.{path.stem}" for path in inner]
        for module in modules:
            names.append(module)
            pages[f"api/{module}.md"] = (
                f"# helpers.{module}\n\n```{{eval-rst}}\n.. automodule:: helpers.{module}\n```\n"
            )
    pages["api/index.md"] = (
        "# Functions\n\nWhat a notebook imports. Each page lists the public names"
        f" of one part.\n\n```{{toctree}}\n:maxdepth: 1\n\n{chr(10).join(names)}\n```\n"
    )
    return pages


def _title(path: Path) -> str:
    first = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0]
    return f"{path.name[:2]} {first.removeprefix('# ')}"


def _figure_of(number: str) -> str:
    figures = sorted((project.ROOT / "figures").glob(f"{number}_*.*"))
    there = {path.stem: path.name for path in figures}
    chosen = [there[name] for name in update_readme.GALLERY if name in there]
    return next(iter(chosen or there.values()), "")


def _entries(section: str) -> list[str]:
    """Return the entries of a list of references, or of a paragraph of them."""
    if listed := re.findall(r"^[*-] (.+)$", section, re.MULTILINE):
        return listed
    paragraph = section.strip("*. ").split("\n\n")[0]
    return [e.strip() for e in re.split(r"\.\s+(?=[^.()]{2,90}\((?:19|20)\d\d\))", paragraph) if e]


def _venue(entry: str) -> str:
    """Tell two works of one author and year apart by their first italic words, if any."""
    doi = re.search(r"10\.\d{4,}/[^\s)\]]+", entry)
    return doi[0] if doi else (re.findall(r"\*([^*]+)\*", entry) or [entry[:40]])[0]


if __name__ == "__main__":
    sys.exit(main())
