"""Every module's solution earns full marks, the blank lab none, and each different right answer keeps everything."""

from __future__ import annotations

import pytest

from autograder.audit.known import Known, points_by_rubric
from autograder.merge import Submission
from autograder.models import Outcome
from tests.labs.conftest import reasons
from tests.labs.submissions import COURSE, MODULES, known, same_task, together


@pytest.mark.parametrize("module", MODULES)
def test_solution_earns_full_marks(module: str, grade) -> None:
    """30/30/30/4 with the written report's 6 points pending, and no flag."""
    graded = grade(module)
    assert points_by_rubric(graded) == COURSE.rubric, reasons(graded)
    assert (graded.total, graded.pending, graded.flags) == (94, 6, ())


@pytest.mark.parametrize("module", MODULES)
def test_blank_lab_earns_nothing(module: str, grader) -> None:
    """The untouched lab runs without a crash; every check says that nothing was attempted."""
    blank = Submission(dict(grader(module).stubs))
    graded = grader(module).grade_submission(blank, "blank").grade
    assert (graded.total, graded.pending, graded.flags) == (0, 0, ())
    assert {check.outcome for check in graded.checks} == {Outcome.NOT_ATTEMPTED}, reasons(graded)


@pytest.mark.parametrize(
    "submissions", together(known("alt"), same_task), ids=lambda submissions: "+".join(map(str, submissions))
)
def test_other_right_answers_keep_everything(submissions: list[Known], grade) -> None:
    """Right answers written quite differently lose nothing; those to different tasks are handed in together."""
    graded = grade(submissions[0].module, *(each.path for each in submissions))
    assert points_by_rubric(graded) == COURSE.rubric, reasons(graded)
