"""Monitoring: how the model does in production, what moved, who is told, and what is done about it."""

from lib.monitoring.calibrate import LeastEffects, Thresholds, calibrate
from lib.monitoring.concept import ConceptDrift, find_concept_drift, relative_residuals
from lib.monitoring.detector import Alarm, Detector, DriftPolicy, WindowFinding, alarms
from lib.monitoring.estimate import Estimate, LossModel
from lib.monitoring.history import History
from lib.monitoring.performance import Figure, Interval, performance
from lib.monitoring.reports import DriftReport, Method, write_report
from lib.monitoring.slices import ErrorAnalysis, analyse_errors
from lib.monitoring.store import Counts, PredictionStore

__all__ = [
    "Alarm",
    "ConceptDrift",
    "Counts",
    "Detector",
    "DriftPolicy",
    "DriftReport",
    "ErrorAnalysis",
    "Estimate",
    "Figure",
    "History",
    "Interval",
    "LeastEffects",
    "LossModel",
    "Method",
    "PredictionStore",
    "Thresholds",
    "WindowFinding",
    "alarms",
    "analyse_errors",
    "calibrate",
    "find_concept_drift",
    "performance",
    "relative_residuals",
    "write_report",
]
