"""Experiment tracking: a run records all that its repetition needs, and `reproduce` proves it."""

# Early, for skops: at its import it asks all modules, from the first one on, for each of these 230 functions. Behind
# the 3,000 of MLflow and FastAPI that took 1.5 s of the 5 that a server computes before it answers; now it takes 0.7.
import scipy.special  # noqa: F401

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
