"""`make demo`'s sample class: real notebooks, graded as the table beside them says."""

from __future__ import annotations

import csv
import os
import tomllib
from pathlib import Path

import nbformat
import pytest

from autograder.batch import Entry, find_submissions, grade_class
from autograder.course import load_course
from autograder.gradebook import read_marks

ROOT = Path(__file__).parents[1]
CLASS = ROOT / "assets" / "sample_class"
WORK = {
    (student, file.stem): work
    for file in sorted(CLASS.glob("*.toml"))
    for student, work in tomllib.loads(file.read_text("utf-8")).items()
}


def rows(path: Path) -> list[dict[str, str]]:
    """A CSV as dictionaries."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sample(entries: list[Entry]) -> list[Entry]:
    """The class of module 06, the quickest to grade, and one student of module 01; KNOWN=all: everybody in all six.

    Each piece of their work is among the known submissions, too; what is tried here is the class.
    """
    chosen = {(entry.student, entry.module) for entry in entries if entry.module == "06_security"}
    chosen.add(("farid", "01_tracking"))
    return [e for e in entries if os.environ.get("KNOWN") == "all" or (e.student, e.module) in chosen]


@pytest.mark.thorough
def test_sample_class_is_graded_as_expected(tmp_path: Path) -> None:
    """Every student's points by rubric line, pending points and total are those of expected.csv."""
    course = load_course(ROOT)
    entries = sample(find_submissions(course, CLASS))
    grade_class(course, entries, tmp_path, marks=read_marks(CLASS / "marks.csv"))
    graded = {(row["student"], row["module"]): row for row in rows(tmp_path / "grades.csv")}
    expected = {(row["student"], row["module"]): row for row in rows(CLASS / "expected.csv")}
    points = ("theory", "code", "results", "report", "pending", "total")
    assert set(graded) == {(entry.student, entry.module) for entry in entries}
    for who, row in graded.items():
        assert [row[name] for name in points] == [expected[who][name] for name in points], who


@pytest.mark.parametrize(("student", "module"), WORK)
def test_sample_notebooks_are_current(student: str, module: str) -> None:
    """The handed-in notebooks were made from today's module: their checks are the lab's, their ids are known."""
    notebook = nbformat.read(CLASS / student / module / f"{module}.ipynb", as_version=4)
    lab = {cell.id: cell for cell in nbformat.read(load_course(ROOT).student_notebook(module), 4).cells}
    for cell in notebook.cells:
        if not cell.metadata.get("nbgrader", {}).get("solution"):
            assert cell.source == lab[cell.id].source, f"{cell.id}: run `make build assets`"
    assert set(lab) - {cell.id for cell in notebook.cells} == set(WORK[student, module].get("deleted", []))
