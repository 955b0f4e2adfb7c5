"""Error analysis: after a drift of the concept, the slice of houses in which the error moved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field

from lib.errors import MonitoringError
from lib.monitoring.compare import Frozen
from lib.monitoring.detector import benjamini_hochberg
from lib.monitoring.performance import Interval, Z

LEAST_ROWS = 20
BINS = 4


class Slice(Frozen):
    """By how much the mean residual of one slice moved; `moved` when beyond chance and by half of the largest move."""

    column: str
    value: str
    n_before: int = Field(ge=0)
    n_after: int = Field(ge=0)
    shift: Interval
    moved: bool


class ErrorAnalysis(Frozen):
    """Which column tells best where the residuals moved: `column` is None when they moved everywhere alike.

    `slices` are those of that column, the furthest first; `overall` is the move of all rows together. `explained` is
    how much the moves of the column's slices differ among themselves, as a standard deviation freed from noise.
    """

    column: str | None
    overall: Interval
    explained: float
    slices: tuple[Slice, ...]

    @property
    def moved(self) -> tuple[str, ...]:
        """The values of the slices that moved."""
        return tuple(each.value for each in self.slices if each.moved)


def analyse_errors(
    before: pd.DataFrame, after: pd.DataFrame, columns: Sequence[str], *, residual: str = "residual"
) -> ErrorAnalysis:
    """Compare the mean residual of each slice before and after a drift.

    A slice is a value of a category, or a quarter of the numbers of `before`. For each column, slices of 20 rows or
    more on both sides: shift_g = mean after − mean before, with its standard error s_g. Q = Σ (shift_g − m)² / s_g²,
    with m their precision-weighted mean, is χ² with G − 1 degrees of freedom when all moved alike; of the columns whose
    p-value stands after Benjamini–Hochberg at 0.01, the one with the largest spread of shifts is named. Other columns
    hang together with it and move a little, too: that is why one asks for the largest and not for all.
    Raises MonitoringError when one side has too few rows.
    """
    from scipy.stats import chi2

    if min(len(before), len(after)) < LEAST_ROWS:
        raise MonitoringError(
            f"there are {len(before)} labelled rows before and {len(after)} after the drift, and {LEAST_ROWS} are "
            "needed on both sides. Wait for more labels."
        )
    tables = {column: _shifts(before, after, column, residual) for column in columns}
    tables = {column: shifts for column, shifts in tables.items() if len(shifts) > 1}
    p_values, spreads = [], {}
    for column, shifts in tables.items():
        shift, se, rows = (np.array([getattr(each, name) for each in shifts]) for name in ("shift", "se", "n_after"))
        apart = (shift - np.average(shift, weights=1 / se**2)) ** 2
        p_values.append(float(chi2.sf((apart / se**2).sum(), len(shifts) - 1)))
        spreads[column] = float(np.sqrt(max(np.average(apart - se**2, weights=rows), 0.0)))
    sure = [column for column, p in zip(tables, benjamini_hochberg(p_values), strict=True) if p <= 0.01]
    named = max(sure, key=spreads.__getitem__, default=None)
    return ErrorAnalysis(
        column=named,
        overall=_interval(*_shift(before[residual], after[residual])),
        explained=0.0 if named is None else spreads[named],
        slices=() if named is None else tuple(_slices(named, tables[named])),
    )


class _Shift(NamedTuple):
    value: str
    n_before: int
    n_after: int
    shift: float
    se: float


def _shifts(before: pd.DataFrame, after: pd.DataFrame, column: str, residual: str) -> list[_Shift]:
    """Those of the slices that have enough rows on both sides."""
    old, new = _labels(before[column], before[column]), _labels(after[column], before[column])
    found = []
    for value in sorted(set(old) & set(new)):
        first, second = before[residual][(old == value).to_numpy()], after[residual][(new == value).to_numpy()]
        if min(len(first), len(second)) >= LEAST_ROWS:
            found.append(_Shift(value, len(first), len(second), *_shift(first, second)))
    return found


def _labels(values: pd.Series[Any], reference: pd.Series[Any]) -> pd.Series[str]:
    """What each row's slice is called."""
    if not pd.api.types.is_numeric_dtype(reference.dtype) or pd.api.types.is_bool_dtype(reference.dtype):
        return values.astype("str")
    edges = np.unique(np.nanquantile(reference.to_numpy(dtype=np.float64), np.linspace(0, 1, BINS + 1)[1:-1]))
    places = np.searchsorted(edges, values.to_numpy(dtype=np.float64), side="right")
    names = [f"below {edges[0]:g}", *(f"{low:g} to {high:g}" for low, high in pairwise(edges))]
    return pd.Series([*names, f"from {edges[-1]:g}"], dtype="str").take(places)


def _shift(first: pd.Series[float], second: pd.Series[float]) -> tuple[float, float]:
    se = np.sqrt(first.var() / len(first) + second.var() / len(second))
    return float(second.mean() - first.mean()), max(float(se), 1e-12)


def _slices(column: str, shifts: Sequence[_Shift]) -> list[Slice]:
    """The furthest first."""
    ordered = sorted(shifts, key=lambda each: -abs(each.shift))
    furthest = abs(ordered[0].shift)
    return [
        Slice(
            column=column, value=each.value, n_before=each.n_before, n_after=each.n_after,
            shift=_interval(each.shift, each.se), moved=abs(each.shift) > max(3 * each.se, furthest / 2),
        )
        for each in ordered
    ]  # fmt: skip


def _interval(shift: float, se: float) -> Interval:
    return Interval(value=shift, low=shift - Z * se, high=shift + Z * se)
