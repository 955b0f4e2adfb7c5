"""The graded class opens in nbgrader's own tools, with the same points, and keeps a person's marks."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook, get_alembic_version
from sqlalchemy import text
from traitlets.config import PyFileConfigLoader

from autograder.batch import find_submissions, grade_class
from autograder.course import Course
from autograder.errors import GraderError
from autograder.gradebook import read_marks
from autograder.models import Grade


@pytest.fixture
def book(graded: Path):
    """The class's gradebook, opened as nbgrader opens it."""
    with Gradebook(f"sqlite:///{graded / 'gradebook.db'}") as book:
        yield book


def test_nbgrader_reads_the_same_totals(book: Gradebook, grades: dict[str, Grade]) -> None:
    """Every submission's score in the gradebook is our total."""
    scores = {row.student.id: row.score for row in book.assignment_submissions("words")}
    assert scores == {student: grade.total for student, grade in grades.items()}


def test_nbgrader_takes_it_for_its_own(book: Gradebook) -> None:
    """It bears the version that nbgrader writes into a new gradebook, by which `nbgrader db upgrade` goes later."""
    assert book.db.execute(text("SELECT version_num FROM alembic_version")).all() == [(get_alembic_version(),)]


def test_formgrader_knows_what_to_mark(book: Gradebook) -> None:
    """A changed report waits for a mark; a marked or an untouched one does not."""
    waiting = {row.student.id: row.needs_manual_grade for row in book.assignment_submissions("words")}
    assert (waiting["old"], waiting["full"], waiting["blank"]) == (True, False, False)


def test_nbgrader_exports_the_class(graded: Path, grades: dict[str, Grade]) -> None:
    """`nbgrader export` works in the class's folder, and leaves our own grades.csv alone."""
    command = [sys.executable, "-m", "nbgrader", "export"]
    subprocess.run(command, cwd=graded, check=True, capture_output=True)
    with (graded / "nbgrader-grades.csv").open(newline="") as file:
        exported = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert exported == {student: grade.total for student, grade in grades.items()}


def test_a_second_grading_keeps_marks(course: Course, submissions: Path, tmp_path: Path) -> None:
    """A mark given in formgrader survives another run, and counts in the total."""
    students = tmp_path / "students"
    shutil.copytree(submissions / "old", students / "old")
    entries = find_submissions(course, students)
    (first,) = grade_class(course, entries, tmp_path / "out")
    assert (first.report, first.pending, first.total) == (0, 1, 9)
    with Gradebook(f"sqlite:///{tmp_path / 'out' / 'gradebook.db'}") as book:
        entry = book.find_grade("report-text", "words", "words", "old")
        entry.manual_score, entry.needs_manual_grade = 1.0, False
        override = book.find_grade("theory-rare-check", "words", "words", "old")
        override.manual_score = 0.5
        book.db.commit()
    (second,) = grade_class(course, entries, tmp_path / "out")
    assert (second.theory, second.report, second.pending, second.total) == (2.5, 1, 0, 9.5)


def test_nbgrader_shows_no_script_of_a_student(graded: Path) -> None:
    """What formgrader and feedback render with the class's settings holds text and pictures, and runs nothing."""
    evil = "<script>alert('hostile')</script><img src=x onerror=alert('hostile')>"
    kinds = ("text/html", "application/javascript", "image/svg+xml", "text/markdown", "text/latex", "text/plain")
    outputs = [new_output("display_data", data={kind: evil, "text/plain": evil}) for kind in kinds]
    outputs.append(new_output("error", ename=evil, evalue=evil, traceback=[evil]))
    notebook = new_notebook(cells=[new_markdown_cell(f"A *table*: {evil}"), new_code_cell("", outputs=outputs)])
    config = PyFileConfigLoader("nbgrader_config.py", str(graded)).load_config()
    page, _ = HTMLExporter(config=config).from_notebook_node(notebook)
    assert "<em>table</em>" in page
    assert page.count("&lt;script&gt;alert") > len(kinds)
    assert not re.search(r"<script[^>]*>\s*alert|<img[^>]*onerror|element.*\n?alert", page)


def test_marks_out_of_range_are_refused(course: Course, submissions: Path, tmp_path: Path) -> None:
    """More points than the cell gives is an error, not a bonus."""
    shutil.copytree(submissions / "blank", tmp_path / "students" / "blank")
    entries = find_submissions(course, tmp_path / "students")
    with pytest.raises(GraderError, match="7 points for report-text, which gives 0 to 1"):
        grade_class(course, entries, tmp_path / "out", marks={("blank", "words", "report-text"): 7})


def test_marks_file_errors_name_the_line(tmp_path: Path) -> None:
    """A marks file with a bad number or column says where."""
    path = tmp_path / "marks.csv"
    path.write_text("student,module,cell,points\nan,words,report-text,four\n")
    with pytest.raises(GraderError, match=r"marks.csv:2: want student,module,cell,points"):
        read_marks(path)
