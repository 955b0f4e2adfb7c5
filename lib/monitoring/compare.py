"""One window against one reference: a p-value and a size of effect for each column, and for all of them together."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from lib.monitoring.chi2 import chi2
from lib.monitoring.domain import DomainClassifier
from lib.monitoring.ks import ks
from lib.monitoring.psi import bin_counts, psi, quantile_edges
from lib.monitoring.sample import Integers, Numbers, numbers
from lib.monitoring.table import Columns, Table
from lib.monitoring.wasserstein import wasserstein

Test = Literal["ks", "chi2"]


class Frozen(BaseModel):
    """JSON in and out; a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Comparison(Frozen):
    """What the statistics say of one column; `moved_by` is its Wasserstein distance, None for a category."""

    column: str
    test: Test
    statistic: float = Field(ge=0)
    p_value: float = Field(ge=0, le=1)
    psi: float = Field(ge=0)
    moved_by: float | None = None


class Reference:
    """Rows that windows are compared with, prepared once."""

    def __init__(self, table: Table, columns: Columns, *, seed: int = 0) -> None:
        self.columns, self.rows = columns, table.rows
        self.domain = DomainClassifier(table, columns, seed=seed)
        self._numbers = {name: numbers(values) for name, values in table.numeric.items()}
        self._edges = {name: quantile_edges(sample) for name, sample in self._numbers.items()}
        self._binned = {name: bin_counts(sample, self._edges[name]) for name, sample in self._numbers.items()}
        self._counts = {name: self._count(name, codes) for name, codes in table.categorical.items()}

    def compare(self, window: Table) -> tuple[Comparison, ...]:
        """Each column by itself: KS and PSI for numbers, χ² and PSI for categories."""
        numeric = [self._compare_numbers(name, numbers(values)) for name, values in window.numeric.items()]
        return *numeric, *(self._compare_codes(name, codes) for name, codes in window.categorical.items())

    def _compare_numbers(self, name: str, window: Numbers) -> Comparison:
        reference = self._numbers[name]
        statistic, p_value = ks(reference, window)
        if reference.missing or window.missing:
            # Values may go missing while those that are there stay as they were: two tests, the smaller p doubled.
            _, absent = chi2(_presence(reference), _presence(window))
            p_value = min(2 * min(p_value, absent), 1.0)
        return Comparison(
            column=name, test="ks", statistic=statistic, p_value=p_value,
            psi=psi(self._binned[name], bin_counts(window, self._edges[name])),
            moved_by=wasserstein(reference, window),
        )  # fmt: skip

    def _compare_codes(self, name: str, codes: Integers) -> Comparison:
        reference, window = self._counts[name], self._count(name, codes)
        statistic, p_value = chi2(reference, window)
        return Comparison(
            column=name, test="chi2", statistic=statistic, p_value=p_value, psi=psi(reference, window), moved_by=None
        )

    def _count(self, name: str, codes: Integers) -> Integers:
        return np.bincount(codes, minlength=len(self.columns.categorical[name]) + 1)


def _presence(sample: Numbers) -> Integers:
    return np.array([sample.rows, sample.missing])
