"""What the monitor found, as metrics: the loop fills them, Prometheus and the control room read them.

A figure that is not told again by the next look is gone from it: a version that was replaced must not alarm any more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from lib.monitoring.evaluate import Alert
from lib.monitoring.rules import Rule

_VERSION = ["model", "version"]


class Figures(Collector):
    """Filled by one thread, read by any; register it where metrics are exported (`create_app(figures=[…])`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        own = self._own = CollectorRegistry()

        def gauge(name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
            return Gauge(f"monitoring_{name}", text, labels, registry=own)

        self._rmse = gauge("rmse_eur", "Error on the sales of the window", _VERSION)
        self._low = gauge("rmse_low_eur", "Its lower bound, 95 %", _VERSION)
        self._high = gauge("rmse_high_eur", "Its upper bound, 95 %", _VERSION)
        self._reference = gauge("rmse_reference_eur", "The same error when the version was accepted", _VERSION)
        self._labels = gauge("labels", "Labels behind the error", _VERSION)
        self._coverage = gauge("label_coverage_ratio", "Predictions old enough to have a label that have one", _VERSION)
        self._estimated = gauge("rmse_estimated_eur", "Error estimated without labels", _VERSION)
        self._score = gauge("score_ratio", "Other measures of the model, such as f1", ["measure", *_VERSION])
        self._concept = gauge("concept_drift_detected", "Whether the residuals moved", _VERSION)
        self._statistic = gauge("drift_statistic", "How far a feature is from the reference", ["feature", "method"])
        self._threshold = gauge("drift_threshold", "Above it, that is an effect", ["feature", "method"])
        self._drifted = gauge("drift_detected", "Whether a feature has drifted, by all criteria", ["feature"])
        self._bad = gauge("bad_rows_ratio", "Broken rows among those that came in")
        self._ran = gauge("last_run_timestamp_seconds", "When the monitor last looked")
        self._alerts = gauge("alerts", "Alerts by state", ["alertname", "severity", "state"])
        self._judged = Counter("monitoring_judged", "Predictions whose label came", registry=own)
        self._within = Counter("monitoring_judged_within", "Those near enough to it", registry=own)
        self._received = Counter("monitoring_labels_received", "Labels by what became of them", ["kind"], registry=own)
        self._actions = Counter("monitoring_actions", "Actions by outcome", ["action", "outcome"], registry=own)
        # Never looked is not 1970, and no rows are not sound rows.
        self._silent = {"monitoring_bad_rows_ratio", "monitoring_last_run_timestamp_seconds"}

    def collect(self) -> Iterable[Metric]:
        """All that was told, as it is at one moment."""
        with self._lock:
            return [each for each in self._own.collect() if each.samples and each.name not in self._silent]

    def ran(self, at: datetime) -> None:
        """The monitor has looked."""
        with self._lock:
            self._silent.discard("monitoring_last_run_timestamp_seconds")
            self._ran.set(at.timestamp())

    def show_error(
        self,
        model: str,
        version: int,
        *,
        rmse_eur: float,
        low_eur: float,
        high_eur: float,
        reference_eur: float,
        labels: int,
        coverage: float,
        estimated_eur: float | None = None,
    ) -> None:
        """The error of the version that answers, in place of what was shown of any other."""
        found = {
            self._rmse: rmse_eur, self._low: low_eur, self._high: high_eur, self._reference: reference_eur,
            self._labels: labels, self._coverage: coverage, self._estimated: estimated_eur,
        }  # fmt: skip
        with self._lock:
            for gauge, value in found.items():
                _put(gauge, [] if value is None else [((model, str(version)), value)])

    def show_scores(self, model: str, version: int, **scores: float) -> None:
        """Other measures by name, shares of 1: f1, accuracy, r2."""
        with self._lock:
            _put(self._score, [((name, model, str(version)), value) for name, value in scores.items()])

    def show_concept(self, model: str, version: int, *, detected: bool) -> None:
        """Whether the relation of inputs and target moved since the version was trained."""
        with self._lock:
            _put(self._concept, [((model, str(version)), float(detected))])

    def show_drift(self, found: Iterable[tuple[str, str, float, float, bool]]) -> None:
        """Of each feature: its name, the method, the statistic, its threshold, and what was decided by all criteria."""
        found = list(found)
        with self._lock:
            _put(self._statistic, [((feature, method), value) for feature, method, value, _, _ in found])
            _put(self._threshold, [((feature, method), limit) for feature, method, _, limit, _ in found])
            _put(self._drifted, [((feature,), float(drifted)) for feature, _, _, _, drifted in found])

    def show_bad_rows(self, ratio: float) -> None:
        """The share of broken rows among those that came in lately."""
        with self._lock:
            self._silent.discard("monitoring_bad_rows_ratio")
            self._bad.set(ratio)

    def count_judged(self, judged: int, *, within: int) -> None:
        """More predictions have their label, and so many of them lie near enough to it."""
        with self._lock:
            self._judged.inc(judged)
            self._within.inc(within)

    def count_labels(self, **kinds: int) -> None:
        """More labels came, by what became of them: matched, late, duplicate, contradicting, orphan."""
        with self._lock:
            for kind, number in kinds.items():
                self._received.labels(kind).inc(number)

    def count_action(self, action: str, outcome: str) -> None:
        """An action ended so."""
        with self._lock:
            self._actions.labels(action, outcome).inc()

    def show_alerts(self, rules: Sequence[Rule], active: Sequence[Alert]) -> None:
        """How many alerts of each rule are pending and firing; 0 is told, too."""
        states = [(each.rule.name, each.state) for each in active]
        with self._lock:
            _put(
                self._alerts,
                [
                    ((rule.name, rule.severity, state), float(states.count((rule.name, state))))
                    for rule in rules
                    for state in ("pending", "firing")
                ],
            )


def _put(gauge: Gauge, values: Iterable[tuple[Sequence[str], float]]) -> None:
    gauge.clear()
    for labels, value in values:
        gauge.labels(*labels).set(value)
