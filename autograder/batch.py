"""Grades a class: finds the submissions, grades them in stable order, writes from one process."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from autograder.build import load_lab
from autograder.course import Course, load_course
from autograder.errors import GraderError
from autograder.gradebook import ClassBook, Marks
from autograder.grading import Graded, ModuleGrader
from autograder.models import Grade
from autograder.record import write_record
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
        return [Entry(safe_student(submissions.stem), module or _module_of(course, submissions), submissions)]
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
    return [Entry(safe_student(s.name), m, _path(s, m)) for m in wanted for s in students]


def grade_class(
    course: Course,
    entries: list[Entry],
    folder: Path,
    *,
    marks: Marks | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[Grade]:
    """Grade `entries` into `folder`: gradebook, notebooks, tables and pages; returns the grades in the same order.

    With `workers` > 1 that many processes run submissions; this one alone writes.
    """
    labs = {module: load_lab(course, module) for module in dict.fromkeys(entry.module for entry in entries)}
    book = ClassBook(folder, marks)
    grades: list[Grade] = []
    try:
        for lab in labs.values():
            book.add_module(lab)
        for graded, entry in zip(_graded(course, entries, workers), entries, strict=True):
            final = book.save(labs[entry.module], graded, entry.path, course.rubric)
            write_record(course, labs[entry.module], entry.path, automatic=graded.grade, final=final, folder=folder)
            grades.append(final)
            if progress:
                progress(len(grades), len(entries), final)
    finally:
        book.close()
    write_report(course, grades, folder)
    return grades


def _graded(course: Course, entries: list[Entry], workers: int) -> Iterator[Graded]:
    workers = min(workers, len(entries))
    if workers <= 1:
        yield from (_grade(course, entry) for entry in entries)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(partial(_grade, course), entries)


def _grade(course: Course, entry: Entry) -> Graded:
    return _grader(course.root, entry.module).grade_file(entry.path, entry.student)


@cache
def _grader(root: Path, module: str) -> ModuleGrader:
    """One a process: parsing a module and importing what its checks need takes seconds."""
    return ModuleGrader(load_course(root), module)


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


def safe_student(name: str) -> str:
    """A student id that is safe as a file name and in a spreadsheet."""
    return re.sub(r"[^\w.@ -]", "_", name).lstrip("=+-@. ")[:80] or "unnamed"
