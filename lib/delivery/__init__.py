"""Delivery: from new data to a candidate, from there to production by git, and continuous training."""

from lib.delivery.canary import requests_needed
from lib.delivery.draw import draw_ct
from lib.delivery.local_cluster import Cluster, local_cluster
from lib.delivery.quality import Quality, QualityLimits, check_quality
from lib.delivery.quarter import Quarter, simulate_quarter
from lib.delivery.reconcile import Report, reconcile
from lib.delivery.running import Running, Spec
from lib.delivery.smoke import Expected, Golden, SmokeReport, golden_answers, golden_prices, smoke
from lib.delivery.stages import RegistryStages
from lib.delivery.training import Record, continuous_training
from lib.delivery.triggers import Decision, LiveMetric, MonitoringState, TriggerPolicy, decide
from lib.delivery.wanted import Canary, CanaryStep, Wanted
from lib.delivery.wanted_repository import WantedRepository

__all__ = [
    "Canary",
    "CanaryStep",
    "Cluster",
    "Decision",
    "Expected",
    "Golden",
    "LiveMetric",
    "MonitoringState",
    "Quality",
    "QualityLimits",
    "Quarter",
    "Record",
    "RegistryStages",
    "Report",
    "Running",
    "SmokeReport",
    "Spec",
    "TriggerPolicy",
    "Wanted",
    "WantedRepository",
    "check_quality",
    "continuous_training",
    "decide",
    "draw_ct",
    "golden_answers",
    "golden_prices",
    "local_cluster",
    "reconcile",
    "requests_needed",
    "simulate_quarter",
    "smoke",
]
