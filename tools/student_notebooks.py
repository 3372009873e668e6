"""Write the notebooks for students: without solutions and without outputs, to build/student.

`make student`. `with_solutions` puts the solutions back, to check that what students get runs
once the exercises are done.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from helpers import project
from tools.run_notebooks import find

FOLDER = project.ROOT / "build" / "student"
TO_DO = "# Your solution"


def main() -> None:
    """Write a student's version of every notebook."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in find():
        student = for_students(nbformat.read(path, as_version=4), path.parent, FOLDER)
        nbformat.write(student, FOLDER / path.name)
        print(project.shown(FOLDER / path.name))


def for_students(notebook: NotebookNode, home: Path, folder: Path) -> NotebookNode:
    """Empty a notebook's solutions and outputs; links to files lead there from another folder.

    Args:
        notebook: changed in place, and returned.
        home: the folder that its links start from.
        folder: the folder that it is written to.
    """
    up = "../" * (len(folder.relative_to(home.parent).parts))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../", f"]({up}")
            continue
        cell.outputs, cell.execution_count = [], None
        if _is_solution(cell):
            cell.source = TO_DO
            cell.metadata.pop("jupyter", None)
    return notebook


def with_solutions(student: NotebookNode, notebook: NotebookNode) -> NotebookNode:
    """Put a notebook's solutions into a student's version of it, in place."""
    solutions = {cell.id: cell.source for cell in notebook.cells if _is_solution(cell)}
    for cell in student.cells:
        cell.source = solutions.get(cell.id, cell.source)
    return student


def _is_solution(cell: NotebookNode) -> bool:
    return "solution" in cell.metadata.get("tags", [])


if __name__ == "__main__":
    main()
