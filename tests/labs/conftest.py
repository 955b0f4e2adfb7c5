"""One grader a module, shared by the tests that grade known submissions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from autograder.grading import ModuleGrader
from autograder.models import Grade
from autograder.source import read_cells
from autograder.trial import whole_submission
from tests.labs.submissions import COURSE


@pytest.fixture(scope="session")
def grader() -> Callable[[str], ModuleGrader]:
    """The grader of a module, made once."""
    return cache(lambda module: ModuleGrader(COURSE, module))


@pytest.fixture(scope="session")
def grade(grader: Callable[[str], ModuleGrader]) -> Callable[..., Grade]:
    """Grade the solution of a module with the cells of a file in place of its own."""

    def run(module: str, changes: Path | None = None) -> Grade:
        cells = read_cells(changes) if changes else None
        name = changes.stem if changes else "solution"
        return grader(module).grade_submission(whole_submission(grader(module), cells), name).grade

    return run


def reasons(grade: Grade) -> str:
    """What did not pass, for a failing test's message."""
    return (
        "\n".join(f"{c.cell}: {c.outcome}: {c.reason}" for c in grade.checks if c.points < c.possible) or "all passed"
    )
