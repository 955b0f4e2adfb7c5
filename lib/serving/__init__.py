"""Serving: a version of a model as an immutable bundle behind HTTP, every answer recorded before it leaves."""

from lib.serving.app import create_app
from lib.serving.bundle import Bundle, make_bundle
from lib.serving.limits import Limits
from lib.serving.log import PredictionLog, read_predictions

__all__ = ["Bundle", "Limits", "PredictionLog", "create_app", "make_bundle", "read_predictions"]
