"""The late policy: arithmetic at its edges, and the same figures in nbgrader's gradebook."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.build import load_lab
from autograder.course import Course, load_course
from autograder.errors import GraderError
from autograder.gradebook import ClassBook
from autograder.grading import Graded
from autograder.late import LatePolicy, late_penalty, started_days
from autograder.models import Grade
from autograder.report import read_grades, rewrite_report
from autograder.score import grade as score_grade

DAY = 86_400
DUE = dt.datetime(2026, 10, 12, 21, 59, tzinfo=dt.UTC)
POLICY = LatePolicy(per_day=2, maximum=5)


def with_due(course: Course, due: dt.datetime, policy: LatePolicy = POLICY) -> Course:
    """The tiny course with a due time and a late policy."""
    (module,) = course.modules
    return course.model_copy(update={"modules": (module.model_copy(update={"due": due, "late": policy}),)})


@pytest.mark.parametrize(
    ("late_s", "grace_minutes", "days"),
    [
        (0, 0, 0),
        (0.001, 0, 1),
        (DAY, 0, 1),
        (DAY + 0.001, 0, 2),
        (900, 15, 0),
        (900.5, 15, 1),
        (900 + DAY, 15, 1),
        (901 + DAY, 15, 2),
    ],
)
def test_days_start_where_grace_ends(late_s: float, grace_minutes: float, days: int) -> None:
    """On the dot is in time; so is the last second of grace; each day after it counts once it has begun."""
    assert started_days(late_s, LatePolicy(per_day=1, grace_minutes=grace_minutes)) == days


@pytest.mark.parametrize(
    ("per_day", "maximum", "penalties"),
    [
        (4, "100%", [0, 4, 8, 12]),
        ("10%", "25%", [0, 10, 20, 25]),
        ("12.5%", 20, [0, 12.5, 20, 20]),
        (60, "100%", [0, 60, 100, 100]),
        (4, 0, [0, 0, 0, 0]),
    ],
)
def test_penalty_is_a_price_per_day_up_to_a_maximum(
    per_day: float | str, maximum: float | str, penalties: list[float]
) -> None:
    """Points or percent of the module's points, in any mixture."""
    policy = LatePolicy(per_day=per_day, maximum=maximum)
    assert [late_penalty(days, policy, 100) for days in range(4)] == penalties


def test_total_never_falls_below_zero_and_columns_stay() -> None:
    """More penalty than points takes what is there; the rubric columns are not touched."""
    grade = score_grade("an", "words", [], {"theory": 3, "code": 4, "results": 2, "report": 1}, late_days=2, penalty=4)
    assert (grade.late_penalty, grade.total, grade.remarks) == (0, 0, ("2 started days late: 0 points off",))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("late = { per_dya = 3 }", "late.per_dya"),
        ('late = { per_day = "ten" }', "late.per_day"),
        ("late = { per_day = -1 }", "late.per_day"),
        ("due = 2026-10-12T23:59:00", "timezone"),
        ("deu = 2026-10-12T23:59:00Z", "deu"),
    ],
)
def test_typos_in_course_toml_are_refused(course: Course, tmp_path: Path, line: str, words: str) -> None:
    """A misspelt key, a sign, or a due time that leaves its time zone to chance is an error that names it."""
    text = (course.root / "solutions" / "course.toml").read_text("utf-8")
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "course.toml").write_text(f"{text}\n{line}\n", "utf-8")
    with pytest.raises(GraderError, match=words):
        load_course(tmp_path)


def test_module_policy_stands_in_place_of_the_courses(course: Course) -> None:
    """A module without a policy of its own has the course's; a course without one takes nothing off."""
    general = LatePolicy(per_day="5%")
    assert course.late_policy("words").per_day == 0
    assert course.model_copy(update={"late": general}).late_policy("words") == general
    assert with_due(course, DUE).model_copy(update={"late": general}).late_policy("words") == POLICY


@pytest.mark.parametrize(
    ("stamp", "days", "total"),
    [
        ("2026-10-12 21:59:00 UTC", 0, 9),
        ("2026-10-12 21:59:01 UTC", 1, 7),
        ("2026-10-12 23:59:00 +0200", 0, 9),
        ("2026-10-25 02:30:00 UTC", 13, 4),
        ("soon", 0, 9),
    ],
)
def test_submission_time_is_nbgraders_timestamp_else_the_files(
    course: Course, submissions: Path, grades: dict[str, Grade], tmp_path: Path, stamp: str, days: int, total: float
) -> None:
    """timestamp.txt beside the notebook counts, in any zone; what is no time is flagged and the file's own counts."""
    notebook = Path(shutil.copy(submissions / "old" / "words" / "words.ipynb", tmp_path))
    (tmp_path / "timestamp.txt").write_text(stamp, "utf-8")
    os.utime(notebook, (DUE.timestamp(), DUE.timestamp()))
    book = ClassBook(tmp_path / "out")
    lab = load_lab(course, "words")
    book.add_module(lab, DUE)
    ran = nbformat.read(course.student_notebook("words"), as_version=4)
    grade = book.save(lab, Graded(grades["old"], ran), notebook, with_due(course, DUE))
    book.close()
    assert (grade.late_days, grade.total) == (days, total)
    assert any("holds no moment" in flag for flag in grade.flags) == (stamp == "soon")


def test_gradebook_holds_the_same_penalty(course: Course, graded: Path, tmp_path: Path) -> None:
    """A due time entered after grading is applied by `report`, in nbgrader's figures too; an extension counts."""
    folder = tmp_path / "graded"
    shutil.copytree(graded, folder)
    before = {grade.student: grade for grade in read_grades(folder)}
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        handed_in = book.find_submission("words", "full").timestamp.replace(tzinfo=dt.UTC)
        # The class's files were written within a minute or so: all of them are late, by one started day.
        late = with_due(course, handed_in - dt.timedelta(hours=20))
        rewrite_report(late, folder)
        book.grant_extension("words", "wrong", days=2)
    grades = {grade.student: grade for grade in rewrite_report(late, folder)}
    assert (grades["full"].late_penalty, grades["full"].total) == (2, before["full"].total - 2)
    assert (grades["wrong"].late_penalty, grades["wrong"].total) == (0, before["wrong"].total)
    assert (grades["blank"].late_penalty, grades["blank"].total) == (0, 0)
    assert (grades["missing"].late_days, grades["full"].code) == (0, before["full"].code)
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        rows = {row.student.id: row for row in book.assignment_submissions("words")}
        assert {student: row.score - row.late_submission_penalty for student, row in rows.items()} == {
            student: grade.total for student, grade in grades.items()
        }
        assert {student: row.late_submission_penalty for student, row in rows.items()} == {
            student: grade.late_penalty for student, grade in grades.items()
        }
    assert "1 started day late: 2 points off" in (folder / "grades.csv").read_text("utf-8")
    assert "1 started day late: 2 points off" in (folder / "feedback" / "full" / "index.html").read_text("utf-8")
