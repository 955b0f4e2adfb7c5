"""One grader a module, shared by the tests that grade known submissions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pytest

from autograder.audit.slice import task_slice
from autograder.audit.trials import lost
from autograder.batch import _grader
from autograder.grading import ModuleGrader
from autograder.models import Grade, Lab
from autograder.names import assigned_names, free_names
from autograder.source import read_cells
from autograder.trial import whole_submission
from tests.labs.submissions import COURSE


@pytest.fixture(scope="session")
def grader() -> Callable[[str], ModuleGrader]:
    """The grader of a module, made once; all share one process that has imported the course's packages.

    It is that of `grade_class`, too: the sample class, in a test of this process, starts no second one.
    """
    return partial(_grader, COURSE.root, True)


@pytest.fixture(scope="session")
def grade(grader: Callable[[str], ModuleGrader]) -> Callable[..., Grade]:
    """Grade the solution of a module with the cells of files in place of its own."""

    def run(module: str, *changes: Path) -> Grade:
        cells = {cell: text for path in changes for cell, text in read_cells(path).items()}
        name = "+".join(path.stem for path in changes) or "solution"
        return grader(module).grade_submission(whole_submission(grader(module), cells), name).grade

    return run


@pytest.fixture(scope="session")
def grade_slice(grader: Callable[[str], ModuleGrader], grade: Callable[..., Grade]) -> Callable[..., Grade]:
    """Grade a file of one changed cell by the checks that this cell decides, and one of several by the whole module.

    A slice is trusted when the solution keeps its points in it, and no other task that is judged elsewhere uses the
    changed one.
    """

    @cache
    def trusted(module: str, task: str, needs: str) -> ModuleGrader | None:
        whole = grader(module)
        if _used_elsewhere(whole.lab, task):
            return None
        part = task_slice(whole.lab, task, {task: needs})
        sliced = ModuleGrader(COURSE, module, lab=part, sandbox=whole.sandbox)
        solved = sliced.grade_submission(whole_submission(sliced), "solution").grade
        return None if lost(solved) else sliced

    def run(module: str, changes: Path) -> Grade:
        cells = read_cells(changes)
        task = next(iter(cells))
        sliced = trusted(module, task, _names(cells[task])) if len(cells) == 1 else None
        if sliced is None:
            return grade(module, changes)
        return sliced.grade_submission(whole_submission(sliced, cells), changes.stem).grade

    return run


def _used_elsewhere(lab: Lab, task: str) -> bool:
    """Whether a task uses names of `task` and has a check that does not judge `task` as well."""
    names = assigned_names(lab[task].source)
    users = {cell.id for cell in lab.with_role("task") if cell.id != task and free_names(cell.source) & names}
    return any(users & set(check.targets) and task not in check.targets for check in lab.with_role("check"))


def _names(text: str) -> str:
    """The names that a cell needs from others, as a line of source: what a slice has to keep for it."""
    return "\n".join(sorted(free_names(text)))


def reasons(grade: Grade) -> str:
    """What did not pass, for a failing test's message."""
    return (
        "\n".join(f"{c.cell}: {c.outcome}: {c.reason}" for c in grade.checks if c.points < c.possible) or "all passed"
    )
