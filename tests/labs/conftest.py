"""One grader a module, shared by the tests that grade known submissions."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from autograder.audit.slice import changes_slice, without_demonstrations
from autograder.batch import _grader
from autograder.grading import ModuleGrader
from autograder.models import Grade
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
    """Grade the solution of a module with the cells of files in place of its own.

    With such cells, only by what judges them or builds on them; by everything with KNOWN=all, as `make audit` does.
    """

    def run(module: str, *changes: Path) -> Grade:
        cells = {cell: text for path in changes for cell, text in read_cells(path).items()}
        name = "+".join(path.stem for path in changes) or "solution"
        used = grader(module)
        if cells:
            part = without_demonstrations if os.environ.get("KNOWN") == "all" else changes_slice
            used = ModuleGrader(COURSE, module, sandbox=used.sandbox, lab=part(used.lab, cells))
        return used.grade_submission(whole_submission(used, cells), name).grade

    return run


def reasons(grade: Grade) -> str:
    """What did not pass, for a failing test's message."""
    return (
        "\n".join(f"{c.cell}: {c.outcome}: {c.reason}" for c in grade.checks if c.points < c.possible) or "all passed"
    )
