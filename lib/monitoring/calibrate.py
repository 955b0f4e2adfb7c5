"""Thresholds for the size of window in use: what the statistics say of days on which nothing was wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from lib.errors import MonitoringError
from lib.monitoring.compare import Comparison, Frozen
from lib.monitoring.history import History

LEAST_ROWS = 30


class LeastEffects(Frozen):
    """The smallest effects that anybody would act on; with many rows these decide, with few the noise does."""

    psi: float = Field(default=0.02, ge=0)
    moved_by: float = Field(default=0.05, ge=0)
    auc: float = Field(default=0.53, ge=0.5, lt=1)


class Thresholds(Frozen):
    """How large an effect chance alone makes of windows of about `rows` rows, from `windows` of them.

    `psi` has a threshold for each column, `moved_by` one for each numeric column, in standard deviations; `auc` is the
    domain classifier's, and `null` are its AUCs under shuffled labels.
    """

    rows: int = Field(ge=LEAST_ROWS)
    windows: int = Field(ge=1)
    psi: dict[str, float]
    moved_by: dict[str, float]
    auc: float = Field(gt=0.5, le=1)
    null: tuple[float, ...]

    def excess(self, found: Comparison) -> float:
        """The effect on a column over its threshold: the larger of its PSI's and its Wasserstein distance's."""
        excess = found.psi / self.psi[found.column]
        return excess if found.moved_by is None else max(excess, found.moved_by / self.moved_by[found.column])

    def domain_excess(self, auc: float) -> float:
        """How far the AUC lies from the 0.5 of a guess, over how far it may."""
        return (auc - 0.5) / (self.auc - 0.5)


def calibrate(
    history: History,
    *,
    windows: int = 60,
    quantile: float = 0.99,
    least: LeastEffects | None = None,
    permutations: int = 999,
) -> Thresholds:
    """Replay days of the history, each against its reference without it, and take a high quantile of each effect.

    A replayed day has what real days have and no formula knows: weekdays, the edge of a season, rows that come in
    bundles. Raises MonitoringError when the days have too few rows to say anything.
    """
    least, days = least or LeastEffects(), history.days
    chosen = [days[place] for place in np.unique(np.linspace(0, len(days) - 1, windows).astype(int))]
    sizes = {day: history.on(day).rows for day in chosen}
    rows = int(np.median(list(sizes.values())))
    if rows < LEAST_ROWS:
        raise MonitoringError(
            f"a day of the history has {rows} rows, and {LEAST_ROWS} are needed to tell drift from noise. "
            "Watch weeks instead of days: give the history a day column that holds the first day of each week."
        )
    judged = [day for day in chosen if sizes[day] >= LEAST_ROWS]
    found: list[Comparison] = []
    aucs = []
    for day in judged:
        window, reference = history.on(day), history.reference(day, without=True)
        found += reference.compare(window)
        aucs.append(reference.domain.auc(window))
    middle = min(judged, key=lambda day: abs(sizes[day] - rows))
    null = history.reference(middle, without=True).domain.null(history.on(middle), permutations=permutations)
    return Thresholds(
        rows=rows,
        windows=len(judged),
        psi=_quantiles([(each.column, each.psi) for each in found], quantile, least.psi),
        moved_by=_quantiles(
            [(each.column, each.moved_by) for each in found if each.moved_by is not None], quantile, least.moved_by
        ),
        auc=max(least.auc, float(np.quantile(aucs, quantile))),
        null=tuple(null.tolist()),
    )


def _quantiles(found: Sequence[tuple[str, float]], quantile: float, least: float) -> dict[str, float]:
    """By column, the quantile of what was found, and at least `least`."""
    by_column: dict[str, list[float]] = {}
    for column, effect in found:
        by_column.setdefault(column, []).append(effect)
    return {column: max(least, float(np.quantile(effects, quantile))) for column, effects in by_column.items()}
