"""Write the sample class: what eight students hand in of module 01, from the student's notebook and known answers.

`assets/sample_class/students.toml` says who did what. Run it with `make assets` after the module changed.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from pathlib import Path

import nbformat

from autograder.build import load_lab, student_notebook
from autograder.course import load_course
from autograder.source import read_cells

ROOT = Path(__file__).parents[1]
CLASS = ROOT / "assets" / "sample_class"
MODULE = "01_tracking"


def main() -> int:
    """One folder a student, in nbgrader's layout."""
    lab = load_lab(load_course(ROOT), MODULE)
    solution = {cell.id: cell.source for cell in (*lab.with_role("task"), *lab.with_role("written"))}
    students = tomllib.loads((CLASS / "students.toml").read_text("utf-8"))
    for student, work in students.items():
        notebook = student_notebook(lab)
        texts = answers(work, solution)
        for cell in notebook.cells:
            cell.source = texts.get(cell.id, cell.source)
        notebook.cells = [cell for cell in notebook.cells if cell.id not in work.get("deleted", [])]
        path = CLASS / student / MODULE / f"{MODULE}.ipynb"
        shutil.rmtree(CLASS / student, ignore_errors=True)
        path.parent.mkdir(parents=True)
        path.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", "utf-8")
        print(f"{student}: {work['who']}")
    return 0


def answers(work: dict[str, object], solution: dict[str, str]) -> dict[str, str]:
    """The texts that a student wrote: some solved cells, whole known submissions, and cells of their own."""
    solved = work.get("solved", [])
    texts = dict(solution) if solved == "all" else {cell: solution[cell] for cell in solved}
    ours = ("### ", "# equivalent: ")  # marks of the source that no student writes
    texts = {
        cell: "\n".join(line for line in text.split("\n") if not line.strip().startswith(ours))
        for cell, text in texts.items()
    }
    for name in work.get("like", []):
        texts |= read_cells(ROOT / "tests" / "submissions" / MODULE / f"{name}.py")
    unknown = set(own := work.get("cells", {})) - set(solution)
    if unknown:
        raise SystemExit(f"{sorted(unknown)} are no cells of {MODULE} that a student fills in")
    return texts | own


if __name__ == "__main__":
    sys.exit(main())
