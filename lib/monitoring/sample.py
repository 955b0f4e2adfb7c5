"""A column as drift statistics take it: numbers in order of size, or counts by category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

POINTS = 10_000
"""More numbers than this are kept as that many of their quantiles: a share of them is then off by 1e-4 at most."""


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers of a column in order of size, at most `POINTS` of them; `rows` stood there, `missing` more did not.

    >>> numbers([3.0, float("nan"), 1.0])
    Numbers(values=array([1., 3.]), rows=2, missing=1)
    """

    values: Floats
    rows: int
    missing: int


def numbers(column: NDArray[np.floating] | NDArray[np.integer] | Sequence[float]) -> Numbers:
    """A numeric column, whole when it has at most `POINTS` numbers; a NaN is a missing value."""
    ordered = np.sort(np.asarray(column, dtype=np.float64))  # NaN comes last
    rows = int(np.searchsorted(ordered, np.nan))
    missing, ordered = len(ordered) - rows, ordered[:rows]
    if rows > POINTS:
        ordered = ordered[((np.arange(POINTS) + 0.5) / POINTS * rows).astype(np.int64)]
    return Numbers(values=ordered, rows=rows, missing=missing)


def shares_up_to(sample: Numbers, places: Floats) -> Floats:
    """The share of the numbers that are ≤ each of `places`: the empirical distribution function F."""
    return np.searchsorted(sample.values, places, side="right") / len(sample.values)
