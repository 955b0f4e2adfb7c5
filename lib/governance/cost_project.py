"""What it will cost: a projection with its interval, and what that means for a budget."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from lib.errors import CostError
from lib.governance.cost_allocate import usage_costs
from lib.governance.cost_prices import Prices
from lib.governance.cost_usage import Usage

State = Literal["within", "at risk", "over"]


@dataclass(frozen=True)
class Projection:
    """The sum of `periods` costs to come: what is expected, and the interval that holds it with `confidence`."""

    periods: int
    expected: float
    low: float
    high: float
    confidence: float


def project(costs: Sequence[float], *, periods: int, confidence: float = 0.95) -> Projection:
    """The sum of the next `periods` costs, judged by those of some periods of the same length.

    For n costs with mean m and standard deviation s, the sum of the next k is k·m ± t·s·√(k + k²/n), with Student's t
    of n − 1 degrees: what single periods scatter by, and what is not known of their mean (Hahn and Meeker, *Statistical
    Intervals*, section 4.8). It supposes that periods are alike, independent and near enough to normal: a trend or a
    new version is not in it. Raises CostError for fewer than two costs.

    >>> project([1.0, 1.2, 0.9, 1.1], periods=30)  # doctest: +ELLIPSIS
    Projection(periods=30, expected=31.5..., low=24.9..., high=38.0..., confidence=0.95)
    """
    from scipy.stats import t

    if len(costs) < 2 or periods < 1:
        raise CostError(f"{len(costs)} periods say nothing of how costs scatter. Measure two at least, better ten.")
    count = len(costs)
    mean, spread = float(np.mean(costs)), float(np.std(costs, ddof=1))
    reach = float(t.ppf((1 + confidence) / 2, count - 1)) * spread * math.sqrt(periods + periods**2 / count)
    return Projection(periods, periods * mean, max(periods * mean - reach, 0.0), periods * mean + reach, confidence)


def by_period(usages: Iterable[Usage], prices: Prices, edges: Sequence[datetime]) -> list[float]:
    """What each period between two `edges` (ascending) cost; work is charged to the period in which it began.

    What began before the first edge or after the last is left out: set-up, and a period that is not over.
    """
    costs = [0.0] * (len(edges) - 1)
    for usage in usages:
        place = bisect.bisect_right(edges, usage.started) - 1
        if 0 <= place < len(costs):
            costs[place] += usage_costs(usage, prices).total
    return costs


def midnights(usages: Iterable[Usage]) -> list[datetime]:
    """Midnights (UTC) from the first full day on, at which days of usage are divided; raises CostError for no usage."""
    starts = sorted(usage.started.astimezone(UTC) for usage in usages)
    if not starts:
        raise CostError("there is no usage to divide into days. Measure some: python -m lib cost.")
    begin = starts[0].replace(hour=0, minute=0, second=0, microsecond=0)
    begin += timedelta(days=begin < starts[0])
    return [begin + timedelta(days=number) for number in range(max((starts[-1] - begin).days + 1, 1))]


def budget_share(usages: Sequence[Usage], prices: Prices, budget: float) -> float | None:
    """The expected cost of the next 30 days by `budget`; None before two full days were measured."""
    costs = by_period(usages, prices, midnights(usages)) if usages else []
    return project(costs, periods=30).expected / budget if len(costs) > 1 else None


def budget_state(projection: Projection, budget: float) -> State:
    """Over when more than the budget is expected, at risk when the interval reaches above it."""
    if projection.expected > budget:
        return "over"
    return "at risk" if projection.high > budget else "within"
