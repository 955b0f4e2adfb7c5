"""What only shows after hours of use: leaks over hundreds of submissions, and attacks on every real module."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from autograder.build import build_module
from autograder.course import Course, load_course
from autograder.grading import ModuleGrader
from autograder.merge import Submission
from autograder.trial import whole_submission
from tests.autograder.hostile import read_corpus

ROOT = Path(__file__).parents[2]
SUBMISSIONS = 500
WARM_UP = 100
CRASH = 'import os, subprocess\nsubprocess.Popen(["sleep", "999"], start_new_session=True)\nos._exit(1)'


@dataclass(frozen=True)
class Held:
    """What a grader holds of the system."""

    memory_mb: float
    descriptors: int
    processes: int
    mounts: int
    files: int


def held(sandbox: int) -> Held:
    """The grader's own and its sandbox's."""
    family = [psutil.Process(), psutil.Process(sandbox), *psutil.Process(sandbox).children(recursive=True)]
    return Held(
        memory_mb=sum(process.memory_full_info().uss for process in family) / 1e6,
        descriptors=sum(process.num_fds() for process in family),
        processes=len(family),
        mounts=len(Path("/proc/self/mountinfo").read_text().splitlines()),
        files=sum(1 for _ in Path(tempfile.gettempdir()).glob("autograder-*/*")),
    )


def test_nothing_grows_over_hundreds_of_submissions(tmp_path: Path) -> None:
    """Honest ones, and ones that crash and leave processes: descriptors, processes, files and mounts stay the same."""
    course = _tiny(tmp_path)
    grader = ModuleGrader(course, "words")
    honest, crash = whole_submission(grader), whole_submission(grader, {"code-guard": CRASH})
    before = after = None
    for number in range(SUBMISSIONS):
        grade = grader.grade_submission(crash if number % 5 == 4 else honest, f"s{number}").grade
        assert grade.total == (5 if number % 5 == 4 else 9), grade.flags
        if number == WARM_UP:
            before = held(grader.sandbox.pid)
    after = held(grader.sandbox.pid)
    grader.sandbox.close()
    assert before is not None
    assert after.memory_mb < before.memory_mb * 1.05 + 5
    assert (after.descriptors, after.processes, after.mounts, after.files) == (
        before.descriptors, before.processes, before.mounts, before.files,
    )  # fmt: skip


def test_attacks_on_a_real_module_gain_nothing() -> None:
    """Each blank lab of module 01 with one attack in its first code task ends with 0 points."""
    course = load_course(ROOT)
    grader = ModuleGrader(course, course.modules[0].id)
    task = next(cell.id for cell in grader.lab.with_role("task") if cell.rubric == "code")
    for case in read_corpus():
        for text in (text for cell, text in case.strikes.items() if cell.startswith("code-")):
            grade = grader.grade_submission(Submission({**grader.stubs, task: text}), case.name).grade
            assert grade.total == 0, (case.family, case.name, grade.flags)
    grader.sandbox.close()


def _tiny(folder: Path) -> Course:
    root = shutil.copytree(ROOT / "tests" / "courses" / "tiny", folder / "course")
    course = load_course(root)
    build_module(course, "words")
    return course
