"""Experiment tracking: a run records all that its repetition needs, and `reproduce` proves it."""

from lib.tracking.compare import Comparison, compare
from lib.tracking.read import predict, read_run, read_runs
from lib.tracking.record import Run, track
from lib.tracking.reproduce import Reproduction, reproduce, reproduce_report
from lib.tracking.training import default_pipeline

EXPERIMENT = "House Price Prediction"

__all__ = [
    "EXPERIMENT",
    "Comparison",
    "Reproduction",
    "Run",
    "compare",
    "default_pipeline",
    "predict",
    "read_run",
    "read_runs",
    "reproduce",
    "reproduce_report",
    "track",
]
