"""The nouns of grading: a lab's cells, a check's result, a submission's grade."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

Rubric = Literal["theory", "code", "results", "report", "points"]
# A graded cell's id begins with its line; `points` takes the cells of other tools' notebooks that name none.
RUBRICS: tuple[Rubric, ...] = ("theory", "code", "results", "report", "points")

Role = Literal["plain", "parameters", "shared", "task", "check", "written"]


@dataclass(frozen=True)
class Cell:
    """One cell of a module's source; `targets` are the tasks that a check cell judges, `excused` lints it may fail.

    What `prepares` leaves files or a store behind that a later cell looks at without reading a name of it.
    Of a notebook written for nbgrader, `stub` is what students receive, and `unjudged` why a check needs a person.
    """

    id: str
    kind: Literal["code", "markdown"]
    role: Role
    source: str
    line: int
    points: float = 0
    targets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    minutes: float = 0
    half: Literal["", "theory", "practice"] = ""
    folded: bool = False
    prepares: bool = False
    excused: frozenset[str] = frozenset()
    stub: str = ""
    unjudged: str = ""
    category: Rubric | None = None

    @property
    def rubric(self) -> Rubric | None:
        """The rubric line that the id begins with, for graded cells; else the cell's own `category`."""
        word = self.id.split("-", 1)[0]
        return next((rubric for rubric in RUBRICS if rubric == word), self.category)


@dataclass(frozen=True)
class Lab:
    """A module as its source states it: every cell in notebook order, solutions included.

    `assignment` is set when the source is one of the notebooks of an nbgrader assignment.
    """

    module: str
    path: str
    cells: tuple[Cell, ...]
    assignment: str = ""

    @property
    def gradebook_names(self) -> tuple[str, str]:
        """Assignment and notebook, as nbgrader's gradebook and folders call them."""
        if not self.assignment:
            return self.module, self.module
        return self.assignment, Path(self.path).stem

    def __getitem__(self, cell_id: str) -> Cell:
        for cell in self.cells:
            if cell.id == cell_id:
                return cell
        raise KeyError(cell_id)

    def at(self, cell: Cell) -> str:
        """Where `cell` stands, as errors name it."""
        return f"{self.module}.py:{cell.line}"

    def with_role(self, role: Role) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.role == role)

    @property
    def graded(self) -> tuple[Cell, ...]:
        """Cells that carry points: checks and written answers."""
        return tuple(cell for cell in self.cells if cell.points)


class Outcome(StrEnum):
    """Passed, failed, errored (the grader's fault), not attempted and not reached are five different things."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    NOT_ATTEMPTED = "not attempted"
    NOT_REACHED = "not reached"
    PENDING = "pending"
    MARKED = "marked"


class Record(BaseModel):
    """Base of what is written to JSON: frozen, and a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckResult(Record):
    """What one graded cell earned, and the reason a learner is shown.

    When a person's mark counts (`marked`), `verdict` keeps the outcome that it replaced.
    """

    cell: str
    rubric: Rubric
    outcome: Outcome
    points: float
    possible: float
    reason: str = ""
    seconds: float = 0.0
    verdict: Outcome | None = None


class Grade(Record):
    """One submission's points by rubric line; `pending` points wait for a person's mark and are not in `total`.

    `late_penalty` is taken from the total alone; `comments` are a person's words on a cell, by its id.
    """

    student: str
    module: str
    theory: float = 0
    code: float = 0
    results: float = 0
    report: float = 0
    points: float = 0
    pending: float = 0
    flags: tuple[str, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    seconds: float = 0.0
    late_days: int = 0
    late_penalty: float = 0
    comments: dict[str, str] = {}

    @property
    def total(self) -> float:
        points = self.theory + self.code + self.results + self.report + self.points
        return max(0.0, points - self.late_penalty)

    @property
    def possible(self) -> float:
        return sum(check.possible for check in self.checks)

    @property
    def remarks(self) -> tuple[str, ...]:
        """The flags, and what being late cost."""
        if not self.late_days:
            return self.flags
        days = "1 started day" if self.late_days == 1 else f"{self.late_days} started days"
        return (*self.flags, f"{days} late: {self.late_penalty:g} points off")
