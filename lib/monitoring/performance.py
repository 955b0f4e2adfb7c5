"""How good the answers were, window by window, with what is behind each figure: intervals, rows, coverage, maturity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import Field

from lib.monitoring.compare import Frozen
from lib.monitoring.store import PredictionStore, field

Task = Literal["regression", "classification"]
Z = 1.959964
_MONDAY = "TIMESTAMPTZ '2000-01-03 00:00:00+00'"

_JUDGED = f"""
WITH judged AS (
    SELECT time_bucket($window::INTERVAL, asked_at, {_MONDAY}) AS starts, version, {{slice}} AS slice, mature,
        label IS NOT NULL AND (mature OR $provisional) AS counts, {{columns}}
    FROM joined($as_of::TIMESTAMPTZ, $matures::INTERVAL)
    WHERE asked_at >= $since::TIMESTAMPTZ AND asked_at < $until::TIMESTAMPTZ)
SELECT epoch_us(starts) AS starts, version, slice, count(*) AS predictions, count(*) FILTER (mature) AS mature,
    count(*) FILTER (mature AND labelled) AS mature_labelled, count(*) FILTER (counts) AS n, {{figures}}
FROM {{source}} GROUP BY ALL ORDER BY ALL
"""
_REGRESSION = {
    "columns": "label IS NOT NULL AS labelled, truth, prediction - truth AS error",
    "source": """(SELECT *, error * error AS square,
        (truth - avg(truth) FILTER (counts) OVER (PARTITION BY starts, version, slice)) ** 2 AS spread FROM judged)""",
    "figures": """
    avg(square) FILTER (counts) AS square, var_samp(square) FILTER (counts) AS square_var,
    avg(abs(error)) FILTER (counts) AS absolute, var_samp(abs(error)) FILTER (counts) AS absolute_var,
    avg(spread) FILTER (counts) AS spread, var_samp(spread) FILTER (counts) AS spread_var,
    covar_samp(square, spread) FILTER (counts) AS both_var""",
}
_CLASSIFICATION = {
    "columns": """label IS NOT NULL AS labelled, coalesce(prediction = truth, output = label) AS hit,
        prediction = 1 AS said, truth = 1 AS was""",
    "source": "judged",
    "figures": """
    count(*) FILTER (counts AND hit) AS hits, count(*) FILTER (counts AND said AND was) AS true_positive,
    count(*) FILTER (counts AND said <> was) AS wrong""",
}


class Interval(Frozen):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Figure(Frozen):
    """One version in one window (and slice). Figures of different versions are never mixed.

    `metrics` has rmse, mae and r2, or accuracy and f1; it is empty below two labels. `n` labels are behind it;
    `coverage` is the share of mature predictions that have one, `maturity` the share of predictions that are mature. A
    figure with a low coverage is of those whose label comes first, and they are seldom a fair sample.
    """

    starts: datetime
    ends: datetime
    version: int
    slice: str | None
    predictions: int = Field(ge=0)
    n: int = Field(ge=0)
    coverage: float = Field(ge=0, le=1)
    maturity: float = Field(ge=0, le=1)
    metrics: dict[str, Interval]


def performance(
    store: PredictionStore,
    *,
    task: Task,
    window: timedelta,
    as_of: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    by: str | None = None,
    provisional: bool = False,
) -> list[Figure]:
    """The figures of each window of predictions, by version, and by the values of the feature `by`.

    Windows are of predictions, not of labels, and begin on a Monday where they are weeks. A prediction that is not
    mature does not count even when its label is known: what sells quickly is another kind of house than what does not.
    `provisional` counts it all the same, for whoever cannot wait.
    """
    sql = _JUDGED.format(
        slice="NULL" if by is None else field(by), **(_REGRESSION if task == "regression" else _CLASSIFICATION)
    )
    given = {
        "window": window, "as_of": as_of, "matures": store.matures, "provisional": provisional,
        "since": since or datetime(1970, 1, 1, tzinfo=UTC), "until": until or as_of,
    }  # fmt: skip
    found = store.connection.execute(sql, given)
    names = [column[0] for column in found.description]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    measure = _regression if task == "regression" else _classification
    return [
        Figure(
            starts=_moment(row["starts"]), ends=_moment(row["starts"]) + window, version=row["version"],
            slice=row["slice"], predictions=row["predictions"], n=row["n"], maturity=row["mature"] / row["predictions"],
            coverage=row["mature_labelled"] / row["mature"] if row["mature"] else 0.0,
            metrics=measure(row) if row["n"] > 1 else {},
        )
        for row in rows
    ]  # fmt: skip


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _regression(row: Mapping[str, float]) -> dict[str, Interval]:
    """RMSE, MAE and R² from the moments of the squared errors a = e², the absolute ones, and b = (y − ȳ)².

    Their standard errors are those of means, √(var / n). RMSE = √ā, its interval the root of that of ā. R² = 1 − ā / b̄,
    with se² = (var a − 2 q cov(a, b) + q² var b) / (n b̄²) and q = ā / b̄ (the delta method).
    """
    n, square, absolute, spread = row["n"], row["square"], row["absolute"], row["spread"]
    square_se = math.sqrt(row["square_var"] / n)
    low, high = (max(square + sign * Z * square_se, 0.0) for sign in (-1, 1))
    found = {
        "rmse": Interval(value=math.sqrt(square), low=math.sqrt(low), high=math.sqrt(high)),
        "mae": _interval(absolute, math.sqrt(row["absolute_var"] / n), least=0.0),
    }
    if spread:
        ratio = square / spread
        variance = row["square_var"] - 2 * ratio * row["both_var"] + ratio**2 * row["spread_var"]
        found["r2"] = _interval(1 - ratio, math.sqrt(max(variance, 0.0) / n) / spread, most=1.0)
    return found


def _classification(row: Mapping[str, float]) -> dict[str, Interval]:
    """Accuracy with Wilson's interval; F1 = 2 TP / (2 TP + FP + FN) with that of the delta method.

    With p = TP / n and w = (FP + FN) / n: se² = 4 (p w² + w p² ) / (n (2 p + w)⁴), as p and w are shares of one whole.
    """
    n = row["n"]
    found = {"accuracy": wilson(int(row["hits"]), int(n))}
    p, w = row["true_positive"] / n, row["wrong"] / n
    if p + w > 0:
        se = math.sqrt(4 * (p * w**2 + w * p**2) / n) / (2 * p + w) ** 2
        found["f1"] = _interval(2 * p / (2 * p + w), se, least=0.0, most=1.0)
    return found


def wilson(hits: int, n: int) -> Interval:
    """A share of `n` with Wilson's interval, which holds near 0 and 1, too.

    centre ± half, where centre = (h + z² / 2) / (n + z²) and half = z / (n + z²) · √(h (n − h) / n + z² / 4).

    >>> found = wilson(0, 20)
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (0.0, 0.0, 0.161)
    """
    centre = (hits + Z**2 / 2) / (n + Z**2)
    half = Z / (n + Z**2) * math.sqrt(hits * (n - hits) / n + Z**2 / 4)
    return Interval(value=hits / n, low=max(centre - half, 0.0), high=min(centre + half, 1.0))


def _interval(value: float, se: float, *, least: float = -math.inf, most: float = math.inf) -> Interval:
    return Interval(value=value, low=max(value - Z * se, least), high=min(value + Z * se, most))
