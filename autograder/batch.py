"""Grades a class: finds the submissions, grades them one after another, keeps what was done."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Course
from autograder.errors import GraderError
from autograder.gradebook import ClassBook, Marks
from autograder.grading import ModuleGrader
from autograder.models import Grade
from autograder.report import write_report

Progress = Callable[[int, int, Grade], None]


@dataclass(frozen=True)
class Entry:
    """One expected submission; `path` may not exist, which is a reason and not an error."""

    student: str
    module: str
    path: Path


def find_submissions(course: Course, submissions: Path, module: str | None = None) -> list[Entry]:
    """The submissions under `submissions`: one notebook, or nbgrader's `<student>/<module>/<module>.ipynb`.

    Every student is expected to hand in each module that anybody handed in, or just `module`.
    """
    if submissions.is_file():
        return [Entry(_student(submissions.stem), module or _module_of(course, submissions), submissions)]
    if not submissions.is_dir():
        raise GraderError(f"{submissions} does not exist; pass a folder with one folder per student, or one notebook")
    students = sorted(folder for folder in submissions.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    if not students:
        raise GraderError(
            f"{submissions} holds no student folders; expected {submissions}/<student>/<module>/<module>.ipynb"
        )
    wanted = [module] if module else [m.id for m in course.modules if any(_handed_in(s, m.id) for s in students)]
    if not wanted:
        known = ", ".join(m.id for m in course.modules)
        raise GraderError(f"no notebook of this course under {submissions}; looked for {known}")
    return [Entry(_student(s.name), m, _path(s, m)) for m in wanted for s in students]


def grade_class(
    course: Course, entries: list[Entry], folder: Path, *, marks: Marks | None = None, progress: Progress | None = None
) -> list[Grade]:
    """Grade `entries` into `folder`: gradebook, notebooks, tables and pages; returns the grades in the same order."""
    book = ClassBook(folder, marks)
    grades: list[Grade] = []
    try:
        for grader, entry in _with_graders(course, entries, book):
            graded = grader.grade_file(entry.path, entry.student)
            final = book.save(grader.lab, graded, entry.path, course.rubric)
            grades.append(final)
            if progress:
                progress(len(grades), len(entries), final)
    finally:
        book.close()
    write_report(course, grades, folder)
    return grades


def _with_graders(course: Course, entries: list[Entry], book: ClassBook) -> Iterator[tuple[ModuleGrader, Entry]]:
    graders: dict[str, ModuleGrader] = {}
    for entry in entries:
        if entry.module not in graders:
            graders[entry.module] = ModuleGrader(course, entry.module)
            book.add_module(graders[entry.module].lab)
        yield graders[entry.module], entry


def _path(student: Path, module: str) -> Path:
    """The place where nbgrader puts it, else the one notebook of that name anywhere in the student's folder."""
    usual = student / module / f"{module}.ipynb"
    if usual.exists():
        return usual
    found = sorted(student.rglob(f"{module}*.ipynb"))
    return found[0] if len(found) == 1 else usual


def _handed_in(student: Path, module: str) -> bool:
    return _path(student, module).exists() or (student / module).is_dir()


def _module_of(course: Course, path: Path) -> str:
    for module in course.modules:
        if module.id in path.name:
            return module.id
    if len(course.modules) == 1:
        return course.modules[0].id
    raise GraderError(f"cannot tell which module {path.name} is; add --module {course.modules[0].id}")


def _student(name: str) -> str:
    """A student id that is safe as a file name and in a spreadsheet."""
    return re.sub(r"[^\w.@ -]", "_", name).lstrip("=+-@. ")[:80] or "unnamed"
