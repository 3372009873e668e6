"""Notebook 08 on a network and a folder of images of your own, as one HTML page and CSV tables.

The pass over the images runs first, with a progress bar. If it is interrupted, the same command
goes on from the last finished shard. The page appears when it is complete, not before.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import nbformat
import pandas as pd
from nbconvert import HTMLExporter

from helpers import data, layers, project
from helpers.studies.your_network import analyses, loading, one_pass

NOTEBOOK = project.ROOT / "notebooks" / "08_your_network.ipynb"
FOLDER = project.ROOT / "build" / "report"
# What only the notebook itself needs: text on its default network, exercises, the cell for Colab.
LEFT_OUT = {"default-network", "exercise", "solution"}
PACKAGES = ("layer-notebooks", "tensorflow", "keras", "numpy", "scipy", "scikit-learn", "pandas")


def make(
    network: str,
    images: str,
    weights: str = "imagenet",
    pixels: str = "",
    chosen: Sequence[str] = (),
    folder: Path = FOLDER,
    progress: bool = True,
) -> Path:
    """Write <folder>/<network>_<images>.html and, in a folder of that name, the tables.

    Args:
        network: see `loading.network`.
        images: a folder whose sub-folders are the categories.
        weights: see `loading.network`.
        pixels: see `loading.network`.
        chosen: layers, as `layers.select` takes them; none: `layers.stages`.
        folder: where the page goes.
        progress: whether to show a progress bar.

    Returns:
        The page.

    Raises:
        ValueError, FileNotFoundError, ConnectionError, OSError: what is wrong with the network,
            the images or the disk.
        ImportError: papermill is not installed.
    """
    papermill = _papermill()
    model = loading.network(network, weights, pixels)
    readable, problems = data.images_in(images).check()
    for problem in problems:
        print(problem, file=sys.stderr)
    names = layers.select(model, chosen) if chosen else layers.stages(model)
    name = re.sub(r"[^\w.-]+", "-", f"{Path(network).stem}_{Path(images).resolve().name}")
    unfinished = folder.resolve() / f"{name}.unfinished"
    seen = one_pass.look(model, readable, names, unfinished, progress=progress)
    with data.temporary_folder(folder) as temporary:
        source, done = temporary / "source.ipynb", temporary / "done.ipynb"
        nbformat.write(shortened(nbformat.read(NOTEBOOK, as_version=4)), source)
        tables = temporary / "tables"
        tables.mkdir()
        os.environ |= {"LAYERS_OUTPUT": str(temporary), "LAYERS_PROFILE": "full"}
        papermill.execute_notebook(
            source,
            done,
            parameters={
                "NETWORK": _absolute(network),
                "IMAGES": str(Path(images).resolve()),
                "LAYERS": list(chosen),
                "WEIGHTS": weights,
                "PIXELS": pixels,
                "KEEP": str(unfinished),
            },
            cwd=project.ROOT,
            kernel_name="python3",
            progress_bar=progress,
        )
        analyses.sparseness(seen).to_csv(tables / "sparseness_by_image.csv", index=False)
        versions().to_csv(tables / "versions.csv", index=False)
        page = temporary / f"{name}.html"
        page.write_text(to_html(nbformat.read(done, as_version=4), model.card.title), "utf-8")
        for table in tables.glob("08_*.csv"):
            table.rename(tables / table.name.removeprefix("08_"))
        shutil.rmtree(folder / name, ignore_errors=True)
        os.replace(tables, folder / name)
        os.replace(page, folder / page.name)
    shutil.rmtree(unfinished, ignore_errors=True)
    return folder / f"{name}.html"


def shortened(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Leave out what a report does not need, and add a cell with the versions at the end."""
    cells = [
        cell
        for cell in notebook.cells
        if not LEFT_OUT & set(cell.metadata.get("tags", []))
        and not cell.source.startswith("# On Colab")
    ]
    first = cells[0]
    first.source = first.source.splitlines()[0]
    notebook.cells = cells
    code = "from tools.report import versions\n\nversions().style.hide(axis='index')"
    notebook.cells += [
        nbformat.v4.new_markdown_cell("## Versions"),
        nbformat.v4.new_code_cell(code),
    ]
    return notebook


def versions() -> pd.DataFrame:
    """Return the versions of Python and of the packages that the numbers rest on."""
    rows = [("Python", sys.version.split()[0])]
    rows += [(package, metadata.version(package)) for package in PACKAGES]
    return pd.DataFrame(rows, columns=["package", "version"])


def to_html(notebook: nbformat.NotebookNode, title: str) -> str:
    """Return a page that loads nothing from anywhere; formulas become plain text."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain_formulas(cell.source)
            cell.source = re.sub(r"\]\((?!https?:)[^)]*\)", "]", cell.source)
    notebook.metadata["title"] = title
    body, _ = HTMLExporter(template_name="lab", exclude_input_prompt=True).from_notebook_node(
        notebook, resources={"metadata": {"name": title}}
    )
    return re.sub(r"<script\b.*?</script>", "", body, flags=re.DOTALL)


def plain_formulas(text: str) -> str:
    """Write $a\\,g$ as *a g*."""

    def plain(found: re.Match) -> str:
        formula = re.sub(r"\\[,;]", " ", found[1] or found[2])
        return f"*{re.sub(r'[{}]', '', formula).strip()}*"

    return re.sub(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", plain, text, flags=re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return 1 if there is no report."""
    parser = argparse.ArgumentParser(prog="python -m tools.report", description=__doc__)
    parser.add_argument("network", help="a name of keras.applications, or a .keras file")
    parser.add_argument("images", help="a folder; its sub-folders are the categories")
    parser.add_argument("--weights", default="imagenet", choices=["imagenet", "none"])
    parser.add_argument("--pixels", default="", choices=["", *loading.RANGES])
    parser.add_argument("--layers", nargs="*", default=[], help="names or patterns")
    chosen = parser.parse_args(arguments)
    if not chosen.network or not chosen.images:
        parser.error("name both: make report MODEL=MobileNetV2 IMAGES=my_photos")
    try:
        page = make(
            chosen.network, chosen.images, chosen.weights, chosen.pixels, chosen.layers, FOLDER
        )
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from the last finished shard", file=sys.stderr)
        return 1
    except (ValueError, OSError, ImportError) as error:  # OSError: files, disk, connections
        print(f"no report: {error}", file=sys.stderr)
        return 1
    print(f"{project.shown(page)}, tables in {project.shown(page.with_suffix(''))}")
    return 0


def _absolute(network: str) -> str:
    return str(Path(network).resolve()) if network.endswith(".keras") else network


def _papermill():
    try:
        import papermill
    except ImportError as error:
        raise ImportError(
            "a report needs papermill: pip install 'layer-notebooks[report,cluster]'"
        ) from error
    return papermill


if __name__ == "__main__":
    sys.exit(main())
