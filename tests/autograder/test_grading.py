"""A class graded end to end: every kind of submission gets what it earned, and a reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autograder.batch import find_submissions
from autograder.course import Course, load_course
from autograder.errors import GraderError
from autograder.grading import ModuleGrader
from autograder.models import Grade, Outcome
from autograder.trial import whole_submission
from tests.autograder.conftest import TINY


@pytest.mark.parametrize(
    ("student", "points"),
    [
        ("full", (3, 4, 2, 0.5, 0)),
        ("blank", (0, 0, 0, 0, 0)),
        ("missing", (0, 0, 0, 0, 0)),
        ("truncated", (0, 0, 0, 0, 0)),
        ("other", (0, 0, 0, 0, 0)),
        ("list", (0, 0, 0, 0, 0)),
        ("deleted", (3, 2, 2, 0, 1)),
        ("duplicated", (2, 4, 2, 0, 1)),
        ("old", (3, 4, 2, 0, 1)),
        ("exits", (3, 2, 0, 0, 1)),
        ("exits-in-cell", (3, 0, 0, 0, 1)),
        ("loops", (3, 2, 0, 0, 1)),
        ("raises", (3, 2, 0, 0, 1)),
        ("crashes", (3, 2, 0, 0, 1)),
        ("wrong", (2, 2, 0, 0, 1)),
    ],
)
def test_points(grades: dict[str, Grade], student: str, points: tuple[float, ...]) -> None:
    """Each submission keeps the points of what is intact, by rubric line."""
    grade = grades[student]
    assert (grade.theory, grade.code, grade.results, grade.report, grade.pending) == points


@pytest.mark.parametrize(
    ("student", "words"),
    [
        ("missing", "missing notebook"),
        ("truncated", "JSON breaks off"),
        ("other", "another notebook"),
        ("list", "not a notebook"),
        ("deleted", "missing cell code-guard"),
        ("duplicated", "duplicated cell theory-rare"),
        ("old", "old notebook format 3"),
        ("exits", "kernel died at code-guard-check"),
        ("exits-in-cell", "kernel died at code-count"),
        ("crashes", "cell code-count raised ZeroDivisionError"),
    ],
)
def test_flags(grades: dict[str, Grade], student: str, words: str) -> None:
    """What was odd about a submission is named."""
    assert any(words in flag for flag in grades[student].flags), grades[student].flags


@pytest.mark.parametrize(
    ("student", "check", "outcome", "words"),
    [
        ("blank", "code-count-check", Outcome.NOT_ATTEMPTED, "not attempted"),
        ("exits", "results-file-check", Outcome.NOT_REACHED, "not reached"),
        ("loops", "code-count-check", Outcome.FAILED, "more than 2 seconds"),
        ("raises", "code-count-check", Outcome.FAILED, "raised KeyError: 'no such word'"),
        ("crashes", "code-count-check", Outcome.FAILED, "does not define count"),
        ("wrong", "code-count-check", Outcome.FAILED, "expected: {'a': 2, 'b': 1}"),
        ("wrong", "theory-rare-check", Outcome.FAILED, "not the answer"),
        ("full", "report-text", Outcome.MARKED, ""),
        ("old", "report-text", Outcome.PENDING, "mark"),
    ],
)
def test_reasons(grades: dict[str, Grade], student: str, check: str, outcome: Outcome, words: str) -> None:
    """Failed, not attempted, not reached and waiting are told apart, each with its reason."""
    found = next(c for c in grades[student].checks if c.cell == check)
    assert found.outcome is outcome
    assert words in found.reason


def test_every_graded_cell_has_one_result(course: Course, grades: dict[str, Grade]) -> None:
    """Nothing is graded twice or left out, whatever was handed in."""
    for grade in grades.values():
        cells = [check.cell for check in grade.checks]
        assert len(cells) == len(set(cells)) == 6, grade.student
        assert sum(check.possible for check in grade.checks) == 10


def test_a_check_that_stumbles_by_itself_is_no_fault_of_the_students(tmp_path: Path) -> None:
    """An exception in a check fails the student only when our own solution, with the same hidden inputs, passes."""
    shutil.copytree(TINY / "solutions", tmp_path / "solutions", ignore=shutil.ignore_patterns("words"))
    source = tmp_path / "solutions" / "words.py"
    text = source.read_text("utf-8")
    text = text.replace('expect(first(["a", "b"]), "a")', 'expect(first(["a", "b"]), [["a"], []][seed() % 1 + 1][0])')
    source.write_text(text.replace('expect(count("a b a")', 'count("a").items()\nexpect(count("a b a")'), "utf-8")
    course = load_course(tmp_path)
    grader = ModuleGrader(course, "words")
    answers = whole_submission(grader, {"code-count": "def count(text):\n    return [text]"})
    found = {check.cell: check for check in grader.grade_submission(answers, "an").grade.checks}
    assert found["code-guard-check"].outcome is Outcome.ERRORED
    assert "our own solution does not pass this check" in found["code-guard-check"].reason
    assert "IndexError" in found["code-guard-check"].reason
    assert found["code-count-check"].outcome is Outcome.FAILED
    assert "AttributeError" in found["code-count-check"].reason


def test_one_file_is_a_class_of_one(course: Course) -> None:
    """A single notebook is graded under its file's name."""
    (entry,) = find_submissions(course, course.student_notebook("words"))
    assert (entry.student, entry.module) == ("words", "words")


def test_nothing_to_grade_is_an_error(course: Course, tmp_path) -> None:
    """An empty or missing folder says what was expected there."""
    with pytest.raises(GraderError, match="does not exist"):
        find_submissions(course, tmp_path / "nowhere")
    with pytest.raises(GraderError, match="no student folders"):
        find_submissions(course, tmp_path)
    (tmp_path / "an").mkdir()
    with pytest.raises(GraderError, match="no notebook of this course"):
        find_submissions(course, tmp_path)
