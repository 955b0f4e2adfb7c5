"""The known submissions of every module of the course."""

from __future__ import annotations

import os
from functools import cache, partial
from pathlib import Path

from autograder.audit.known import Kind, Known, known_submissions
from autograder.audit.slice import built_on
from autograder.build import load_lab
from autograder.course import load_course
from autograder.models import CheckResult
from autograder.source import read_cells

ROOT = Path(__file__).parents[2]
COURSE = load_course(ROOT)
MODULES = [module.id for module in COURSE.modules]
LABS = cache(partial(load_lab, COURSE))


def known(kind: Kind) -> list[Known]:
    """All `wrong` or `alt` submissions, by module and name."""
    return [submission for module in MODULES for submission in known_submissions(COURSE, module, kind)]


def sample() -> list[Known]:
    """All other right answers, the peek at the truth, and a mistake in each other task; all mistakes with KNOWN=all.

    So a mistake in each task is seen to lose at every change, and minutes are not spent on its variants: `make audit`
    grades those. A mistake in one task alone is preferred: it is graded by that task's checks.
    """
    if os.environ.get("KNOWN") == "all":
        return known("wrong") + known("alt")
    chosen, seen = [], set()
    for submission in sorted(known("wrong"), key=lambda each: (not _peeks(each), len(cells_of(each)) > 1)):
        tasks = {(submission.module, task) for task in cells_of(submission)}
        if tasks - seen or submission.path.stem == "wrong_borrowed":
            chosen.append(submission)
            seen |= tasks
    return chosen + known("alt")


def _peeks(submission: Known) -> bool:
    return submission.path.stem == "wrong_peeks_at_truth"


def together(submissions: list[Known]) -> list[list[Known]]:
    """The same submissions in as few notebooks as may be, those that clash in different ones; KNOWN=all: one in each.

    Those that clash with most take their places first.
    """
    notebooks: list[list[Known]] = []
    for submission in sorted(submissions, key=lambda each: -sum(clash(each, other) for other in submissions)):
        free = (each for each in notebooks if not any(clash(submission, other) for other in each))
        if found := next(free, None):
            found.append(submission)
        else:
            notebooks.append([submission])
    return sorted(notebooks, key=lambda each: each[0].module)


@cache
def clash(one: Known, other: Known) -> bool:
    """Whether both, in one notebook, could not be judged as if each were alone: they change a cell, or share a verdict.

    Two right answers to different tasks never do: all is right of both.
    """
    if one.module != other.module or os.environ.get("KNOWN") == "all" or cells_of(one) & cells_of(other):
        return True
    if not one.loses and not other.loses:
        return False
    if not one.loses or not other.loses:
        wrong, right = (one, other) if one.loses else (other, one)
        return _spoils(wrong, right)
    return _same_verdict(one, other)


def _spoils(wrong: Known, right: Known) -> bool:
    """Whether points of the right answer could be lost with the mistake, or a loss by it be taken for the mistake's."""
    return bool(
        cells_of(right) & _built_on(wrong.module, *cells_of(wrong))
        or own_checks(wrong).keys() & own_checks(right).keys()
        or _beyond(wrong) & _lines_that_stand_on(right)
    )


def _same_verdict(one: Known, other: Known) -> bool:
    """Whether it could not be said which of two mistakes lost.

    Because a cell of one builds on a cell of the other, or because of the lines where it says that it loses one is
    judged only by checks that judge the other, too.
    """
    alone, beside = own_checks(one).keys() - own_checks(other).keys(), own_checks(other).keys() - own_checks(one).keys()
    return bool(
        expected_lines(one) - {own_checks(one)[cell] for cell in alone}
        or expected_lines(other) - {own_checks(other)[cell] for cell in beside}
        or cells_of(one) & _built_on(one.module, *cells_of(other))
        or cells_of(other) & _built_on(one.module, *cells_of(one))
    )


def explains(submission: Known, check: CheckResult) -> bool:
    """Whether the file says that it loses here: in a check of its own, or in a line that only builds on its task."""
    own_or_not = submission.loses | submission.may_lose if check.cell in own_checks(submission) else _beyond(submission)
    return check.rubric in own_or_not


def _beyond(submission: Known) -> frozenset[str]:
    """The lines in which it loses only, or perhaps, by what builds on its task."""
    return (submission.loses - frozenset(own_checks(submission).values())) | submission.may_lose


def _lines_that_stand_on(submission: Known) -> set[str]:
    stand = cells_of(submission) | _built_on(submission.module, *cells_of(submission))
    return {str(cell.rubric) for cell in LABS(submission.module).graded if {cell.id, *cell.targets} & stand}


@cache
def own_checks(submission: Known) -> dict[str, str]:
    """The rubric line of each graded cell that judges what the file changes, by id."""
    graded = LABS(submission.module).graded
    return {cell.id: cell.rubric for cell in graded if {cell.id, *cell.targets} & cells_of(submission)}


def expected_lines(submission: Known) -> frozenset[str]:
    """The lines in which it loses by its own checks, not only by those that build on it."""
    return submission.loses & frozenset(own_checks(submission).values())


@cache
def _built_on(module: str, *cells: str) -> frozenset[str]:
    return built_on(LABS(module), cells)


@cache
def cells_of(submission: Known) -> frozenset[str]:
    return frozenset(read_cells(submission.path))
