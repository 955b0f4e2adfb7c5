"""Evidently's drift preset as numbers: the statistics that it chooses by itself, without drawing its report."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lib.errors import MonitoringError

LEAST_ROWS = 1_000


def preset_scores(
    reference: pd.DataFrame, window: pd.DataFrame, *, numeric: Sequence[str], categorical: Sequence[str]
) -> dict[str, float]:
    """By column, what `DataDriftPreset()` measures over the threshold that it applies: from 1 on the column drifted.

    Up to 1,000 rows of reference the preset takes p-values, for which less is more drift; beyond, distances:
    Wasserstein for numbers of more than five values, Jensen–Shannon for the rest, each with the threshold 0.1. Only
    those can be divided by a threshold: MonitoringError for a smaller reference.
    """
    from evidently.legacy.calculations.stattests.registry import get_stattest
    from evidently.legacy.core import ColumnType

    if len(reference) <= LEAST_ROWS:
        raise MonitoringError(
            f"the reference has {len(reference)} rows, and up to {LEAST_ROWS:,} the preset takes p-values. Give more."
        )
    scores = {}
    for names, kind in ((numeric, ColumnType.Numerical), (categorical, ColumnType.Categorical)):
        for name in names:
            test = get_stattest(reference[name], window[name], kind, None)
            found = test(reference[name], window[name], kind, None)
            scores[name] = float(found.drift_score) / float(found.actual_threshold)
    return scores
