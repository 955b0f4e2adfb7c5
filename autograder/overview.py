"""What the class page shows of a module: its spread in words and pictures, its checks, its flags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from autograder.analysis import CheckStatistics, Spread, check_statistics, spread
from autograder.course import Course, Module
from autograder.feedback import headings, title
from autograder.models import Grade, Lab, Rubric

BINS = 20


@dataclass(frozen=True)
class Strip:
    """One row of a strip plot: `marks` are (place between 0 and 1, how many stand there)."""

    label: str
    kind: str
    marks: tuple[tuple[float, int], ...]
    median: float
    middle: float
    words: str


@dataclass(frozen=True)
class CheckLine:
    """A check as the table names it."""

    title: str
    heading: str
    statistics: CheckStatistics


@dataclass(frozen=True)
class Overview:
    """One module's part of the class page; `grades` is never empty."""

    module: Module
    grades: tuple[Grade, ...]
    words: str
    possible: float
    totals: Spread
    bins: tuple[tuple[Grade, ...], ...]
    rubrics: tuple[Strip, ...]
    time: Strip
    longest_s: float
    median_s: float
    seconds: float
    slowest: str
    handed_in: int
    waiting: int
    checks: tuple[CheckLine, ...]
    flags: dict[str, tuple[str, ...]]


def overview(course: Course, lab: Lab, grades: Sequence[Grade]) -> Overview:
    """The view of one module's `grades`, at least one."""
    maximum = max(grade.possible for grade in grades) or 1  # a module without points is drawn, too
    above = headings(lab)
    order = {cell.id: index for index, cell in enumerate(lab.cells)}
    found = sorted(check_statistics(grades), key=lambda check: order.get(check.cell, len(order)))
    seconds = spread([grade.seconds for grade in grades])
    return Overview(
        module=course[lab.module],
        grades=tuple(grades),
        words=in_words(grades, maximum),
        possible=maximum,
        totals=spread([grade.total for grade in grades]),
        bins=_bins(grades, maximum),
        rubrics=tuple(_rubric(grades, rubric) for rubric in course.rubrics),
        time=_strip("time", "time", seconds, seconds.values[-1], " s"),
        longest_s=seconds.values[-1],
        median_s=seconds.median,
        seconds=sum(seconds.values),
        slowest=_slowest(grades),
        handed_in=sum(map(handed_in, grades)),
        waiting=sum(bool(grade.pending) for grade in grades),
        checks=tuple(CheckLine(title(check.cell), above.get(check.cell, ""), check) for check in found),
        flags=_flags(grades),
    )


def totals_strip(view: Overview) -> Strip:
    """A module's totals as one row, to lay beside the other modules'."""
    return _strip(view.module.id, "total", view.totals, view.possible, f" of {view.possible:g}")


def handed_in(grade: Grade) -> bool:
    """Whether there was a notebook at all."""
    return "missing notebook" not in grade.flags


def in_words(grades: Sequence[Grade], maximum: float) -> str:
    """Median and spread as sentences."""
    totals = spread([grade.total for grade in grades])
    low, middle, high = totals.quartiles
    if len(grades) == 1:
        words = f"One submission: {middle:.3g} of {maximum:g} points."
    elif len(grades) < 5:
        words = (
            f"{len(grades)} submissions, from {totals.values[0]:.3g} to {totals.values[-1]:.3g} of {maximum:g} points."
        )
    else:
        words = (
            f"Half of the {len(grades)} submissions have {middle:.3g} of {maximum:g} points or more. "
            f"The middle half lies between {low:.3g} and {high:.3g}: {_width((high - low) / maximum)}."
        )
    waiting = [grade.pending for grade in grades if grade.pending]
    if waiting:
        reports = "1 report still waits" if len(waiting) == 1 else f"{len(waiting)} reports still wait"
        words += f" {reports} for a mark, worth up to {max(waiting):g} points{' each' if len(waiting) > 1 else ''}."
    return words


def _width(share: float) -> str:
    if share < 0.1:
        return "the class stands close together"
    return "a moderate spread" if share < 0.3 else "a wide spread"


def _bins(grades: Sequence[Grade], maximum: float) -> tuple[tuple[Grade, ...], ...]:
    bins: list[list[Grade]] = [[] for _ in range(BINS)]
    for grade in sorted(grades, key=lambda grade: (grade.pending > 0, grade.total, grade.student)):
        bins[min(int(BINS * grade.total / maximum), BINS - 1)].append(grade)
    return tuple(map(tuple, bins))


def _rubric(grades: Sequence[Grade], rubric: Rubric) -> Strip:
    maximum = max(sum(check.possible for check in grade.checks if check.rubric == rubric) for grade in grades)
    return _strip(rubric, rubric, spread([getattr(grade, rubric) for grade in grades]), maximum, f" of {maximum:g}")


def _strip(label: str, kind: str, values: Spread, maximum: float, unit: str) -> Strip:
    """Values are drawn to the nearest fortieth of the row, so that a large class stays readable."""
    whole = maximum or 1
    counts = Counter(round(40 * value / whole) / 40 for value in values.values)
    words = f"{'median ' if len(values.values) > 1 else ''}{values.median:.3g}{unit}"
    return Strip(label, kind, tuple(sorted(counts.items())), values.median / whole, values.median, words)


def _slowest(grades: Sequence[Grade]) -> str:
    if len(grades) == 1:
        return ""
    slowest = max(grades, key=lambda grade: (grade.seconds, grade.student))
    return f"The longest took {slowest.seconds:.3g} s ({slowest.student})."


def _flags(grades: Sequence[Grade]) -> dict[str, tuple[str, ...]]:
    """Who bears each flag, the most common first."""
    students: dict[str, list[str]] = {}
    for grade in grades:
        for remark in grade.remarks:
            students.setdefault(remark, []).append(grade.student)
    common = sorted(students.items(), key=lambda item: (-len(item[1]), item[0]))
    return {remark: tuple(names) for remark, names in common}
