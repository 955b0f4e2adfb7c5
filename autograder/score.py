"""Points from check results: pure sums, clamped to each rubric line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autograder.check import result
from autograder.models import RUBRICS, Cell, CheckResult, Grade, Outcome, Rubric
from autograder.readable import readable


def written_result(cell: Cell, *, changed: bool) -> CheckResult:
    """A written cell waits for a person's mark when its text was changed, and is worth nothing otherwise."""
    if changed:
        return result(cell, Outcome.PENDING, "waits for the instructor's mark", points=0)
    return result(cell, Outcome.NOT_ATTEMPTED, "not written")


def marked(check: CheckResult, points: float) -> CheckResult:
    """`check` with a person's `points` in place of its own; the verdict is kept."""
    return check.model_copy(update={"outcome": Outcome.MARKED, "points": points, "verdict": check.outcome})


def unmarked(check: CheckResult) -> CheckResult:
    """`check` as the grader left it, before any person's mark."""
    if check.verdict is None:
        return check
    points = check.possible if check.verdict is Outcome.PASSED else 0.0
    return check.model_copy(update={"outcome": check.verdict, "points": points, "verdict": None})


def grade(
    student: str,
    module: str,
    checks: Sequence[CheckResult],
    maxima: Mapping[Rubric, float],
    flags: Sequence[str] = (),
    *,
    late_days: int = 0,
    penalty: float = 0,
) -> Grade:
    """Sum `checks` by rubric line; points that wait for a mark go to `pending`, never to a total.

    The `penalty` for `late_days` takes from the total what is there and no more.
    """
    sums = {
        rubric: min(sum(check.points for check in checks if check.rubric == rubric), maxima[rubric])
        for rubric in RUBRICS
        if rubric in maxima
    }
    errored = [f"grader error at {check.cell}: {check.reason}" for check in checks if check.outcome is Outcome.ERRORED]
    return Grade(
        student=student,
        module=module,
        **sums,
        pending=sum(check.possible for check in checks if check.outcome is Outcome.PENDING),
        flags=tuple(readable(flag, 500) for flag in (*flags, *errored)),
        checks=tuple(checks),
        seconds=round(sum(check.seconds for check in checks), 3),
        late_days=late_days,
        late_penalty=min(penalty, sum(sums.values())),
    )
