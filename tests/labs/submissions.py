"""The known submissions of every module of the course."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from autograder.audit.known import Kind, Known, known_submissions
from autograder.course import load_course
from autograder.source import read_cells

ROOT = Path(__file__).parents[2]
COURSE = load_course(ROOT)
MODULES = [module.id for module in COURSE.modules]


def known(kind: Kind) -> list[Known]:
    """All `wrong` or `alt` submissions, by module and name."""
    return [submission for module in MODULES for submission in known_submissions(COURSE, module, kind)]


def sample(kind: Kind) -> list[Known]:
    """A mistake in each task and the peek at the truth; all of them with KNOWN=all.

    So a mistake in each task is seen to lose at every change, and minutes are not spent on its variants: `make audit`
    grades those. A mistake in one task alone is preferred: it is graded by that task's checks.
    """
    if os.environ.get("KNOWN") == "all":
        return known(kind)
    chosen, seen = [], set()
    for submission in sorted(known(kind), key=lambda each: len(_cells(each)) > 1):
        tasks = {(submission.module, task) for task in _cells(submission)}
        if tasks - seen or submission.path.stem in ("wrong_borrowed", "wrong_peeks_at_truth"):
            chosen.append(submission)
            seen |= tasks
    return chosen


def together(kind: Kind) -> list[list[Known]]:
    """The same submissions in as few notebooks as may be: two that change a cell are in different ones.

    KNOWN=all: one in each.
    """
    notebooks: list[list[Known]] = []
    for submission in known(kind):
        others = [
            each for each in notebooks
            if os.environ.get("KNOWN") != "all" and each[0].module == submission.module
            and not any(_cells(other) & _cells(submission) for other in each)
        ]  # fmt: skip
        if others:
            others[0].append(submission)
        else:
            notebooks.append([submission])
    return notebooks


@cache
def _cells(submission: Known) -> frozenset[str]:
    return frozenset(read_cells(submission.path))
