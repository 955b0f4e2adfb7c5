"""How often and how late: rates with an upper bound, medians with an interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MONTH_DAYS = 365.25 / 12


def upper_rate(events: int, exposure: float, *, confidence: float = 0.95) -> float:
    """The rate that `events` in `exposure` do not yet exclude: the exact one-sided Poisson bound.

    upper = χ²(confidence; 2 · (events + 1)) / (2 · exposure). No event in three years still allows one a year.

    >>> round(upper_rate(0, 3.0), 2)
    1.0
    """
    from scipy.stats import chi2

    return float(chi2.ppf(confidence, 2 * (events + 1)) / (2 * exposure))


def median_interval(values: Sequence[float], *, resamples: int = 4_000, seed: int = 0) -> tuple[float, float, float]:
    """The median of `values` and its 95 % bootstrap interval.

    >>> median_interval([2, 2, 3, 9])
    (2.5, 2.0, 9.0)
    """
    found = np.asarray(values, dtype=np.float64)
    draws = np.random.default_rng(seed).integers(len(found), size=(resamples, len(found)))
    low, high = np.quantile(np.median(found[draws], axis=1), [0.025, 0.975])
    return float(np.median(found)), float(low), float(high)
