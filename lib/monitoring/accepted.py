"""What a version erred when it was accepted, for sales as quick as those that are known by now."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lib.errors import MonitoringError


@dataclass(frozen=True)
class Accepted:
    """The errors of a version on the sales that judged it, and how many days each of these had to be waited for.

    What sells quickly is another kind of house, and a model errs on it more or less than on all. Of predictions that
    are asked for evenly over `span_days`, a sale known after w days is known of the share max(0, span − w) / span; so
    the error to hold against those labels is √(Σ c e² / Σ c) with c = max(0, span − w).

    >>> accepted = Accepted(errors=(10.0, 30.0), waits_days=(5.0, 60.0))
    >>> accepted.rmse(30), round(accepted.rmse(1e9), 2)
    (10.0, 22.36)
    """

    errors: Sequence[float]
    waits_days: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.errors) != len(self.waits_days) or not len(self.errors):
            raise MonitoringError(
                f"{len(self.errors)} errors and {len(self.waits_days)} waits are no reference. Give one of each a sale."
            )

    def rmse(self, span_days: float) -> float:
        """The error to expect of labels that are known within `span_days` of the first prediction; of all, if none."""
        squares = np.square(np.asarray(self.errors, dtype=np.float64))
        share = np.maximum(span_days - np.asarray(self.waits_days, dtype=np.float64), 0.0)
        return math.sqrt(float(np.average(squares, weights=share if share.any() else None)))
