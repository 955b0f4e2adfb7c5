"""How far rows lie from those that a model was trained on; refuses those where its answer would be made up.

A range looks at one value, and each value of a row may be usual where the row is not: twelve rooms on ten square
metres. It does not stop a row that is changed a little and stays among usual ones; nothing that looks at inputs does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib.errors import AccessError, BadRows, Fault

if TYPE_CHECKING:
    from starlette.requests import Request

    from lib.serving.bundle import Bundle
    from lib.serving.schema import Row

QUANTILES = 201
FAULTS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Novelty:
    """Distances of rows from the rows of a training set, over some columns of numbers; made by `fit_novelty`.

    Each value becomes the normal score of its rank among the training values, s = Φ⁻¹(rank), and goes on linearly
    beyond the least and the greatest. The distance of a row is Mahalanobis', √(s C⁻¹ sᵀ), with C the correlations of
    the scores: how unusual it is together. `limit` is the distance beyond which a row is refused.
    """

    columns: tuple[str, ...]
    limit: float
    scales: tuple[_Scale, ...]
    inverse: NDArray[np.float64]

    def distances(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """One a row; units are standard deviations."""
        values = np.array([[row[name] for name in self.columns] for row in rows], dtype=float)
        return _distances(values, self.scales, self.inverse)

    def screen(self, _request: Request, _bundle: Bundle, rows: Sequence[Row]) -> None:
        """What `create_app(screens=…)` asks; raises BadRows, which names the rows that are too far from any known."""
        distances = self.distances(rows)
        far = np.flatnonzero(~(distances <= self.limit))
        if len(far):
            raise BadRows(
                [Fault(self._reason(rows[row], distances[row]), row=int(row)) for row in far[:FAULTS_SHOWN]],
                unshown=max(len(far) - FAULTS_SHOWN, 0),
            )

    def _reason(self, row: Row, distance: float) -> str:
        values = ", ".join(f"{name} {row[name]:g}" for name in self.columns)
        return (
            f"{values}: together unlike the rows that the model learnt from (distance {distance:.1f}, and up to "
            f"{self.limit:.1f} is answered). Ask a person."
        )


def fit_novelty(table: pd.DataFrame, columns: Sequence[str], *, refused: float = 0.001) -> Novelty:
    """The distances over `columns` of a training table, with the limit that refuses a share of rows like its own.

    The limit is found on every second row with distances from the others, so that it holds for rows that were not
    learnt from. Leave out what only ever grows, such as a date: tomorrow is always beyond the greatest. Raises
    AccessError for too few rows, at least 2 ÷ `refused`, and for a column that does not vary.
    """
    values = table[list(columns)].dropna().to_numpy(dtype=float)
    needed = math.ceil(2 / refused)
    if not columns:
        raise AccessError("no columns were named, so every row is as usual as any other. Name some of numbers.")
    if len(values) < needed:
        raise AccessError(f"{len(values)} rows cannot tell which 1 in {1 / refused:,.0f} is unusual. Give {needed:,}.")
    still = [name for name, column in zip(columns, values.T, strict=True) if column.min() == column.max()]
    if still:
        raise AccessError(f"{', '.join(still)} never varies in these rows: nothing is unusual about it. Leave it out.")
    kept_apart = np.sort(_distances(values[1::2], *_fitted(values[::2])))
    # As many of the rows kept apart lie beyond it as may be refused, counting the next row as one of them.
    limit = kept_apart[len(kept_apart) - max(math.floor(refused * (len(kept_apart) + 1)), 1)]
    scales, inverse = _fitted(values)
    return Novelty(columns=tuple(columns), limit=float(limit), scales=scales, inverse=inverse)


@dataclass(frozen=True)
class _Scale:
    """The normal score of one column's values: `scores` at its `values`, and `spread` to a unit beyond them."""

    values: NDArray[np.float64]
    scores: NDArray[np.float64]
    spread: float

    def __call__(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        beyond = (column - np.clip(column, self.values[0], self.values[-1])) / self.spread
        return np.asarray(np.interp(column, self.values, self.scores) + beyond)


def _scale(column: NDArray[np.float64]) -> _Scale:
    from scipy.special import ndtri

    quantiles = np.quantile(column, np.linspace(0, 1, QUANTILES))
    values, first, count = np.unique(quantiles, return_index=True, return_counts=True)
    # Of equal values the middle rank, so that a column of a few whole numbers has scores as any other.
    ranks = (first + (count - 1) / 2) / (QUANTILES - 1)
    edge = 0.5 / QUANTILES
    return _Scale(values, ndtri(np.clip(ranks, edge, 1 - edge)), float(column.std()))


def _fitted(values: NDArray[np.float64]) -> tuple[tuple[_Scale, ...], NDArray[np.float64]]:
    """The scale of each column, and the inverse of the scores' correlations."""
    scales = tuple(map(_scale, values.T))
    correlations: Any = np.atleast_2d(np.corrcoef(_scored(values, scales), rowvar=False))
    return scales, np.linalg.pinv(correlations)


def _distances(
    values: NDArray[np.float64], scales: Sequence[_Scale], inverse: NDArray[np.float64]
) -> NDArray[np.float64]:
    scores = _scored(values, scales)
    squared = np.asarray(((scores @ inverse) * scores).sum(axis=1))
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))  # as near to 0 as rounding goes


def _scored(values: NDArray[np.float64], scales: Sequence[_Scale]) -> NDArray[np.float64]:
    return np.column_stack([scale(column) for scale, column in zip(scales, values.T, strict=True)])
