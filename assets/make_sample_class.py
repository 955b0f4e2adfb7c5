"""Write the sample class: what students hand in, from the student's notebooks and known answers.

`assets/sample_class/<module>.toml` says who did what. Run it with `make assets` after a module changed.
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


def main() -> int:
    """One folder a student and module, in nbgrader's layout."""
    for file in sorted(CLASS.glob("*.toml")):
        for student, work in tomllib.loads(file.read_text("utf-8")).items():
            hand_in(student, file.stem, work)
            print(f"{file.stem}, {student}: {work['who']}")
    return 0


def hand_in(student: str, module: str, work: dict[str, object]) -> None:
    """Write the notebook that a student hands in."""
    lab = load_lab(load_course(ROOT), module)
    notebook = student_notebook(lab)
    solution = {cell.id: cell.source for cell in (*lab.with_role("task"), *lab.with_role("written"))}
    texts = answers(module, work, solution)
    for cell in notebook.cells:
        cell.source = texts.get(cell.id, cell.source)
    notebook.cells = [cell for cell in notebook.cells if cell.id not in work.get("deleted", [])]
    path = CLASS / student / module / f"{module}.ipynb"
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir(parents=True)
    path.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", "utf-8")


def answers(module: str, work: dict[str, object], solution: dict[str, str]) -> dict[str, str]:
    """The texts that a student wrote: some solved cells, whole known submissions, and cells of their own."""
    solved = work.get("solved", [])
    texts = dict(solution) if solved == "all" else {cell: solution[cell] for cell in solved}
    ours = ("### ", "# equivalent: ")  # marks of the source that no student writes
    texts = {
        cell: "\n".join(line for line in text.split("\n") if not line.strip().startswith(ours))
        for cell, text in texts.items()
    }
    for name in work.get("like", []):
        texts |= read_cells(ROOT / "tests" / "submissions" / module / f"{name}.py")
    unknown = set(own := work.get("cells", {})) - set(solution)
    if unknown:
        raise SystemExit(f"{sorted(unknown)} are no cells of {module} that a student fills in")
    return texts | own


if __name__ == "__main__":
    sys.exit(main())
