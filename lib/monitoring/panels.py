"""What is drawn: three boards of panels, declared once; Grafana's dashboards and the control room ask the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lib.monitoring.objectives import ACCURACY, AVAILABILITY, DAY_S, HOUR_S, LATENCY
from lib.monitoring.query import Age, Increase, OrZero, Quantile, Query, Rate, Ratio, Series, Together

Unit = Literal["a second", "seconds", "share", "EUR", "bytes", "cores", "number"]
RECENT_S = 60.0
"""Over which rates are taken: four samples at the usual interval of 15 seconds."""


@dataclass(frozen=True)
class Curve:
    """A question, and what each of its answers is called; `{version}` stands for the label."""

    name: str
    query: Query

    def called(self, labels: Mapping[str, str]) -> str:
        """The name of the answer with these labels."""
        return self.name.format_map(_Known(labels))


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Some curves in one unit; from the `limit` on (or `below` it) somebody should look."""

    title: str
    about: str
    unit: Unit
    curves: tuple[Curve, ...]
    limit: float | None = None
    below: bool = False


@dataclass(frozen=True, kw_only=True)
class Board:
    """Panels that are looked at together."""

    name: str
    title: str
    panels: tuple[Panel, ...]


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def _predictions(name: str, **where: str) -> Series:
    return Series(name, {**AVAILABILITY.events.where, **where})


def _sum(query: Query, *by: str) -> Together:
    return Together("sum", query, by=by)


_ROWS = Series("serving_predictions_total")
_SECONDS = _predictions("serving_request_duration_seconds")
SERVICE = Board(
    name="service",
    title="Service: does it answer, and in time?",
    panels=(
        Panel(
            title="Requests",
            about="Predictions asked for, by the status of the answer.",
            unit="a second",
            curves=(Curve("{status}", _sum(Rate(_predictions("serving_requests_total"), RECENT_S), "status")),),
        ),
        Panel(
            title="Failed",
            about="The share of predictions that failed on our side. The promise leaves 0.5 % of a month.",
            unit="share",
            curves=(Curve("failed", AVAILABILITY.bad_share(RECENT_S)),),
            limit=AVAILABILITY.budget,
        ),
        Panel(
            title="Latency",
            about="Half, nine of ten, and 99 of 100 predictions come within this time.",
            unit="seconds",
            curves=(
                Curve("50 %", Quantile(0.5, _SECONDS, RECENT_S)),
                Curve("90 %", Quantile(0.9, _SECONDS, RECENT_S)),
                Curve("99 %", Quantile(0.99, _SECONDS, RECENT_S)),
            ),
            limit=0.25,
        ),
        Panel(
            title="Rows",
            about="Rows answered, by the version that answered; version 0 is the rule of manual mode.",
            unit="a second",
            curves=(Curve("version {model_version}", _sum(Rate(_ROWS, RECENT_S), "model_version")),),
        ),
        Panel(
            title="Rows together",
            about="Rows predicted in one batch, on average; at 256 the batches are as large as they may be.",
            unit="number",
            curves=(
                Curve(
                    "mean",
                    Ratio(
                        _sum(Rate(Series("serving_batch_rows_sum"), RECENT_S)),
                        _sum(Rate(Series("serving_batch_rows_count"), RECENT_S)),
                    ),
                ),
            ),
        ),
        Panel(
            title="Queue",
            about="How full the queue of the model is; at 100 % requests are turned away.",
            unit="share",
            curves=(
                Curve("filled", Ratio(_sum(Series("serving_queue_rows")), _sum(Series("serving_queue_capacity_rows")))),
            ),
            limit=0.8,
        ),
        Panel(
            title="Processor",
            about="Cores that the server keeps busy.",
            unit="cores",
            curves=(Curve("busy", _sum(Rate(Series("process_cpu_seconds_total", {"job": "server"}), RECENT_S))),),
        ),
        Panel(
            title="Memory",
            about="What the server holds. In the compose file it is killed at 2 GB.",
            unit="bytes",
            curves=(Curve("held", _sum(Series("process_resident_memory_bytes", {"job": "server"}))),),
            limit=1.6e9,
        ),
        Panel(
            title="Error budget left",
            about="What the promises still allow of the last 30 days. Below 0 they are broken.",
            unit="share",
            curves=(Curve("availability", AVAILABILITY.budget_left()), Curve("latency", LATENCY.budget_left())),
            limit=0,
            below=True,
        ),
        Panel(
            title="Unrecorded",
            about="Predictions answered without a record in the last five minutes.",
            unit="number",
            curves=(Curve("dropped", OrZero(_sum(Increase(Series("serving_log_dropped_total"), 300)))),),
            limit=1,
        ),
        Panel(
            title="Version that answers",
            about="1 for the version in place; version 0 is the rule of manual mode.",
            unit="number",
            curves=(
                Curve("{name} {version}", Together("max", Series("serving_model_info"), by=("name", "version"))),
            ),
        ),
        Panel(
            title="Alerts",
            about="How many alerts fire, by how urgent they are.",
            unit="number",
            curves=(Curve("{severity}", _sum(Series("monitoring_alerts", {"state": "firing"}), "severity")),),
            limit=1,
        ),
    ),
)  # fmt: skip
MODEL = Board(
    name="model",
    title="Model: is it as good as when it was accepted?",
    panels=(
        Panel(
            title="Error",
            about="Root mean square error on the sales of the window, its 95 % interval, and what was accepted.",
            unit="EUR",
            curves=(
                Curve("version {version}", Series("monitoring_rmse_eur")),
                Curve("at least", Series("monitoring_rmse_low_eur")),
                Curve("at most", Series("monitoring_rmse_high_eur")),
                Curve("accepted", Series("monitoring_rmse_reference_eur")),
            ),
        ),
        Panel(
            title="Error against the accepted one",
            about="The lower bound divided by the reference. At 1.08 for a day it is trained anew.",
            unit="number",
            curves=(
                Curve(
                    "version {version}",
                    Ratio(Series("monitoring_rmse_low_eur"), Series("monitoring_rmse_reference_eur")),
                ),
            ),
            limit=1.08,
        ),
        Panel(
            title="Error without labels",
            about="What the last week's answers should err, by the inputs alone. It assumes that houses like these "
            "still cost what they did when the version was accepted. Where prices moved, it is sure of itself and "
            "wrong: the error by labels stands beside it.",
            unit="EUR",
            curves=(
                Curve("estimated", Series("monitoring_rmse_estimated_eur")),
                Curve("estimated, at least", Series("monitoring_rmse_estimated_low_eur")),
                Curve("estimated, at most", Series("monitoring_rmse_estimated_high_eur")),
                Curve("by labels", Series("monitoring_rmse_eur")),
            ),
        ),
        Panel(
            title="Other measures",
            about="F1, accuracy and their kind, as the monitor tells them.",
            unit="share",
            curves=(Curve("{measure}", Series("monitoring_score_ratio")),),
        ),
        Panel(
            title="Labels",
            about="How many sales stand behind the error; below 80 no alert is raised.",
            unit="number",
            curves=(Curve("version {version}", Series("monitoring_labels")),),
            limit=80,
            below=True,
        ),
        Panel(
            title="Label coverage",
            about="Of the predictions old enough to have a label, those that have one.",
            unit="share",
            curves=(Curve("version {version}", Series("monitoring_label_coverage_ratio")),),
            limit=0.3,
            below=True,
        ),
        Panel(
            title="Concept drift",
            about="1 once the residuals have moved by more than chance since the version was trained.",
            unit="number",
            curves=(Curve("version {version}", Series("monitoring_concept_drift_detected")),),
            limit=1,
        ),
        Panel(
            title="Near enough",
            about="What the promise still allows of 30 days: 9 of 10 prices within 20 % of what was paid.",
            unit="share",
            curves=(Curve("budget left", ACCURACY.budget_left()),),
            limit=0,
            below=True,
        ),
        Panel(
            title="Actions",
            about="What was done about alerts since the monitor started, and how it ended.",
            unit="number",
            curves=(Curve("{action}: {outcome}", _sum(Series("monitoring_actions_total"), "action", "outcome")),),
        ),
    ),
)  # fmt: skip
DATA = Board(
    name="data",
    title="Data: does it look like what the model was trained on?",
    panels=(
        Panel(
            title="Drift by feature",
            about="Each statistic divided by its threshold: above 1 the effect is large enough to count.",
            unit="number",
            curves=(
                Curve(
                    "{feature} ({method})",
                    Ratio(Series("monitoring_drift_statistic"), Series("monitoring_drift_threshold")),
                ),
            ),
            limit=1,
        ),
        Panel(
            title="Drifted features",
            about="Features that have drifted by effect, significance and several windows.",
            unit="number",
            curves=(Curve("drifted", _sum(Series("monitoring_drift_detected"))),),
            limit=1,
        ),
        Panel(
            title="Broken rows",
            about="Rows that came in and are no houses: wrong unit, missing columns, values out of range.",
            unit="share",
            curves=(Curve("broken", Series("monitoring_bad_rows_ratio")),),
            limit=0.05,
        ),
        Panel(
            title="Labels that came",
            about="In the last day, by what became of them.",
            unit="number",
            curves=(Curve("{kind}", _sum(Increase(Series("monitoring_labels_received_total"), DAY_S), "kind")),),
        ),
        Panel(
            title="Last look",
            about="Seconds since the monitor last looked; all of this board is as old.",
            unit="seconds",
            curves=(Curve("ago", Age(Series("monitoring_last_run_timestamp_seconds"))),),
            limit=26 * HOUR_S,
        ),
    ),
)  # fmt: skip
BOARDS = (SERVICE, MODEL, DATA)
