"""Known submissions: the solution, the blank lab, and every right and wrong answer that a course keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autograder.audit.part import Part
from autograder.audit.slice import without_demonstrations
from autograder.audit.trials import STUDENT, Trial, grade_trials
from autograder.build import stub_sources
from autograder.course import Course
from autograder.errors import GraderError
from autograder.models import RUBRICS, Grade, Lab, Outcome, Rubric
from autograder.source import read_cells

Kind = Literal["wrong", "alt"]


@dataclass(frozen=True)
class Known:
    """A percent file of only the cells that differ from the solution; `loses` is empty for an alternative.

    `may_lose` are rubric lines that build on the mistaken piece and lose with it under some seeds.
    """

    module: str
    path: Path
    loses: frozenset[str]
    may_lose: frozenset[str]

    def __str__(self) -> str:
        return f"{self.module}/{self.path.stem}"


def known_submissions(course: Course, module: str, kind: Kind) -> list[Known]:
    """The module's `wrong_*.py` or `alt_*.py`, by name; none when the course keeps none."""
    if course.submissions is None:
        return []
    paths = sorted((course.root / course.submissions / module).glob(f"{kind}_*.py"))
    return [Known(module, path, _lines(path, "loses"), _lines(path, "may lose")) for path in paths]


def points_by_rubric(grade: Grade) -> dict[Rubric, float]:
    """The points of each rubric line that the module has; what waits for a person's mark counts as full."""
    lines: dict[Rubric, float] = {rubric: 0.0 for rubric in RUBRICS if rubric in {c.rubric for c in grade.checks}}
    for check in grade.checks:
        lines[check.rubric] += check.possible if check.outcome is Outcome.PENDING else check.points
    return lines


def misses(known: Known, grade: Grade) -> str:
    """How `grade` differs from what the file says it loses; empty when it does not."""
    losing: set[str] = {
        check.rubric for check in grade.checks if check.points < check.possible and check.outcome is not Outcome.PENDING
    }
    if kept := known.loses - losing:
        return f"{known} keeps all points of {', '.join(sorted(kept))}, where it should lose"
    if extra := losing - known.loses - known.may_lose:
        return f"{known} loses points of {', '.join(sorted(extra))}, where it should keep all: {_where(grade, extra)}"
    return ""


def audit_known(course: Course, lab: Lab, *, students: int = 1, workers: int = 1) -> Part:
    """Solution = full, blank = 0, each wrong answer loses where it says and only there, each alternative keeps all.

    Wrong answers and alternatives meet the hidden inputs of so many `students`: a check may see a mistake with those of
    one and not with another's. They are graded without the lab's demonstrations, which decide nothing.
    """
    if students < 1:
        raise GraderError(f"{students} students: known submissions need the hidden inputs of at least one")
    files = [*known_submissions(course, lab.module, "wrong"), *known_submissions(course, lab.module, "alt")]
    blank = {cell.id: stub_sources(lab)[cell.id] for cell in (*lab.with_role("task"), *lab.with_role("written"))}
    names = [STUDENT, *(f"{STUDENT}{number}" for number in range(2, students + 1))]
    changes = [read_cells(known.path) for known in files]
    tried = [Trial(without_demonstrations(lab, each), each, name) for each in changes for name in names]
    solution, empty, *others = grade_trials(course, [Trial(lab), Trial(lab, blank), *tried], workers=workers)
    record: dict[str, Any] = {"solution": _points(solution), "blank": _points(empty), "wrong": {}, "alt": {}}
    problems = [*_solution_problems(solution, course), *_blank_problems(empty)]
    for place, known in enumerate(files):
        kind, _, name = known.path.stem.partition("_")
        grades = others[place * students : (place + 1) * students]
        reasons = [reason for grade in grades if (reason := misses(known, grade))]
        if kind == "wrong" and not known.loses:
            raise GraderError(f"{known} does not say where it loses: add a line `# loses: code`")
        record[kind][name] = {**_points(grades[0]), "ok": not reasons}
        if reasons:
            problems.append(f"{reasons[0]} (so with the hidden inputs of {len(reasons)} of {students} students)")
    return Part(record, tuple(problems))


def _points(grade: Grade) -> dict[str, float]:
    return {name: getattr(grade, name) for name in (*points_by_rubric(grade), "pending", "total")}


def _solution_problems(grade: Grade, course: Course) -> list[str]:
    short: set[str] = {rubric for rubric, points in points_by_rubric(grade).items() if points < course.rubric[rubric]}
    return [f"the solution itself loses points: {_where(grade, short)}"] if short else []


def _blank_problems(grade: Grade) -> list[str]:
    return [f"the blank lab earns {grade.total + grade.pending:g} points"] if grade.total + grade.pending else []


def _where(grade: Grade, rubrics: set[str]) -> str:
    return "; ".join(f"{c.cell}: {c.reason}" for c in grade.checks if c.rubric in rubrics and c.points < c.possible)


def _lines(path: Path, word: str) -> frozenset[str]:
    found = re.search(rf"^# {word}: (.+)$", path.read_text("utf-8"), re.MULTILINE)
    lines = frozenset(part.strip() for part in found[1].split(",")) if found else frozenset()
    if unknown := lines - set(RUBRICS):
        raise GraderError(f"{path.name} {word} {', '.join(sorted(unknown))}; rubric lines are {', '.join(RUBRICS)}")
    return lines
