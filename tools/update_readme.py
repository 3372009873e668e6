"""Keep README.md true: its scorecard and gallery, from the committed notebooks and tables.

`python -m tools.update_readme` rewrites both; `make reproduce` does so after a full run.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from helpers import project, report
from tools.run_notebooks import MEASURED, find

README = project.ROOT / "README.md"
# Figure → caption, in the order shown.
GALLERY = {
    "00_one_network": "Inception-v3 from the input to the output, through six measures at once",
    "01_gini_by_layer": "How unequally each layer spreads its activation over its units, for 40 "
    "photos, and the three published numbers",
    "02_decorrelation_and_activity": "Images drift apart with depth, and fewer units take part; "
    "diamonds are the published values",
    "03_layers": "Which layers find the same images alike: three measures, and random weights",
    "04_psi_by_layer": "How sparsely two networks code 101 categories, above what noise would give",
    "05_mnist_tsne": "What each layer of an MLP makes of MNIST, before and after training",
}
HEADER = "| notebook | claims: hold | differ | mixed | cannot be judged | time | peak memory |"


def update() -> None:
    """Rewrite the scorecard and the gallery in README.md."""
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")


def updated(text: str) -> str:
    """Return README's text with today's scorecard and gallery.

    Raises:
        ValueError: a section's opening or closing comment is missing.
    """
    return _replace(_replace(text, "scorecard", scorecard()), "gallery", gallery())


def scorecard() -> str:
    """Return a Markdown table: for each notebook its verdicts, run time and peak memory."""
    counts = report.scorecard().set_index("notebook")
    rows = [HEADER, re.sub(r"[^|]+", " --- ", HEADER)]
    for path in find():
        title, measured = _first_cell(path)
        cells = [f"[{path.stem[:2]} {title}](notebooks/{path.name})"]
        judged = path.name[:2] in counts.index
        cells += [str(counts.loc[path.name[:2], v]) if judged else "" for v in report.VERDICTS]
        taken = re.search(r"(\d+ (?:s|min)), (\d\.\d GB)", measured)
        cells += taken.groups() if taken else ("not measured", "")
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def gallery() -> str:
    """Return the figures of GALLERY that are there, each with its caption and its notebook."""
    notebooks = {path.name[:2]: path for path in find()}
    shown = []
    for name, caption in GALLERY.items():
        path = notebooks.get(name[:2])
        if path and (project.ROOT / "figures" / f"{name}.png").exists():
            text = f"[{name[:2]}](notebooks/{path.name}) {caption}."
            shown.append(f"![{caption}](figures/{name}.png)\n\n*{text}*")
    return "\n\n".join(shown)


def _first_cell(path: Path) -> tuple[str, str]:
    text = nbformat.read(path, as_version=4).cells[0].source
    measured = MEASURED.search(text)
    return text.splitlines()[0].removeprefix("# "), measured.group() if measured else ""


def _replace(text: str, section: str, content: str) -> str:
    pattern = re.compile(rf"(<!-- {section}[^>]*-->\n).*?(<!-- end of {section} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"README.md: the comments around the {section} are missing")
    return pattern.sub(lambda found: f"{found[1]}\n{content}\n\n{found[2]}", text)


if __name__ == "__main__":
    update()
