"""Tables and pages: the agreed columns, sums that hold, and nothing that a spreadsheet or browser would run."""

from __future__ import annotations

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from nbgrader.api import Gradebook

from autograder.build import load_lab
from autograder.course import Course
from autograder.errors import GraderError
from autograder.models import CheckResult, Grade, Outcome
from autograder.report import read_grades, rewrite_report, write_report
from tests.autograder.classes import a_class
from tests.autograder.classes import graded as graded_lab


@pytest.fixture
def copy(graded: Path, tmp_path: Path) -> Path:
    """The graded class, to change."""
    return shutil.copytree(graded, tmp_path / "graded")


def written(folder: Path) -> dict[str, bytes]:
    """All that a report consists of."""
    files = [path for path in folder.rglob("*") if path.suffix in (".html", ".csv", ".json")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def mark(folder: Path, student: str, cell: str, points: float | None, comment: str | None = None) -> None:
    """What a person does in formgrader."""
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        entry = book.find_grade(cell, "words", "words", student)
        entry.manual_score, entry.needs_manual_grade = points, False
        if comment is not None:
            book.find_comment(cell, "words", "words", student).manual_comment = comment
        book.db.commit()


def test_csv_has_the_agreed_columns_and_sums(graded: Path, grades: dict[str, Grade]) -> None:
    """grades.csv holds one line a submission; total is the sum of the four columns."""
    with (graded / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["student", "module", "theory", "code", "results", "report", "pending", "total", "flags"]
    assert len(rows) == len(grades)
    for row in rows:
        assert float(row["total"]) == sum(float(row[name]) for name in ("theory", "code", "results", "report"))


def test_json_holds_every_check(graded: Path) -> None:
    """grades.json has the same totals and each check's outcome, points and reason."""
    for row in json.loads((graded / "grades.json").read_text("utf-8")):
        assert row["total"] == sum(check["points"] for check in row["checks"])
        assert set(row["checks"][0]) == set(CheckResult.model_fields)


def test_formulas_are_defused(course: Course, tmp_path: Path) -> None:
    """Text that a spreadsheet would run is text in grades.csv too."""
    flags = ("@SUM(1)", "cell a raised A;=cmd|' /C calc'!A0", "b; -1")
    grade = graded_lab(load_lab(course, "words"), "=1+1", {}).model_copy(update={"flags": flags})
    write_report(course, [grade], tmp_path)
    with (tmp_path / "grades.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["student"] == "'=1+1"
    assert row["flags"] == "'@SUM(1) | cell a raised A;'=cmd|' /C calc'!A0 | b; '-1"


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]


def test_pages_are_self_contained_and_their_links_lead_somewhere(graded: Path, grades: dict[str, Grade]) -> None:
    """The class page loads nothing from outside and links to a feedback page of each student."""
    page = (graded / "index.html").read_text("utf-8")
    parser = _Links()
    parser.feed(page)
    assert {unquote(link).split("/")[1] for link in parser.links} == set(grades)
    assert not re.search(r"https?:|<script|<link|<iframe|@import|url\(", page)
    for link in parser.links:
        assert (graded / unquote(link)).is_file(), link


def test_names_and_outputs_are_escaped(graded: Path) -> None:
    """A student's name or output is shown, not run."""
    assert "<b>=1+1" not in (graded / "index.html").read_text("utf-8")
    feedback = (graded / "feedback" / "raises" / "index.html").read_text("utf-8")
    assert "KeyError: &#39;no such word&#39;" in feedback


def test_report_again_writes_the_same_bytes(course: Course, graded: Path, copy: Path) -> None:
    """With nothing marked since, every page and table is what grading wrote, however often it is written."""
    before = written(graded)
    for _ in range(2):
        rewrite_report(course, copy)
        assert written(copy) == before


def test_a_mark_moves_points_from_pending_to_report(course: Course, copy: Path) -> None:
    """A mark and a comment given in formgrader reach the tables, the pages and the gradebook; taken back, they go."""
    before = written(copy)
    mark(copy, "old", "report-text", 0.75, comment="Say <b>which</b> words.")
    grade = {grade.student: grade for grade in rewrite_report(course, copy)}["old"]
    assert (grade.report, grade.pending, grade.total) == (0.75, 0, 9.75)
    page = (copy / "feedback" / "old" / "index.html").read_text("utf-8")
    assert "Say &lt;b&gt;which&lt;/b&gt; words." in page
    assert "9.75" in page
    assert "old,words,3,4,2,0.75,0,9.75," in (copy / "grades.csv").read_text("utf-8")
    assert grade == {grade.student: grade for grade in read_grades(copy)}["old"]
    mark(copy, "old", "report-text", None, comment="")
    rewrite_report(course, copy)
    assert written(copy) == before


def test_an_override_taken_back_restores_the_verdict(course: Course, copy: Path) -> None:
    """A person's points on a check win while they stand; without them the check's own verdict and points return."""
    before = written(copy)
    for student, cell, points in (("full", "code-count-check", 0.5), ("wrong", "theory-rare-check", 1)):
        mark(copy, student, cell, points)
    grades = {grade.student: grade for grade in rewrite_report(course, copy)}
    assert (grades["full"].code, grades["wrong"].theory) == (2.5, 3)
    overridden = next(check for check in grades["full"].checks if check.cell == "code-count-check")
    assert (overridden.outcome, overridden.verdict) == (Outcome.MARKED, Outcome.PASSED)
    for student, cell in (("full", "code-count-check"), ("wrong", "theory-rare-check")):
        mark(copy, student, cell, None)
    rewrite_report(course, copy)
    assert written(copy) == before


def test_extra_credit_is_refused_with_the_way_out(course: Course, copy: Path) -> None:
    """Points that formgrader adds outside the rubric would not add up to it: an error says where to put them."""
    with Gradebook(f"sqlite:///{copy / 'gradebook.db'}") as book:
        book.find_grade("report-text", "words", "words", "full").extra_credit = 2
        book.db.commit()
    with pytest.raises(GraderError, match=r"gradebook.db says 11.5 for full/words.*put it into the mark"):
        rewrite_report(course, copy)


def test_a_folder_without_grades_says_so(course: Course, tmp_path: Path) -> None:
    """Nothing graded there, or a file that is not ours."""
    with pytest.raises(GraderError, match=r"grades.json does not exist"):
        rewrite_report(course, tmp_path)
    for text in ("[", "[1]", '[{"student": "an", "modul": "words"}]'):
        (tmp_path / "grades.json").write_text(text, "utf-8")
        with pytest.raises(GraderError, match="is not what `autograder grade` writes"):
            read_grades(tmp_path)


def test_a_student_cannot_be_a_path(course: Course, tmp_path: Path) -> None:
    """A name that would lead out of the folder is refused."""
    for name in ("../elsewhere", "..", "a/b"):
        with pytest.raises(GraderError, match="cannot be a folder's name"):
            write_report(course, [graded_lab(load_lab(course, "words"), name, {})], tmp_path / "out")


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "No submission has been graded yet"),
        (1, "One submission: "),
        (3, "3 submissions, from "),
        (8, "Half of the 8 submissions have "),
        (200, "Half of the 200 submissions have "),
    ],
)
def test_any_size_of_class_is_said_in_words(course: Course, tmp_path: Path, size: int, words: str) -> None:
    """Nobody, one, a few, many: the page says median and spread, and the tables have a line each."""
    grades = a_class(load_lab(course, "words"), size)
    write_report(course, grades, tmp_path)
    assert words in (tmp_path / "index.html").read_text("utf-8")
    assert len((tmp_path / "grades.csv").read_text("utf-8").splitlines()) == size + 1
    assert len(list((tmp_path / "feedback").glob("*/index.html"))) == size
