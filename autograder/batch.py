"""Grades a class: finds the submissions, grades them in stable order, writes from one process."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from autograder.build import load_lab
from autograder.cohort import for_cohort
from autograder.course import Course, load_course
from autograder.errors import GraderError
from autograder.gradebook import ClassBook, Marks, book_trouble
from autograder.grading import Graded, ModuleGrader
from autograder.journal import Journal
from autograder.models import Grade
from autograder.pool import OpenPool, run_all
from autograder.record import write_record
from autograder.report import write_report
from autograder.runs import Run, keep_run
from autograder.students import student_id, student_ids
from autograder.walls.sandbox import Sandbox

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
        return [Entry(student_id(submissions.stem), module or _module_of(course, submissions), submissions)]
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
    ids = student_ids([folder.name for folder in students])
    return [Entry(ids[s.name], m, _path(s, m)) for m in wanted for s in students]


def grade_class(
    course: Course,
    entries: list[Entry],
    folder: Path,
    *,
    marks: Marks | None = None,
    pool: OpenPool | None = None,
    walls: bool = True,
    again: bool = False,
    progress: Progress | None = None,
) -> list[Grade]:
    """Grade `entries` into `folder`: gradebook, notebooks, tables and pages; returns the grades in the same order.

    A `pool` (see `autograder.pool`) runs submissions in other processes; this one alone writes. What an earlier run
    into the same folder graded, with nothing changed since, is taken from there unless `again`.
    """
    started = time.perf_counter()
    course = for_cohort(course, folder)
    labs = {module: load_lab(course, module) for module in dict.fromkeys(entry.module for entry in entries)}
    book, journal = ClassBook(folder, marks), Journal(course, folder)
    keys = [journal.key(entry.module, entry.path) for entry in entries]
    waiting = {} if again else _kept(journal, keys, entries)
    left = [index for index in range(len(entries)) if index not in waiting]
    grades: list[Grade] = []

    def take(position: int, graded: Graded) -> None:
        journal.keep(keys[left[position]], graded)
        waiting[left[position]] = graded
        save()

    def save() -> None:
        """Keep the order of `entries` in everything that is written, whichever is ready first."""
        while len(grades) in waiting:
            entry, graded = entries[len(grades)], waiting.pop(len(grades))
            final = book.save(labs[entry.module], graded, entry.path, course)
            write_record(course, labs[entry.module], entry.path, automatic=graded.grade, final=final, folder=folder)
            grades.append(final)
            if progress:
                progress(len(grades), len(entries), final)

    with contextlib.closing(book), book_trouble(folder):
        for lab in labs.values():
            book.add_module(lab, course[lab.module].due)
        save()
        work = partial(grade_entry, course.root, walls)
        if pool is None:
            for position, index in enumerate(left):
                take(position, work(entries[index]))
        else:
            run_all(pool, work, [entries[index] for index in left], take)
    keep_run(folder, Run(seconds=time.perf_counter() - started, graded=len(left), found=len(entries) - len(left)))
    write_report(course, grades, folder)
    return grades


def _kept(journal: Journal, keys: list[str], entries: list[Entry]) -> dict[int, Graded]:
    found = [journal.find(key, entry.student, entry.module) for key, entry in zip(keys, entries, strict=True)]
    return {index: graded for index, graded in enumerate(found) if graded is not None}


def grade_entry(root: Path, walls: bool, entry: Entry) -> Graded:  # noqa: FBT001 - also called in other processes
    """Grade one submission of the course at `root`; a process keeps its sandbox and what it parsed."""
    return _grader(root, walls, entry.module).grade_file(entry.path, entry.student)


@cache
def _grader(root: Path, walls: bool, module: str) -> ModuleGrader:  # noqa: FBT001 - a cache's key
    """This process's grader of a module; all of a course share one sandbox."""
    return ModuleGrader(load_course(root), module, sandbox=_sandbox(root, walls))


@cache
def _sandbox(root: Path, walls: bool) -> Sandbox:  # noqa: FBT001 - a cache's key
    return Sandbox(load_course(root), walls=walls)


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
