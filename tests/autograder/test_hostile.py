"""Hostile submissions gain nothing, lose nothing honest, and leave their neighbours alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from autograder.course import Course, Limits
from autograder.grading import ModuleGrader
from autograder.models import RUBRICS, Outcome
from tests.autograder.hostile import WORTH, Case, read_corpus
from tests.require import require

CORPUS = read_corpus()
LIMITS = Limits(cell_s=2, call_s=2, examine_s=5)


@pytest.fixture(scope="module")
def strict_course(course: Course) -> Course:
    """The tiny course with short limits."""
    words = course["words"].model_copy(update={"limits": LIMITS})
    return course.model_copy(update={"modules": (words,)})


@pytest.fixture(scope="module")
def grader(strict_course: Course) -> ModuleGrader:
    return ModuleGrader(strict_course, "words")


def test_the_corpus_is_wide_and_well_formed() -> None:
    """Each case has a name of its own, and strikes and costs only what exists."""
    cells = {*WORTH, "code-guard"}
    assert len({(case.family, case.name) for case in CORPUS}) == len(CORPUS) >= 60
    assert len({case.family for case in CORPUS}) >= 13
    for case in CORPUS:
        assert case.strikes, case.name
        assert case.strikes.keys() <= cells | {"notebook", "file"}, case.name
        assert set(case.costs) <= set(WORTH), case.name
        assert case.needs in ("", "walls"), case.name


@pytest.mark.parametrize("blank", [True, False], ids=["blank", "partly"])
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: f"{case.family}-{case.name}")
def test_nothing_is_gained_and_nothing_honest_is_lost(
    case: Case, grader: ModuleGrader, strict_course: Course, tmp_path: Path, *, blank: bool
) -> None:
    """On a blank lab it ends with 0 points, on partly right work with exactly what was right, in bounded time."""
    if case.needs == "walls":
        require("the sandbox", present=_walled(), way_out="This submission would harm the machine without it.")
    path = case.mount(strict_course, tmp_path / "student" / "words" / "words.ipynb", blank=blank)
    grade = grader.grade_file(path, "student").grade
    found = {rubric: getattr(grade, rubric) for rubric in RUBRICS}
    reasons = [(check.cell, check.outcome.value, check.reason[:300]) for check in grade.checks]
    assert found == (dict.fromkeys(RUBRICS, 0) if blank else case.earned()), (grade.flags, reasons)
    assert grade.seconds < 30
    assert any(case.flagged in flag for flag in (*grade.flags, "")), grade.flags
    assert not [reason for reason in reasons if reason[1] == Outcome.ERRORED], grade.flags


def _walled() -> bool:
    return importlib.util.find_spec("autograder.walls") is not None
