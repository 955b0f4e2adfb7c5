"""One seeded trial of the drift detectors: a year of history, ninety days with or without drift, and what they said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from lib.market import FEATURES, HOUSES, simulate
from lib.monitoring.calibrate import calibrate
from lib.monitoring.compare import Frozen
from lib.monitoring.detector import Detector, DriftPolicy, KOfN
from lib.monitoring.history import SEASON_DAYS, YEAR_DAYS, History
from lib.monitoring.preset import preset_scores

WATCHED = tuple(name for name in FEATURES if name != "listed_month")
NUMERIC = tuple(name for name in WATCHED if HOUSES[name].kind in ("integer", "number"))
CATEGORICAL = tuple(name for name in WATCHED if name not in NUMERIC)
ROWS_A_DAY = 200
HISTORY_DAYS = 366
WINDOWS = 90
CALM = ("stable", "seasonal")


@dataclass(frozen=True, kw_only=True)
class Course:
    """What happens in a trial: a year that was good, then `WINDOWS` days; from the index `onset` on there is drift."""

    history: pd.DataFrame
    days: list[tuple[date, pd.DataFrame]]
    onset: int | None


class Trial(Frozen):
    """What the detectors measured, window by window and column by column, so that any threshold can be applied later.

    `adjusted` are our p-values (1 where the effect is too small at any alpha), of the columns and of all together.
    `preset` are the scores of Evidently's preset, where they were taken.
    """

    run: int = Field(ge=0)
    scenario: str
    onset: int | None
    adjusted: tuple[tuple[float, ...], ...]
    preset: tuple[tuple[float, ...], ...] = ()

    def alarms(self, policy: DriftPolicy) -> list[int]:
        """The windows at which ours alarms."""
        return raised(np.array(self.adjusted) <= policy.alpha, policy)

    def preset_alarms(self, policy: DriftPolicy, *, columns: int, factor: float = 1.0) -> list[int]:
        """The windows at which the preset alarms: so many columns beyond `factor` × its threshold, K of N times."""
        return raised(np.array(self.preset) >= factor, policy, least=columns)


def raised(drifted: NDArray[np.bool_], policy: DriftPolicy, *, least: int = 1) -> list[int]:
    """The windows at which `KOfN` alarms; `drifted` has the shape (windows, columns)."""
    memory = KOfN(policy.k, policy.n, least=least)
    named: list[list[str]] = [[] for _ in drifted]
    for window, column in np.argwhere(drifted).tolist():
        named[window].append(str(column))
    return [place for place, columns in enumerate(named) if memory.add(columns)]


def course(scenario: str, run: int) -> Course:
    """The run decides the houses and the season in which its ninety days lie; history and days are different houses."""
    start = date(2024, 1, 1) + timedelta(days=37 * run % 365)
    before = simulate(
        "seasonal" if scenario == "seasonal" else "stable",
        rows=ROWS_A_DAY * HISTORY_DAYS, days=HISTORY_DAYS, seed=2 * run + 1, start=start - timedelta(days=HISTORY_DAYS),
    )  # fmt: skip
    market = simulate(scenario, rows=ROWS_A_DAY * WINDOWS, days=WINDOWS, seed=2 * run, start=start)
    offset = (market.houses["listed_on"] - pd.Timestamp(start)).dt.days
    days = [(start + timedelta(days=number), market.houses[offset == number]) for number in range(WINDOWS)]
    onset = None if scenario in CALM or market.truth.starts is None else (market.truth.starts - start).days
    return Course(history=before.houses, days=days, onset=onset)


def try_detectors(scenario: str, run: int, *, preset: bool) -> Trial:
    """Run one trial; `preset` asks Evidently's as well, about the same windows and the same references."""
    given = course(scenario, run)
    history = History(given.history, WATCHED, day="listed_on", schema=HOUSES)
    detector = Detector(history, calibrate(history), DriftPolicy())
    found = [detector.check(day, rows) for day, rows in given.days]
    adjusted = tuple(
        tuple(round(each.adjusted, 6) if each.excess > 1 else 1.0 for each in window.findings) for window in found
    )
    scores = tuple(_preset(given)) if preset else ()
    return Trial(run=run, scenario=scenario, onset=given.onset, adjusted=adjusted, preset=scores)


def _preset(given: Course) -> Iterator[tuple[float, ...]]:
    listed = given.history["listed_on"]
    for day, rows in given.days:
        apart = (listed - pd.Timestamp(day)).dt.days.abs() % YEAR_DAYS
        season = np.minimum(apart, YEAR_DAYS - apart) <= SEASON_DAYS + 0.5
        scores = preset_scores(given.history[season], rows, numeric=NUMERIC, categorical=CATEGORICAL)
        yield tuple(round(score, 4) for score in scores.values())
