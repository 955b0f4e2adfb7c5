"""Every module's solution earns full marks, and the blank lab none."""

from __future__ import annotations

import re

import pytest

from autograder.audit.known import points_by_rubric
from autograder.grading import ModuleGrader
from autograder.merge import Submission
from autograder.models import Outcome
from autograder.trial import whole_submission
from tests.labs.conftest import reasons
from tests.labs.submissions import COURSE, MODULES

KEYED = re.compile(r'^# %% id="(theory|code)-[\w-]+" answer="\w+".* points=(\d+)', re.MULTILINE)


@pytest.mark.parametrize(
    "module", [MODULES[0], *(pytest.param(each, marks=pytest.mark.thorough) for each in MODULES[1:])]
)
def test_solution_earns_full_marks(module: str, grade) -> None:
    """30/30/30/4 with the written report's 6 points pending, and no flag."""
    graded = grade(module)
    assert points_by_rubric(graded) == COURSE.rubric, reasons(graded)
    assert (graded.total, graded.pending, graded.flags) == (94, 6, ())


@pytest.mark.thorough
@pytest.mark.parametrize("module", MODULES)
def test_blank_lab_earns_nothing(module: str, grader) -> None:
    """The untouched lab runs without a crash; every check says that nothing was attempted."""
    blank = Submission(dict(grader(module).stubs))
    graded = grader(module).grade_submission(blank, "blank").grade
    assert (graded.total, graded.pending, graded.flags) == (0, 0, ())
    assert {check.outcome for check in graded.checks} == {Outcome.NOT_ATTEMPTED}, reasons(graded)


@pytest.mark.thorough
def test_a_second_cohort_is_graded_alike(grader) -> None:
    """With the parameters that the instructor's guide gives for the next time the solution earns the same."""
    guide = (COURSE.root / "solutions" / "guide" / "second_cohort.md").read_text("utf-8")
    rows = re.findall(
        r"^\| (\w+) \| `SEED = (\d+), ROWS = (\d+)` \| `SEED = (\d+), ROWS = (\d+)` \|", guide, re.MULTILINE
    )
    first = {name: {"SEED": int(seed), "ROWS": int(number)} for name, seed, number, *_ in rows}
    assert first == {module.id: module.parameters for module in COURSE.modules}
    name, *_, seed, number = rows[-1]
    changed = COURSE[name].model_copy(update={"parameters": {"SEED": int(seed), "ROWS": int(number)}})
    course = COURSE.model_copy(update={"modules": (*COURSE.modules[:-1], changed)})
    again = ModuleGrader(course, name, sandbox=grader(name).sandbox)
    graded = again.grade_submission(whole_submission(again), "solution").grade
    assert points_by_rubric(graded) == COURSE.rubric, reasons(graded)


@pytest.mark.parametrize("module", MODULES)
def test_the_guide_counts_what_could_be_copied(module: str) -> None:
    """The points of questions with a key, which are the same for everybody, as the guide says."""
    text = COURSE.source(module).read_text("utf-8")
    keyed = [(rubric, int(points)) for rubric, points in KEYED.findall(text)]
    counts = sum(points for _, points in keyed), sum(points for rubric, points in keyed if rubric == "theory")
    guide = (COURSE.root / "solutions" / "guide" / "second_cohort.md").read_text("utf-8")
    assert "| {} | {} | {} |".format(module, *counts) in guide
