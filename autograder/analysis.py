"""What a class's grades say about the class and about each check: spread, share of points, discrimination."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.models import CheckResult, Grade, Outcome, Rubric

MIN_STUDENTS = 10
_UNTOUCHED = (Outcome.NOT_ATTEMPTED, Outcome.NOT_REACHED)


@dataclass(frozen=True)
class Spread:
    """Values in order; the quartiles are those of the values themselves, ends included."""

    values: tuple[float, ...]

    @property
    def quartiles(self) -> tuple[float, float, float]:
        if len(self.values) == 1:
            return self.values * 3
        low, middle, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, middle, high

    @property
    def median(self) -> float:
        return self.quartiles[1]


@dataclass(frozen=True)
class CheckStatistics:
    """One check over a module's submissions; `share` and `discrimination` are None where nothing can be said.

    They rest on `judged` submissions: those in which anything was attempted, without the grader's own errors.
    """

    cell: str
    rubric: Rubric
    possible: float
    outcomes: dict[Outcome, int]
    judged: int
    share: float | None
    discrimination: float | None


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    return Spread(tuple(sorted(values)))


def worked_on(grade: Grade) -> bool:
    """Whether anything of the submission was attempted: nobody's empty hand says a check is hard."""
    return any(check.outcome not in _UNTOUCHED for check in grade.checks)


def check_statistics(grades: Sequence[Grade]) -> list[CheckStatistics]:
    """Each check of one module, in the order in which `grades` list them."""
    cells = dict.fromkeys(check.cell for grade in grades for check in grade.checks)
    worked = [grade for grade in grades if worked_on(grade)]
    return [_statistics(cell, grades, worked) for cell in cells]


def discrimination(items: Sequence[float], totals: Sequence[float]) -> float | None:
    """Corrected item-total correlation: r = cov(x, t - x) / (s_x s_(t - x)), x a check's points, t the totals.

    Taking the check out of the total keeps it from correlating with itself; for a check that is all or nothing this is
    the point-biserial correlation. None under 10 students, or where either side is the same for all.

    >>> discrimination([0, 4] * 5, [20, 30] * 5)
    1.0
    """
    rests = [round(total - item, 6) for item, total in zip(items, totals, strict=True)]
    if len(items) < MIN_STUDENTS or len(set(items)) == 1 or len(set(rests)) == 1:
        return None
    return round(statistics.correlation(items, rests), 6)


def _statistics(cell: str, grades: Sequence[Grade], worked: Sequence[Grade]) -> CheckStatistics:
    everyone = [check for grade in grades for check in grade.checks if check.cell == cell]
    known = [
        (check, grade) for grade in worked if (check := _find(grade, cell)) and check.outcome is not Outcome.ERRORED
    ]
    counts = Counter(check.outcome for check in everyone)
    points = [check.points for check, _ in known]
    possible = everyone[0].possible
    told = points and possible and not counts[Outcome.PENDING]  # while marks are to come, what was earned is open
    return CheckStatistics(
        cell=cell,
        rubric=everyone[0].rubric,
        possible=possible,
        outcomes={outcome: counts[outcome] for outcome in Outcome},
        judged=len(known),
        share=statistics.fmean(points) / possible if told else None,
        discrimination=discrimination(points, [_earned(grade) for _, grade in known]) if told else None,
    )


def _find(grade: Grade, cell: str) -> CheckResult | None:
    return next((check for check in grade.checks if check.cell == cell), None)


def _earned(grade: Grade) -> float:
    """Points before anything was taken off for being late, which no check can explain."""
    return sum(check.points for check in grade.checks)
