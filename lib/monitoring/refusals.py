"""The share of broken rows among those that came in, from what the server counts: refused rows are in no log."""

from __future__ import annotations

import re
from collections.abc import Iterable

from prometheus_client.metrics_core import Metric

ANSWERED, BROKEN = ("200",), ("400", "422")
LEAST = 20
_PREDICTING = re.compile(r"/predict|/invocations|/v2/models/.*infer")


class Refusals:
    """Counts on from one call to the next; fewer than `LEAST` requests say nothing yet."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None

    def share(self, families: Iterable[Metric]) -> float | None:
        """The share since the last call that could say; None for the first, and while too few came."""
        now = _counts(families)
        before = self._before
        if before is None or sum(now) < sum(before):  # the server began anew
            self._before = now
            return None
        came, broken = sum(now) - sum(before), now[1] - before[1]
        if came < LEAST:
            return None
        self._before = now
        return broken / came


def _counts(families: Iterable[Metric]) -> tuple[float, float]:
    """Requests for predictions that were answered, and that were refused for what they said."""
    asked = [
        sample
        for family in families
        for sample in family.samples
        if sample.name == "serving_requests_total" and _PREDICTING.fullmatch(sample.labels["path"])
    ]
    answered, broken = (
        sum(sample.value for sample in asked if sample.labels["status"] in statuses) for statuses in (ANSWERED, BROKEN)
    )
    return answered, broken
