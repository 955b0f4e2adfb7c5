"""Every alert of this system: what is wrong, how long it must last, whom it wakes up, and what may be done about it."""

from __future__ import annotations

from lib.monitoring.objectives import ACCURACY, AVAILABILITY, DAY_S, HOUR_S, LATENCY
from lib.monitoring.query import Absent, Age, Both, Increase, Over, Query, Ratio, Series, Together, Under
from lib.monitoring.rules import Rule

MINUTE_S = 60.0
LEAST_LABELS = 80
_OF_VERSION = ("model", "version")
_TROUBLE_OF_SERVER = (
    "NoModel", "AvailabilityBudgetBurning", "AvailabilityBudgetLeaking", "LatencyBudgetBurning", "MonitorSilent",
)  # fmt: skip
_TROUBLE_OF_MODEL = ("ModelErrorSevere", "ModelErrorHigh", "ConceptDrift", "DataDrift", "AccuracyBudgetLeaking")


def error_above(share: float) -> Query:
    """Whether the error is surely more than `share` of the accepted one: the low end of its interval, enough labels."""
    low = Ratio(Series("monitoring_rmse_low_eur"), Series("monitoring_rmse_reference_eur"))
    return Both(Over(low, share), Over(Series("monitoring_labels"), LEAST_LABELS - 1), on=_OF_VERSION)


SERVICE = (
    Rule(
        name="ServerDown",
        when=Under(Series("up", {"job": "server"}), 1),
        for_s=MINUTE_S,
        severity="page",
        summary="The model server does not answer.",
        mutes=_TROUBLE_OF_SERVER,
    ),
    Rule(
        name="NoModel",
        when=Under(Together("max", Series("serving_model_loaded")), 1),
        for_s=2 * MINUTE_S,
        severity="page",
        summary="The server runs and has no model to answer with.",
        mutes=("AvailabilityBudgetBurning", "AvailabilityBudgetLeaking"),
    ),
    *AVAILABILITY.rules(),
    *LATENCY.rules(),
    Rule(
        name="ServerSaturated",
        when=Over(
            Ratio(
                Together("sum", Series("serving_queue_rows")), Together("sum", Series("serving_queue_capacity_rows"))
            ),
            0.8,
        ),
        for_s=2 * MINUTE_S,
        severity="ticket",
        summary="The queue of the model is {value:percent} full; above that, requests are turned away.",
    ),
    Rule(
        name="ServerMemoryHigh",
        when=Over(Together("max", Series("process_resident_memory_bytes", {"job": "server"}), by=("job",)), 1.6e9),
        for_s=10 * MINUTE_S,
        severity="ticket",
        summary="The server holds {value:bytes} of memory; at its limit of 2 GB it is killed.",
    ),
    Rule(
        name="PredictionsUnrecorded",
        when=Over(Together("sum", Increase(Series("serving_log_dropped_total"), 5 * MINUTE_S)), 0),
        severity="ticket",
        summary="{value:whole} predictions were answered without a record, so nobody can ever judge them.",
    ),
    Rule(
        name="ManualModeLasts",
        when=Over(Together("max", Series("serving_model_info", {"version": "0"})), 0),
        for_s=4 * HOUR_S,
        severity="ticket",
        summary="For hours the declared fallback has answered in place of a model.",
    ),
)
DATA = (
    Rule(
        name="DataBroken",
        when=Over(Series("monitoring_bad_rows_ratio"), 0.05),
        # Mended data comes in batches; the mode must not change with each.
        keep_firing_s=HOUR_S,
        severity="page",
        summary="{value:percent} of the rows that came in are broken: no model's answer to them means anything.",
        action="manual",
        # A model is not worse because the data is broken, and trained on it, it would be.
        mutes=_TROUBLE_OF_MODEL,
    ),
    Rule(
        name="DataDrift",
        when=Over(Series("monitoring_drift_detected"), 0),
        severity="ticket",
        # No action: drift that harms nothing is news, and drift that harms shows in the error.
        summary="The values of {feature} are not those that the model was trained on.",
    ),
    Rule(
        name="LabelsMissing",
        when=Under(Series("monitoring_label_coverage_ratio"), 0.3),
        for_s=3 * DAY_S,
        severity="ticket",
        summary="Only {value:percent} of the predictions that are old enough have a label.",
    ),
)
MODEL = (
    Rule(
        name="ModelErrorSevere",
        when=error_above(1.5),
        severity="page",
        summary="The error of version {version} is at least {value:percent} of what it was when it was accepted.",
        # Back for a release, forward for the world: nothing is put back that errs as much on the same houses.
        action="fall back",
        otherwise="retrain",
        mutes=("ModelErrorHigh", "ConceptDrift"),
    ),
    Rule(
        name="ModelErrorHigh",
        when=error_above(1.08),
        for_s=DAY_S,
        severity="ticket",
        summary="The error of version {version} is at least {value:percent} of what it was when it was accepted.",
        action="retrain",
    ),
    Rule(
        name="ConceptDrift",
        when=Over(Series("monitoring_concept_drift_detected"), 0),
        severity="ticket",
        summary="What houses like these cost has changed since version {version} was trained.",
        action="retrain",
    ),
    *ACCURACY.rules(),
    Rule(
        name="MonitorStale",
        when=Over(Age(Series("monitoring_last_run_timestamp_seconds")), 26 * HOUR_S),
        severity="ticket",
        summary="The monitor last looked {value:duration} ago; what the boards show of the model is old.",
    ),
    Rule(
        name="MonitorSilent",
        when=Absent(Series("monitoring_last_run_timestamp_seconds")),
        for_s=HOUR_S,
        severity="ticket",
        summary="Nobody watches the model: no monitor tells anything.",
    ),
)
COST = (
    Rule(
        name="CostOverBudget",
        when=Over(Series("monitoring_cost_budget_ratio"), 1),
        for_s=HOUR_S,
        severity="ticket",
        # No action: what may be saved is for whoever pays to say.
        summary="The next 30 days are expected to cost {value:percent} of their budget.",
    ),
)
GROUPS = {"service": SERVICE, "data": DATA, "model": MODEL, "cost": COST}
RULES = (*SERVICE, *DATA, *MODEL, *COST)
