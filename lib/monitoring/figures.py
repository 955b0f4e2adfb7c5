"""What the monitor found, as metrics: the loop fills them, Prometheus and the control room read them.

A figure that the next look does not tell again is gone: a version that was replaced must not alarm any more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lib.monitoring.audit import Entry
from lib.monitoring.estimate import Estimate
from lib.monitoring.evaluate import Alert
from lib.monitoring.rules import Rule

_VERSION = ("model", "version")
_GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "rmse_eur": ("Error on the sales of the window", _VERSION),
    "rmse_low_eur": ("Its lower bound, 95 %", _VERSION),
    "rmse_high_eur": ("Its upper bound, 95 %", _VERSION),
    "rmse_reference_eur": ("The same error when the version was accepted", _VERSION),
    "rmse_estimated_eur": ("Error estimated without labels, if prices still are what they were", _VERSION),
    "rmse_estimated_low_eur": ("Its lower bound, 95 %, which knows nothing of that if", _VERSION),
    "rmse_estimated_high_eur": ("Its upper bound, 95 %, which knows nothing of that if", _VERSION),
    "labels": ("Labels behind the error", _VERSION),
    "label_coverage_ratio": ("Predictions old enough to have a label that have one", _VERSION),
    "score_ratio": ("Other measures of the model, such as f1", ("measure", *_VERSION)),
    "concept_drift_detected": ("Whether the residuals moved", _VERSION),
    "drift_statistic": ("How far a feature is from the reference", ("feature", "method")),
    "drift_threshold": ("From there on it is an effect", ("feature", "method")),
    "drift_detected": ("Whether a feature has drifted, by all criteria", ("feature",)),
    "bad_rows_ratio": ("Broken rows among those that came in", ()),
    "cost_budget_ratio": ("Expected cost of the next 30 days, by their budget", ()),
    "last_run_timestamp_seconds": ("When the monitor last looked", ()),
    "alerts": ("Alerts by state", ("alertname", "severity", "state")),
}
_COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "judged": ("Predictions whose label came", ()),
    "judged_within": ("Those near enough to it", ()),
    "labels_received": ("Labels by what became of them", ("kind",)),
    "actions": ("Actions by outcome", ("action", "outcome")),
}
_Values = dict[tuple[str, ...], float]


class Figures(Collector):
    """Filled by one thread, read by any; told by `create_app(figures=[…])`.

    Not prometheus_client's own gauges: with several workers, those go into a folder that all share.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gauges: dict[str, _Values] = {name: {} for name in _GAUGES}
        self._counters: dict[str, _Values] = {
            name: {} if labels else {(): 0.0} for name, (_, labels) in _COUNTERS.items()
        }

    def collect(self) -> Iterable[Metric]:
        """All that was told, as it is at one moment."""
        with self._lock:
            return [
                *(_filled(GaugeMetricFamily, _GAUGES, name, values) for name, values in self._gauges.items() if values),
                *(
                    _filled(CounterMetricFamily, _COUNTERS, name, values)
                    for name, values in self._counters.items()
                    if values
                ),
            ]

    def ran(self, at: datetime) -> None:
        """The monitor has looked."""
        self._show(last_run_timestamp_seconds={(): at.timestamp()})

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
    ) -> None:
        """The error of the version that answers, in place of what was shown of any other."""
        mine = (model, str(version))
        self._show(
            rmse_eur={mine: rmse_eur},
            rmse_low_eur={mine: low_eur},
            rmse_high_eur={mine: high_eur},
            rmse_reference_eur={mine: reference_eur},
            labels={mine: float(labels)},
            label_coverage_ratio={mine: coverage},
        )

    def show_no_error(self) -> None:
        """The version that answers has no labels yet; what was shown of the one before is not its error."""
        error = ("rmse_eur", "rmse_low_eur", "rmse_high_eur", "rmse_reference_eur", "labels")
        self._show(**{name: {} for name in (*error, "label_coverage_ratio", "score_ratio")})

    def show_estimate(self, model: str, version: int, found: Estimate | None) -> None:
        """What the version that answers should err by the inputs alone; None where nothing can be said."""
        mine = (model, str(version))
        self._show(
            rmse_estimated_eur={} if found is None else {mine: found.value},
            rmse_estimated_low_eur={} if found is None else {mine: found.low},
            rmse_estimated_high_eur={} if found is None else {mine: found.high},
        )

    def show_scores(self, model: str, version: int, **scores: float) -> None:
        """Other measures by name, shares of 1: f1, accuracy, r2."""
        self._show(score_ratio={(name, model, str(version)): value for name, value in scores.items()})

    def show_concept(self, model: str, version: int, *, detected: bool) -> None:
        """Whether the relation of inputs and target moved since the version was trained."""
        self._show(concept_drift_detected={(model, str(version)): float(detected)})

    def show_drift(self, found: Iterable[tuple[str, str, float, float, bool]]) -> None:
        """Of each feature: name, method, statistic, threshold, and what was decided by all criteria."""
        found = list(found)
        self._show(
            drift_statistic={(feature, method): value for feature, method, value, _, _ in found},
            drift_threshold={(feature, method): limit for feature, method, _, limit, _ in found},
            drift_detected={(feature,): float(drifted) for feature, _, _, _, drifted in found},
        )

    def show_bad_rows(self, ratio: float) -> None:
        """The share of broken rows among those that came in lately."""
        self._show(bad_rows_ratio={(): ratio})

    def show_budget(self, ratio: float | None) -> None:
        """The expected cost as a share of the budget; None while too little is known."""
        self._show(cost_budget_ratio={} if ratio is None else {(): ratio})

    def show_alerts(self, rules: Sequence[Rule], active: Sequence[Alert]) -> None:
        """How many alerts of each rule are pending and firing; 0 is told, too."""
        states = [(each.rule.name, each.state) for each in active]
        self._show(
            alerts={
                (rule.name, rule.severity, state): float(states.count((rule.name, state)))
                for rule in rules
                for state in ("pending", "firing")
            }
        )

    def count_judged(self, judged: int, *, within: int) -> None:
        """More predictions have their label, and so many of them lie near enough to it."""
        self._count("judged", (), judged)
        self._count("judged_within", (), within)

    def count_labels(self, **kinds: int) -> None:
        """More labels came, by what became of them: matched, late, duplicate, contradicting, orphan."""
        for kind, number in kinds.items():
            self._count("labels_received", (kind,), number)

    def count_action(self, entry: Entry) -> None:
        """An action ended so, or was held back."""
        self._count("actions", (entry.action, entry.outcome), 1)

    def _show(self, **values: _Values) -> None:
        with self._lock:
            self._gauges.update(values)

    def _count(self, name: str, labels: tuple[str, ...], number: int) -> None:
        with self._lock:
            self._counters[name][labels] = self._counters[name].get(labels, 0.0) + number


def _filled(
    family: type[GaugeMetricFamily | CounterMetricFamily],
    declared: Mapping[str, tuple[str, tuple[str, ...]]],
    name: str,
    values: _Values,
) -> Metric:
    text, labels = declared[name]
    filled = family(f"monitoring_{name}", text, labels=labels)
    for key, value in values.items():
        filled.add_metric(key, value)
    return filled
