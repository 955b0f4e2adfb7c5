"""Hostile submissions gain nothing, lose nothing honest, and leave their neighbours alone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.course import Course, load_course
from autograder.grading import ModuleGrader
from autograder.models import RUBRICS, Outcome
from tests.autograder.hostile import WORTH, Case, read_corpus
from tests.require import executable

CORPUS = read_corpus()
LIMITS = """{ cell_s = 2, call_s = 2, examine_s = 3, total_s = 20, memory_mb = 1000, processes = 64, disk_mb = 8,
output_mb = 2 }"""


@pytest.fixture(scope="module", autouse=True)
def _bubblewrap() -> None:
    executable("bwrap", way_out="Install bubblewrap: these submissions are never run without walls.")


@pytest.fixture(scope="module")
def strict_course(course: Course, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The tiny course with tight limits."""
    root = shutil.copytree(course.root, tmp_path_factory.mktemp("hostile") / "course")
    settings = root / "solutions" / "course.toml"
    text, replaced = re.subn(r"limits = .*", f"limits = {' '.join(LIMITS.split())}", settings.read_text("utf-8"))
    assert replaced == 1
    settings.write_text(text, "utf-8")
    return load_course(root)


@pytest.fixture(scope="module")
def grader(strict_course: Course) -> Iterator[ModuleGrader]:
    grader = ModuleGrader(strict_course, "words")
    yield grader
    grader.sandbox.close()


def test_the_corpus_is_wide_and_well_formed() -> None:
    """Each case has a name of its own, and strikes and costs only what exists."""
    cells = {*WORTH, "code-guard"}
    assert len({(case.family, case.name) for case in CORPUS}) == len(CORPUS) >= 60
    assert len({case.family for case in CORPUS}) >= 13
    for case in CORPUS:
        assert case.strikes, case.name
        assert case.strikes.keys() <= cells | {"notebook", "file"}, case.name
        assert set(case.costs) <= set(WORTH), case.name


@pytest.mark.parametrize("blank", [True, False], ids=["blank", "partly"])
@pytest.mark.parametrize("case", CORPUS, ids=lambda case: f"{case.family}-{case.name}")
def test_nothing_is_gained_and_nothing_honest_is_lost(
    case: Case, grader: ModuleGrader, strict_course: Course, tmp_path: Path, *, blank: bool
) -> None:
    """On a blank lab it ends with 0 points, on partly right work with exactly what was right, in bounded time."""
    path = case.mount(strict_course, tmp_path / "student" / "words" / "words.ipynb", blank=blank)
    grade = grader.grade_file(path, "student").grade
    found = {rubric: getattr(grade, rubric) for rubric in RUBRICS}
    reasons = [(check.cell, check.outcome.value, check.reason[:300]) for check in grade.checks]
    assert found == (dict.fromkeys(RUBRICS, 0) if blank else case.earned()), (grade.flags, reasons)
    assert grade.seconds < 30
    assert any(case.flagged in flag for flag in (*grade.flags, "")), grade.flags
    assert not [reason for reason in reasons if reason[1] == Outcome.ERRORED], grade.flags
