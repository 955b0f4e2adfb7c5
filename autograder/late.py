"""What handing in late costs: pure arithmetic on seconds, days and points."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from autograder.models import Record

Points = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Percent = Annotated[str, Field(pattern=r"^\d+(\.\d+)?%$")]

_DAY_S = 86_400


class LatePolicy(Record):
    """A price per started day, up to a maximum: points, or a share of the module's points such as "10%"."""

    per_day: Points | Percent
    maximum: Points | Percent = "100%"
    grace_minutes: Points = 0


def started_days(late_s: float, policy: LatePolicy) -> int:
    """Days begun after the deadline; grace moves the deadline, so that no minute of it ever costs a second day.

    >>> policy = LatePolicy(per_day=5, grace_minutes=10)
    >>> [started_days(late_s, policy) for late_s in (0, 600, 601, 600 + 86_400, 601 + 86_400)]
    [0, 0, 1, 1, 2]
    """
    return max(0, math.ceil((late_s - 60 * policy.grace_minutes) / _DAY_S))


def late_penalty(days: int, policy: LatePolicy, points: float) -> float:
    """Points that `days` cost in a module of `points`.

    >>> policy = LatePolicy(per_day="10%", maximum=25)
    >>> [late_penalty(days, policy, 100) for days in (0, 1, 2, 3)]
    [0.0, 10.0, 20.0, 25.0]
    """
    return float(min(days * _of(policy.per_day, points), _of(policy.maximum, points)))


def _of(amount: float | str, points: float) -> float:
    return points * float(amount.removesuffix("%")) / 100 if isinstance(amount, str) else amount
