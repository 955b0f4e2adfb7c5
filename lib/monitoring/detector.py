"""Data drift, decided: the effect is large enough AND no chance AND seen in K of N windows."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
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
    last `n` windows must have drifted. A window with less than `least_share` of the rows that the thresholds were made
    for is not judged.
    """

    alpha: float = Field(default=0.01, gt=0, lt=1)
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

    `adjusted` is the p-value after Benjamini–Hochberg; `effect` is the PSI of a column, the AUC of all together.
    """

    column: str
    p_value: float
    adjusted: float
    effect: float
    threshold: float
    drifted: bool


class WindowFinding(Frozen):
    """What one window shows; `judged` is False when it has too few rows to say."""

    day: date
    rows: int
    judged: bool
    findings: tuple[Finding, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    @property
    def drifted(self) -> tuple[str, ...]:
        """The columns that drifted, the largest effect above its threshold first."""
        found = [each for each in self.findings if each.drifted]
        return tuple(each.column for each in sorted(found, key=lambda each: each.threshold - each.effect))


class Alarm(Frozen):
    """Raised on `day`: K of the last N windows had drifted, in these columns."""

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
        effects = [*((each.column, each.psi) for each in compared), (DOMAIN, auc)]
        return WindowFinding(
            day=day, rows=len(rows), judged=True, comparisons=compared,
            findings=tuple(
                self._finding(column, p, adjusted, effect)
                for (column, effect), p, adjusted in zip(effects, p_values, benjamini_hochberg(p_values), strict=True)
            ),
        )  # fmt: skip

    def _finding(self, column: str, p: float, adjusted: float, effect: float) -> Finding:
        threshold = self._thresholds.auc if column == DOMAIN else self._thresholds.psi[column]
        drifted = effect > threshold and adjusted <= self.policy.alpha
        return Finding(column=column, p_value=p, adjusted=adjusted, effect=effect, threshold=threshold, drifted=drifted)


class KOfN:
    """Raises an alarm when `k` of the last `n` judged windows drifted, and then begins anew.

    So an alarm that nobody acts on comes again after `k` windows at the earliest, and is counted again.

    >>> alarms = KOfN(2, 3)
    >>> [alarms.add(drifted) for drifted in (True, False, True, True, False, False)]
    [False, False, True, False, False, False]
    """

    def __init__(self, k: int, n: int) -> None:
        self._k, self._last = k, deque[bool](maxlen=n)

    def add(self, drifted: bool) -> bool:  # noqa: FBT001  a sequence of them
        """Take in the next window; whether it completes an alarm."""
        self._last.append(drifted)
        if sum(self._last) < self._k:
            return False
        self._last.clear()
        return True


def alarms(windows: Sequence[WindowFinding], policy: DriftPolicy) -> list[Alarm]:
    """The alarms that a sequence of windows raises; those that were not judged count neither way."""
    memory, raised = KOfN(policy.k, policy.n), []
    judged = [window for window in windows if window.judged]
    for place, window in enumerate(judged):
        if memory.add(bool(window.drifted)):
            last = judged[max(place - policy.n + 1, 0) : place + 1]
            named = {column: None for each in reversed(last) for column in each.drifted}
            raised.append(Alarm(day=window.day, columns=tuple(named)))
    return raised


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
