"""Grades the solution itself, or a file of only the cells that differ from it, as if somebody had handed it in."""

from __future__ import annotations

from pathlib import Path

from autograder.course import Course
from autograder.errors import GraderError
from autograder.grading import ModuleGrader
from autograder.merge import Submission, solution_of
from autograder.models import Grade
from autograder.source import read_cells
from autograder.walls.sandbox import Sandbox


def solution_submission(course: Course, module: str, *, walls: bool = True) -> Grade:
    """The solution's own grade: full marks, the written report pending."""
    grader = ModuleGrader(course, module, sandbox=Sandbox(course, walls=walls))
    return grader.grade_submission(whole_submission(grader), "solution").grade


def try_file(course: Course, module: str, path: Path, *, walls: bool = True) -> Grade:
    """The grade of `path`: a notebook, or a percent file whose cells replace the solution's."""
    grader = ModuleGrader(course, module, sandbox=Sandbox(course, walls=walls))
    if path.suffix == ".ipynb":
        return grader.grade_file(path, path.stem).grade
    return grader.grade_submission(whole_submission(grader, read_cells(path)), path.stem).grade


def whole_submission(grader: ModuleGrader, changes: dict[str, str] | None = None) -> Submission:
    """The solution's answers with `changes` (cell id → text) in place of some; unknown ids are an error."""
    answers = solution_of(grader.lab).answers
    unknown = set(changes or {}) - set(answers)
    if unknown:
        raise GraderError(f"{grader.module.id} has no task or written cell {', '.join(sorted(unknown))}")
    return Submission({**answers, **(changes or {})})
