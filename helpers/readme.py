"""Keep README.md true: its scorecard and gallery, from the committed notebooks and tables.

`python -m helpers.readme` rewrites both; `make reproduce` does so after a full run.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from helpers import profile, verdicts
from helpers.runner import MEASURED, find

README = profile.ROOT / "README.md"
HEADER = "| notebook | claims: hold | differ | cannot be judged | time | peak memory |"


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
    counts = verdicts.scorecard().set_index("notebook")
    rows = [HEADER, "| --- | --- | --- | --- | --- | --- |"]
    for path in find():
        title, measured = _first_cell(path)
        cells = [f"[{path.stem[:2]} {title}](notebooks/{path.name})"]
        judged = path.name[:2] in counts.index
        cells += [str(counts.loc[path.name[:2], v]) if judged else "" for v in verdicts.VERDICTS]
        cells += re.findall(r"(\d+ (?:s|min)), (\d\.\d GB)", measured)[0] if measured else ("", "")
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def gallery() -> str:
    """Return the figures that notebooks name in their metadata, each with a link and a caption."""
    shown = []
    for path in find():
        for name, caption in nbformat.read(path, as_version=4).metadata.get("gallery", {}).items():
            shown.append(
                f"**[{path.stem[:2]}](notebooks/{path.name})** {caption}\n\n"
                f"![{caption}](figures/{name}.png)"
            )
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
