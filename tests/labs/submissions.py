"""The known submissions of every module of the course."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from autograder.audit.known import Kind, Known, known_submissions
from autograder.build import load_lab
from autograder.course import load_course
from autograder.names import assigned_names, free_names
from autograder.source import read_cells

ROOT = Path(__file__).parents[2]
COURSE = load_course(ROOT)
MODULES = [module.id for module in COURSE.modules]
LABS = cache(partial(load_lab, COURSE))


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
    for submission in sorted(known(kind), key=lambda each: len(cells_of(each)) > 1):
        tasks = {(submission.module, task) for task in cells_of(submission)}
        if tasks - seen or submission.path.stem in ("wrong_borrowed", "wrong_peeks_at_truth"):
            chosen.append(submission)
            seen |= tasks
    return chosen


def together(submissions: list[Known], clash: Callable[[Known, Known], bool]) -> list[list[Known]]:
    """The same submissions in as few notebooks as may be, two that clash in different ones; KNOWN=all: one in each."""
    notebooks: list[list[Known]] = []
    for submission in submissions:
        others = [
            each for each in notebooks
            if os.environ.get("KNOWN") != "all" and each[0].module == submission.module
            and not any(clash(other, submission) for other in each)
        ]  # fmt: skip
        if others:
            others[0].append(submission)
        else:
            notebooks.append([submission])
    return notebooks


def same_task(one: Known, other: Known) -> bool:
    """Whether both change a cell."""
    return bool(cells_of(one) & cells_of(other))


def same_verdict(one: Known, other: Known) -> bool:
    """Whether it could not be said which of both lost.

    Because a cell of one builds on a cell of the other, or because of the lines where it says that it loses one is
    judged only by checks that judge the other, too.
    """
    ones, others = cells_of(one), cells_of(other)
    alone, beside = own_checks(one).keys() - own_checks(other).keys(), own_checks(other).keys() - own_checks(one).keys()
    return (
        same_task(one, other)
        or bool(_expected(one) - {own_checks(one)[cell] for cell in alone})
        or bool(_expected(other) - {own_checks(other)[cell] for cell in beside})
        or any(ones & _built_on(one.module, cell) for cell in others)
        or any(others & _built_on(one.module, cell) for cell in ones)
    )


@cache
def own_checks(submission: Known) -> dict[str, str]:
    """The rubric line of each graded cell that judges what the file changes, by id."""
    graded = LABS(submission.module).graded
    return {cell.id: cell.rubric for cell in graded if {cell.id, *cell.targets} & cells_of(submission)}


def _expected(submission: Known) -> frozenset[str]:
    """The lines in which it loses by its own checks, not only by those that build on it."""
    return submission.loses & frozenset(own_checks(submission).values())


@cache
def _built_on(module: str, cell: str) -> frozenset[str]:
    """The cells that stand on the names of `cell`, at once or through others."""
    names, found = set(assigned_names(LABS(module)[cell].source)), set()
    for each in LABS(module).cells:
        if each.kind == "code" and each.role != "check" and each.id != cell and free_names(each.source) & names:
            found.add(each.id)
            names |= assigned_names(each.source)
    return frozenset(found)


@cache
def cells_of(submission: Known) -> frozenset[str]:
    return frozenset(read_cells(submission.path))
