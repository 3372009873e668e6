"""Keep README.md true: first picture, scorecard, gallery, and the map of helpers' rooms.

`python -m tools.update_readme` rewrites them from the committed notebooks and tables and
from the rooms' own docstrings, names and imports; `make reproduce` does so after a full run.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat

from helpers import project, report
from tools.run_notebooks import MEASURED, find

README = project.ROOT / "README.md"
# Figure → caption, in the order shown.
GALLERY = {
    "00_one_network": "Inception-v3 from the input to the output, through four measures at once",
    "01_gini_by_layer": "How unequally each layer spreads its activation over its units, for 40 "
    "photos, and the three published numbers",
    "02_decorrelation_and_activity": "Images drift apart with depth, and fewer units take part: "
    "animals, large and shrunk, and the source's seven pictures",
    "03_layers": "Which layers find the same images alike, by four measures, and the same for "
    "random weights",
    "04_psi_by_layer": "How sparsely three networks code 101 categories, above noise of the same "
    "width; crosses are AlexNet's published medians",
    "05_mnist_tsne": "What each layer of an MLP makes of MNIST, before and after training",
    "06_learning": "Which layers find the same images alike, while a network learns",
    "07_filters": "Filters of a small CNN from the best to the worst, each alone, and how sparse "
    "they are",
    "08_gini": "A network of your own beside those of the notebooks: its sparseness, and the two "
    "parts that it is made of",
}
# The picture of the first screen: the first of these that is there.
FIRST = ("06_learning", "05_mnist_tsne")
HELPERS = project.ROOT / "helpers"
ROOMS = ("data", "models", "layers", "metrics", "plotting", "report", "project", "studies")
HEADER = "| notebook | claims: hold | differ | mixed | cannot be judged | time | peak memory |"


def update() -> None:
    """Rewrite the generated sections of README.md."""
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")


def updated(text: str) -> str:
    """Return README's text with today's picture, scorecard, gallery and rooms.

    Raises:
        ValueError: a section's opening or closing comment is missing.
    """
    sections = {
        "picture": picture(),
        "scorecard": scorecard(),
        "gallery": gallery(),
        "rooms": rooms(),
    }
    for section, content in sections.items():
        text = _replace(text, section, content)
    return text


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


def picture() -> str:
    """Return the first picture of FIRST that is there, with its caption and its notebook."""
    name, figure = next(
        (name, path)
        for name in FIRST
        for path in sorted((project.ROOT / "figures").glob(f"{name}.*"))
    )
    (path,) = find([name[:2]])
    caption = GALLERY[name]
    return (
        f"![{caption}](figures/{figure.name})\n\n"
        f"*{caption}: [notebook {name[:2]}](notebooks/{path.name}).*"
    )


def gallery() -> str:
    """Return the figures of GALLERY that are there, each with its caption and its notebook."""
    notebooks = {path.name[:2]: path for path in find()}
    shown = []
    for name, caption in GALLERY.items():
        path = notebooks.get(name[:2])
        figures = sorted((project.ROOT / "figures").glob(f"{name}.*"))
        if path and figures:
            text = f"[{name[:2]}](notebooks/{path.name}) {caption}."
            shown.append(f"![{caption}](figures/{figures[0].name})\n\n*{text}*")
    return "\n\n".join(shown)


def rooms() -> str:
    """Return a Markdown list of helpers' rooms: what each is for, its names, what it rests on."""
    entries = []
    for room in ROOMS:
        tree = ast.parse(_door(room).read_text(encoding="utf-8"))
        summary = ast.get_docstring(tree).split("\n\n")[0].replace("\n", " ")
        names = ", ".join(f"`{name}`" for name in _public(room, tree))
        uses = ", ".join(f"`{other}`" for other in ROOMS if other in _used(room)) or "no other room"
        entries.append(f"- **`helpers.{room}`** {summary}<br>{names}<br>*Uses* {uses}.")
    return "\n".join(entries)


def _door(room: str) -> Path:
    return (
        HELPERS / f"{room}.py" if room in ("report", "project") else HELPERS / room / "__init__.py"
    )


def _public(room: str, tree: ast.Module) -> list[str]:
    """List the names of __all__, or the modules of a room that lists none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
    modules = (path.stem for path in (HELPERS / room).iterdir())
    return sorted(name for name in modules if not name.startswith("_"))


def _used(room: str) -> set[str]:
    """Return the other rooms that a room's modules import."""
    door = _door(room)
    used = set()
    for path in [door] if door.stem == room else door.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "helpers":
                inner = node.module.split(".")[1:2]
                used |= set(inner or [alias.name for alias in node.names])
    return used - {room}


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
