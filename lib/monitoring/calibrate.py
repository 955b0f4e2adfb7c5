"""Thresholds for the size of window in use: what the statistics say of days on which nothing was wrong."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from lib.errors import MonitoringError
from lib.monitoring.compare import Frozen
from lib.monitoring.history import History

LEAST_ROWS = 30


class Thresholds(Frozen):
    """How large an effect chance alone makes of windows of about `rows` rows, from `windows` of them.

    `psi` has a threshold for each column, `auc` is the domain classifier's, `null` are its AUCs under shuffled labels.
    """

    rows: int = Field(ge=LEAST_ROWS)
    windows: int = Field(ge=1)
    psi: dict[str, float]
    auc: float = Field(ge=0, le=1)
    null: tuple[float, ...]


def calibrate(
    history: History,
    *,
    windows: int = 60,
    quantile: float = 0.99,
    least_psi: float = 0.02,
    least_auc: float = 0.53,
    permutations: int = 999,
) -> Thresholds:
    """Replay days of the history, each against its reference without it, and take a high quantile of each statistic.

    A replayed day has what real days have and no formula knows: weekdays, the edge of a season, rows that come in
    bundles. `least_psi` and `least_auc` are the smallest effects that anybody would act on; with many rows they decide,
    with few the noise does. Raises MonitoringError when the days have too few rows to say anything.
    """
    days = history.days
    chosen = [days[place] for place in np.unique(np.linspace(0, len(days) - 1, windows).astype(int))]
    found, aucs, sizes = [], [], []
    for day in chosen:
        window = history.on(day)
        sizes.append(window.rows)
        if window.rows < LEAST_ROWS:
            continue
        reference = history.reference(day, without=True)
        found.append({each.column: each.psi for each in reference.compare(window)})
        aucs.append(reference.domain.auc(window))
    rows = int(np.median(sizes))
    if rows < LEAST_ROWS:
        raise MonitoringError(
            f"a day of the history has {rows} rows, and {LEAST_ROWS} are needed to tell drift from noise. "
            "Watch weeks instead of days: give the history a day column that holds the first day of each week."
        )
    middle = min(chosen, key=lambda day: abs(history.on(day).rows - rows))
    null = history.reference(middle, without=True).domain.null(history.on(middle), permutations=permutations)
    return Thresholds(
        rows=rows,
        windows=len(found),
        psi={name: max(least_psi, float(np.quantile([each[name] for each in found], quantile))) for name in found[0]},
        auc=max(least_auc, float(np.quantile(aucs, quantile))),
        null=tuple(null.tolist()),
    )
