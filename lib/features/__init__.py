"""A feature store: a feature is declared once, and a model is trained and served on the same values of it."""

from lib.features.online import Materialised
from lib.features.store import FeatureStore
from lib.features.view import FeatureView

__all__ = ["FeatureStore", "FeatureView", "Materialised"]
