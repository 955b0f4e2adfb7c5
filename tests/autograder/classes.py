"""Classes that nobody handed in: grades of the tiny course, made without running anything."""

from __future__ import annotations

import random

from autograder.check import result
from autograder.models import Grade, Lab, Outcome
from autograder.score import grade, written_result

MAXIMA = {"theory": 3, "code": 4, "results": 2, "report": 1}
SPECIMENS = (Outcome.PASSED, Outcome.FAILED, Outcome.NOT_ATTEMPTED, Outcome.ERRORED, Outcome.NOT_REACHED)


def graded(lab: Lab, student: str, outcomes: dict[str, Outcome] | Outcome, reason: str = "", *, maxima=MAXIMA) -> Grade:
    """A grade whose checks ended as `outcomes` say, one for all or by cell (else passed)."""
    checks = []
    for cell in lab.with_role("check"):
        outcome = outcomes if isinstance(outcomes, Outcome) else outcomes.get(cell.id, Outcome.PASSED)
        checks.append(result(cell, outcome, "" if outcome is Outcome.PASSED else reason or str(outcome)))
    checks += [written_result(cell, changed=outcomes is not Outcome.NOT_REACHED) for cell in lab.with_role("written")]
    return grade(student, lab.module, checks, maxima).model_copy(update={"seconds": 2.5})


def a_class(lab: Lab, size: int, *, maxima=MAXIMA) -> list[Grade]:
    """`size` students of all abilities, the same at each call."""
    chance = random.Random(size)
    cells = [cell.id for cell in lab.with_role("check")]
    students = []
    for number in range(size):
        outcomes = {cell: chance.choices(SPECIMENS, (6, 2, 2, 0.1, 0.3))[0] for cell in cells}
        students.append(graded(lab, f"student{number:03d}", outcomes, maxima=maxima))
    return students
