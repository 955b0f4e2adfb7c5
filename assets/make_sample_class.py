"""Write the sample class: what students hand in, from the student's notebooks and known answers.

`assets/sample_class/<module>.toml` says who did what. Run it with `make assets` after a module changed.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Collection, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.build import load_lab, student_notebook
from autograder.course import load_course
from autograder.models import Lab
from autograder.source import read_cells

ROOT = Path(__file__).parents[1]
CLASS = ROOT / "assets" / "sample_class"
_OURS = ("### ", "# equivalent: ")  # marks of the source that no student writes


def main() -> int:
    """One folder a student and module, in nbgrader's layout."""
    course = load_course(ROOT)
    for file in sorted(CLASS.glob("*.toml")):
        lab = load_lab(course, file.stem)
        for student, work in tomllib.loads(file.read_text("utf-8")).items():
            hand_in(CLASS / student, lab, answers(lab, work), deleted=work.get("deleted", ()))
            print(f"{file.stem}, {student}: {work['who']}")
    return 0


def hand_in(folder: Path, lab: Lab, texts: Mapping[str, str], *, deleted: Collection[str] = ()) -> Path:
    """Write the notebook that a student hands in, `texts` in the cells that are theirs; returns its path."""
    notebook = deepcopy(_blank(lab))
    for cell in notebook.cells:
        cell.source = texts.get(cell.id, cell.source)
    notebook.cells = [cell for cell in notebook.cells if cell.id not in deleted]
    path = folder / lab.module / f"{lab.module}.ipynb"
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir(parents=True)
    path.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", "utf-8")
    return path


def solved(lab: Lab) -> dict[str, str]:
    """The solution's cells as a student would have written them."""
    return {
        cell.id: "\n".join(line for line in cell.source.split("\n") if not line.strip().startswith(_OURS))
        for cell in (*lab.with_role("task"), *lab.with_role("written"))
    }


def answers(lab: Lab, work: Mapping[str, object]) -> dict[str, str]:
    """The texts that a student wrote: some solved cells, whole known submissions, and cells of their own."""
    solution, wanted = solved(lab), work.get("solved", [])
    texts = dict(solution) if wanted == "all" else {cell: solution[cell] for cell in wanted}
    for name in work.get("like", []):
        texts |= read_cells(ROOT / "tests" / "submissions" / lab.module / f"{name}.py")
    if unknown := set(own := work.get("cells", {})) - set(solution):
        raise SystemExit(f"{sorted(unknown)} are no cells of {lab.module} that a student fills in")
    return texts | own


@cache
def _blank(lab: Lab) -> NotebookNode:
    return student_notebook(lab)


if __name__ == "__main__":
    sys.exit(main())
