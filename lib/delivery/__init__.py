"""Delivery: from new data to a candidate, smoke tests over HTTP, and continuous training."""

from lib.delivery.draw import draw_ct
from lib.delivery.quality import Quality, QualityLimits, check_quality
from lib.delivery.quarter import Quarter, simulate_quarter
from lib.delivery.smoke import Expected, Golden, SmokeReport, golden_answers, golden_prices, smoke
from lib.delivery.training import Record, continuous_training
from lib.delivery.triggers import Decision, LiveMetric, MonitoringState, TriggerPolicy, decide

__all__ = [
    "Decision",
    "Expected",
    "Golden",
    "LiveMetric",
    "MonitoringState",
    "Quality",
    "QualityLimits",
    "Quarter",
    "Record",
    "SmokeReport",
    "TriggerPolicy",
    "check_quality",
    "continuous_training",
    "decide",
    "draw_ct",
    "golden_answers",
    "golden_prices",
    "simulate_quarter",
    "smoke",
]
