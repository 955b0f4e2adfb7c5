"""The inputs day by day: each full day that was logged is judged against the history, and what lasts is named."""

from __future__ import annotations

from collections import Counter, deque
from datetime import UTC, date, datetime, time, timedelta

from lib.market import HOUSES, Schema
from lib.monitoring.calibrate import Thresholds, calibrate
from lib.monitoring.detector import DOMAIN, Detector, DriftPolicy, WindowFinding
from lib.monitoring.history import History
from lib.monitoring.store import PredictionStore

Found = list[tuple[str, str, float, float, bool]]
"""Of each feature: its name, the method, the statistic, the threshold, and what was decided by all criteria."""


class InputWatch:
    """Judges the days before a moment, each once; a feature drifted when it did so in k of the last n judged days.

    `first` is the first day that is judged.
    """

    def __init__(
        self,
        history: History,
        *,
        first: date,
        thresholds: Thresholds | None = None,
        policy: DriftPolicy | None = None,
        schema: Schema = HOUSES,
    ) -> None:
        self._history, self._next, self._schema = history, first, schema
        self._thresholds = thresholds or calibrate(history)
        self._detector = Detector(history, self._thresholds, policy)
        self._last: deque[WindowFinding] = deque(maxlen=self._detector.policy.n)

    def judge(self, store: PredictionStore, at: datetime) -> Found:
        """What the last judged days say at a moment; empty before there is one."""
        while self._next < at.astimezone(UTC).date():
            since = datetime.combine(self._next, time(), UTC)
            rows = store.features(
                self._schema, self._history.columns.names, since=since, until=since + timedelta(days=1)
            )
            window = self._detector.check(self._next, rows)
            if window.judged:
                self._last.append(window)
            self._next += timedelta(days=1)
        return self._found()

    def _found(self) -> Found:
        if not self._last:
            return []
        counts = Counter(column for window in self._last for column in window.drifted)
        lasting = {column for column, windows in counts.items() if windows >= self._detector.policy.k}
        window, limits = self._last[-1], self._thresholds
        found: Found = [
            (each.column, "psi", each.psi, limits.psi[each.column], each.column in lasting)
            for each in window.comparisons
        ]
        found += [
            (each.column, "wasserstein", each.moved_by, limits.moved_by[each.column], each.column in lasting)
            for each in window.comparisons
            if each.moved_by is not None
        ]
        if window.auc is not None:
            found.append((DOMAIN, "auc above a guess", window.auc - 0.5, limits.auc - 0.5, DOMAIN in lasting))
        return found
