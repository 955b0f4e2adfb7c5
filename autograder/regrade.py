"""Grades a recorded submission again, and says whether every check gives the same points and what is different."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Course
from autograder.environment import Environment
from autograder.errors import GraderError
from autograder.grading import ModuleGrader
from autograder.record import GradeRecord, make_record, read_record
from autograder.walls.sandbox import Sandbox


@dataclass(frozen=True)
class Regrade:
    """`points` names each check whose points differ, `causes` each thing that is not what the record says."""

    student: str
    module: str
    checks: int
    points: tuple[str, ...]
    causes: tuple[str, ...]

    @property
    def equal(self) -> bool:
        return not self.points


def regrade(course: Course, record_path: Path, submission: Path | None = None, *, walls: bool = True) -> Regrade:
    """Grade `submission`, else the one kept beside the record, as the recorded one was; compare check by check."""
    then = read_record(record_path)
    grader = ModuleGrader(course, then.module, sandbox=Sandbox(course, walls=walls))
    assignment, notebook = grader.lab.gradebook_names
    kept = record_path.resolve().parents[2] / "submitted" / then.student / assignment / f"{notebook}.ipynb"
    path = submission or kept
    if not path.is_file() and (submission or then.submission):
        raise GraderError(f"{path} does not exist; name the notebook that was graded with --submission")
    grade = grader.grade_file(path, then.student).grade
    now = make_record(course, grader.lab, path, automatic=grade, final=grade)
    return Regrade(
        student=then.student,
        module=then.module,
        checks=len(now.checks),
        points=tuple(_points(then, now)),
        causes=tuple(_causes(then, now)),
    )


def _points(then: GradeRecord, now: GradeRecord) -> Iterator[str]:
    for cell in dict.fromkeys((*then.checks, *now.checks)):
        old, new = then.checks.get(cell), now.checks.get(cell)
        if old is None or new is None:
            yield f"{cell}: {'is new' if old is None else 'is gone'}"
        elif old.points != new.points:
            yield f"{cell}: {old.points:g} then ({old.outcome}), {new.points:g} now ({new.outcome})"


def _causes(then: GradeRecord, now: GradeRecord) -> Iterator[str]:
    named = {
        "submission": "the submitted file",
        "answers": "the answers in it",
        "source": f"the module's source, {then.module}",
        "course": "course.toml",
        "secret": "the course's secret, and so the hidden inputs",
        "seeds": "how seeds are drawn",
    }
    yield from (f"{name} changed" for field, name in named.items() if getattr(then, field) != getattr(now, field))
    yield from _moved(then.environment, now.environment)


def _moved(then: Environment, now: Environment) -> Iterator[str]:
    for field in ("python", "platform"):
        old, new = getattr(then, field), getattr(now, field)
        if old != new:
            yield f"{field}: {old} then, {new} now"
    if then.lock != now.lock:
        yield "requirements.lock changed"
    for name in sorted({*then.packages, *now.packages}):
        old, new = then.packages.get(name, "none"), now.packages.get(name, "none")
        if old != new:
            yield f"package {name}: {old} then, {new} now"
