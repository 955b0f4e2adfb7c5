"""Data drift, decided: the effect is large enough AND no chance AND seen in K of N windows."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from lib.errors import MonitoringError
from lib.monitoring.calibrate import Thresholds
from lib.monitoring.compare import Comparison, Frozen
from lib.monitoring.domain import p_value
from lib.monitoring.history import History
from lib.monitoring.sample import Floats

DOMAIN = "all columns together"


class DriftPolicy(Frozen):
    """How sure one must be, and for how long.

    `alpha` is the share of false ones that may be among the columns named in a window (Benjamini–Hochberg); `k` of the
    last `n` windows must show it in the same column. A window with less than `least_share` of the rows that the
    thresholds were made for is not judged.
    """

    alpha: float = Field(default=0.05, gt=0, lt=1)
    k: int = Field(default=2, ge=1)
    n: int = Field(default=3, ge=1)
    least_share: float = Field(default=0.5, gt=0)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.k > self.n:
            raise ValueError(f"{self.k} of {self.n} windows cannot drift. Choose k ≤ n.")
        return self


class Finding(Frozen):
    """One column (or all of them together) in one window.

    `adjusted` is the p-value after Benjamini–Hochberg, `excess` the size of the effect over its threshold: the PSI or
    the Wasserstein distance of a column, whichever is further, the AUC of all together.
    """

    column: str
    p_value: float
    adjusted: float
    excess: float
    drifted: bool


class WindowFinding(Frozen):
    """What one window shows; `judged` is False when it has too few rows to say. `auc` is the domain classifier's."""

    day: date
    rows: int
    judged: bool
    auc: float | None = None
    findings: tuple[Finding, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    @property
    def drifted(self) -> tuple[str, ...]:
        """The columns that drifted, the largest effect first."""
        found = [each for each in self.findings if each.drifted]
        return tuple(each.column for each in sorted(found, key=lambda each: -each.excess))


class Alarm(Frozen):
    """Raised on `day`: these columns drifted in K of the last N windows."""

    day: date
    columns: tuple[str, ...]


class Detector:
    """Judges window after window against a history; raises MonitoringError for thresholds from too few shuffles."""

    def __init__(self, history: History, thresholds: Thresholds, policy: DriftPolicy | None = None) -> None:
        self.policy = policy or DriftPolicy()
        self._history, self._thresholds = history, thresholds
        self._null = np.asarray(thresholds.null)
        least = (len(history.columns.names) + 1) / (1 + len(thresholds.null))
        if least > self.policy.alpha:
            raise MonitoringError(
                f"{len(thresholds.null)} shuffles give no adjusted p-value below {least:.3g}, so that the domain "
                f"classifier never alarms at alpha {self.policy.alpha:g}. Calibrate with more permutations."
            )

    def check(self, day: date, rows: pd.DataFrame) -> WindowFinding:
        """Judge the rows of one window, whose season is that of `day`."""
        if len(rows) < self.policy.least_share * self._thresholds.rows:
            return WindowFinding(day=day, rows=len(rows), judged=False)
        window, reference = self._history.columns.encode(rows), self._history.reference(day)
        compared = reference.compare(window)
        auc = reference.domain.auc(window)
        p_values = [*(each.p_value for each in compared), p_value(auc, self._null)]
        names = [*(each.column for each in compared), DOMAIN]
        excess = [*map(self._thresholds.excess, compared), self._thresholds.domain_excess(auc)]
        findings = [
            Finding(
                column=column, p_value=p, adjusted=adjusted, excess=size,
                drifted=size > 1 and adjusted <= self.policy.alpha,
            )
            for column, p, adjusted, size in zip(names, p_values, benjamini_hochberg(p_values), excess, strict=True)
        ]  # fmt: skip
        return WindowFinding(
            day=day, rows=len(rows), judged=True, auc=auc, findings=tuple(findings), comparisons=compared
        )


class KOfN:
    """Names the columns that drifted in `k` of the last `n` windows, once there are `least` of them; then begins anew.

    A column has to be seen again: two different ones in a row are twice chance, not once drift. An alarm that nobody
    acts on comes again after `k` windows at the earliest, and is counted again.

    >>> memory = KOfN(2, 3)
    >>> [memory.add(drifted) for drifted in (["area"], ["age"], ["area", "rooms"], ["area"])]
    [(), (), ('area',), ()]
    """

    def __init__(self, k: int, n: int, *, least: int = 1) -> None:
        self._k, self._least, self._last = k, least, deque[tuple[str, ...]](maxlen=n)

    def add(self, drifted: Iterable[str]) -> tuple[str, ...]:
        """Take in the columns that drifted in the next window; those that an alarm names, if it completes one."""
        seen = tuple(drifted)
        self._last.append(seen)
        if not seen:
            return ()
        counted = Counter(column for window in self._last for column in window)
        lasting = tuple(column for column, windows in counted.items() if windows >= self._k)
        if len(lasting) < self._least:
            return ()
        self._last.clear()
        return lasting


def alarms(windows: Iterable[WindowFinding], policy: DriftPolicy) -> list[Alarm]:
    """The alarms that a sequence of windows raises; those that were not judged count neither way."""
    memory = KOfN(policy.k, policy.n)
    named = [(window.day, memory.add(window.drifted)) for window in windows if window.judged]
    return [Alarm(day=day, columns=columns) for day, columns in named if columns]


def benjamini_hochberg(p_values: Sequence[float]) -> Floats:
    """Adjusted p-values: those ≤ α name at most a share α of false ones, on average.

    With the p-values in order, adjusted_i = min over j ≥ i of p_j · m / j, and at most 1, for m of them.

    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.50]).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    found = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(found, kind="stable")
    raw = found[order] * len(found) / np.arange(1, len(found) + 1)
    adjusted = np.empty(len(found))
    adjusted[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return adjusted
