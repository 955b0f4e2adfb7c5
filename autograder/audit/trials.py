"""Grades many variants of the solution through the real grader, several at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from pathlib import Path

from autograder.course import Course, load_course
from autograder.grading import ModuleGrader
from autograder.models import CheckResult, Grade, Lab, Outcome
from autograder.pool import local_pool
from autograder.trial import whole_submission
from autograder.walls.sandbox import Sandbox

STUDENT = "audit"  # one name for trials that are compared: every variant meets the same hidden inputs


@dataclass(frozen=True)
class Trial:
    """The solution of `lab`, a module or a slice of one, with `changes` (cell id → text) in place of some cells.

    By the name of the `student` the hidden inputs are drawn.
    """

    lab: Lab
    changes: dict[str, str] = field(default_factory=dict)
    student: str = STUDENT


def grade_trials(course: Course, trials: Iterable[Trial], *, workers: int = 1) -> Iterator[Grade]:
    """The grade of each trial, in order; with `workers` > 1 that many processes run them."""
    if workers <= 1:
        yield from (_grade(course.root, trial) for trial in trials)
        return
    trials = list(trials)
    with local_pool(workers, course.preloads(trial.lab.module for trial in trials))() as pool:
        yield from pool.map(partial(_grade, course.root), trials)


def lost(grade: Grade) -> list[CheckResult]:
    """The checks in which the submission lost points by its own fault, and not by the grader's."""
    excused = (Outcome.PENDING, Outcome.ERRORED)
    return [check for check in grade.checks if check.points < check.possible and check.outcome not in excused]


def _grade(root: Path, trial: Trial) -> Grade:
    grader = _grader(root, trial.lab)
    return grader.grade_submission(whole_submission(grader, trial.changes), trial.student).grade


@lru_cache(maxsize=64)
def _grader(root: Path, lab: Lab) -> ModuleGrader:
    return ModuleGrader(load_course(root), lab.module, lab=lab, sandbox=_sandbox(root))


@cache
def _sandbox(root: Path) -> Sandbox:
    return Sandbox(load_course(root))
