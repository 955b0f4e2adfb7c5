"""What the class page shows across modules: totals, hard checks, time, lateness, and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autograder.course import Course
from autograder.late import LatePolicy
from autograder.models import Grade, Outcome
from autograder.overview import CheckLine, Overview
from autograder.runs import Run
from autograder.similar import Similar

HARDEST = 8
_ENOUGH = 3  # submissions in which anything was attempted: of fewer, a hard check says little


@dataclass(frozen=True)
class StudentLine:
    """A student's totals, in the order of the modules; None where nothing was graded."""

    student: str
    totals: tuple[Grade | None, ...]
    core: float
    total: float
    pending: float


@dataclass(frozen=True)
class HardCheck:
    """A check of a module that few points were earned on."""

    view: Overview
    line: CheckLine


@dataclass(frozen=True)
class Queue:
    """What of a module waits for a person: texts to mark, and checks that broke on our side."""

    view: Overview
    texts: int
    points: float
    errored: int


@dataclass(frozen=True)
class LateLine:
    """One submission that came late."""

    grade: Grade
    view: Overview


@dataclass(frozen=True)
class Summary:
    """The class page; a module's own part is its `Overview`."""

    views: tuple[Overview, ...]
    students: tuple[StudentLine, ...]
    hardest: tuple[HardCheck, ...]
    queue: tuple[Queue, ...]
    late: tuple[LateLine, ...]
    policies: dict[str, tuple[Overview, ...]]
    run: str
    similar: Similar
    has_core: bool

    @property
    def possible(self) -> float:
        return sum(view.possible for view in self.views)

    @property
    def core_possible(self) -> float:
        return sum(view.possible for view in self.views if view.module.core)


def summary(course: Course, views: Sequence[Overview], runs: Sequence[Run], similar: Similar) -> Summary:
    """The page of the class whose modules `views` show."""
    queue = [_queue(view) for view in views]
    return Summary(
        views=tuple(views),
        students=tuple(_students(views)),
        hardest=tuple(_hardest(views)),
        queue=tuple(each for each in queue if each.texts or each.errored),
        late=tuple(LateLine(grade, view) for view in views for grade in view.grades if grade.late_days),
        policies=_policies(course, views),
        run=_run(runs, views),
        similar=similar,
        has_core=len({view.module.core for view in views}) == 2,
    )


def _policies(course: Course, views: Sequence[Overview]) -> dict[str, tuple[Overview, ...]]:
    """What lateness costs, in words, and the modules that have a due time and this price."""
    found: dict[str, tuple[Overview, ...]] = {}
    for view in views:
        if view.module.due:
            words = price(course.late_policy(view.module.id))
            found[words] = (*found.get(words, ()), view)
    return found


def price(policy: LatePolicy) -> str:
    """What a late policy costs, in words.

    >>> price(LatePolicy(per_day="10%", maximum=20, grace_minutes=15))
    'Each started day costs 10% of the points, all of them at most 20 points, after 15 minutes of grace'
    """
    if policy.per_day in (0, "0%"):
        return "Being late costs nothing"
    grace = f", after {policy.grace_minutes:g} minutes of grace" if policy.grace_minutes else ""
    return f"Each started day costs {_amount(policy.per_day)}, all of them at most {_amount(policy.maximum)}{grace}"


def _amount(amount: float | str) -> str:
    return f"{amount} of the points" if isinstance(amount, str) else f"{amount:g} points"


def _students(views: Sequence[Overview]) -> list[StudentLine]:
    found = {(grade.student, grade.module): grade for view in views for grade in view.grades}
    lines = []
    for student in sorted({student for student, _ in found}):
        row = tuple(found.get((student, view.module.id)) for view in views)
        graded = [grade for grade in row if grade]
        core = [grade for grade, view in zip(row, views, strict=True) if grade and view.module.core]
        lines.append(
            StudentLine(
                student=student,
                totals=row,
                core=sum(grade.total for grade in core),
                total=sum(grade.total for grade in graded),
                pending=sum(grade.pending for grade in graded),
            )
        )
    return lines


def _hardest(views: Sequence[Overview]) -> list[HardCheck]:
    hard = [
        HardCheck(view, line)
        for view in views
        for line in view.checks
        if line.statistics.share is not None and line.statistics.judged >= _ENOUGH and line.statistics.share < 1
    ]
    return sorted(hard, key=lambda each: each.line.statistics.share or 0)[:HARDEST]


def _queue(view: Overview) -> Queue:
    checks = [check for grade in view.grades for check in grade.checks]
    waiting = [check.possible for check in checks if check.outcome is Outcome.PENDING]
    errored = sum(check.outcome is Outcome.ERRORED for check in checks)
    return Queue(view, len(waiting), sum(waiting), errored)


def _run(runs: Sequence[Run], views: Sequence[Overview]) -> str:
    """What the grading took, in words."""
    seconds = sum(grade.seconds for view in views for grade in view.grades)
    count = sum(len(view.grades) for view in views)
    words = f"{count} submissions took {duration(seconds)} of grading, {seconds / max(1, count):.3g} s each on average."
    if not runs:
        return words
    graded, wall = sum(run.graded for run in runs), sum(run.seconds for run in runs)
    once = "One run" if len(runs) == 1 else f"{len(runs)} runs"
    found = f", and found {runs[-1].found} graded already" if runs[-1].found else ""
    return f"{words} {once} graded {graded} in {duration(wall)} by the clock{found}."


def short(module: str) -> str:
    """The number that a module's id begins with, else the whole id.

    >>> short("05_monitoring"), short("ps1.problem_2")
    ('05', 'ps1.problem_2')
    """
    number, _, rest = module.partition("_")
    return number if number.isdecimal() and rest else module


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> [duration(seconds) for seconds in (4.25, 90, 5_400)]
    ['4.2 s', '1.5 min', '1.5 h']
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3_600 else f"{seconds / 3_600:.1f} h"
