"""The rows that windows are compared with: those of the same season, for a market has summers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib.errors import MonitoringError
from lib.market import Schema
from lib.monitoring.compare import Reference
from lib.monitoring.sample import Integers
from lib.monitoring.table import Table, watched_columns

Days = NDArray[np.bool_]
YEAR_DAYS = 365.25
SEASON_DAYS = 7
LEAST_SEASON_ROWS = 100


class History:
    """A known-good past, from which each day gets its reference.

    The usual reference, the whole training set, is wrong wherever there are seasons: each summer differs from the year
    that it is part of. So a day is compared with the days of its own season: those at most `season_days` away in the
    calendar, in any year of the history. `season_days=None` takes the whole history for every day.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        names: Sequence[str],
        *,
        day: str | None,
        season_days: int | None = SEASON_DAYS,
        schema: Schema | None = None,
        seed: int = 0,
    ) -> None:
        """`names` are watched; `day` is the column with the date of a row, None where the season is of no account.

        Raises MonitoringError for a season asked of a history that is shorter than a year.
        """
        if day is None and season_days is not None:
            raise MonitoringError("a season needs days. Name the column with a row's day, or pass season_days=None.")
        if frame.empty:
            raise MonitoringError("the history has no rows. Give one that a window can be compared with.")
        ordered = frame if day is None else frame.sort_values(day, kind="stable")
        self.columns = watched_columns(frame, names, schema=schema)
        self.table = self.columns.encode(ordered)
        self.season_days, self._seed = season_days, seed
        days = np.zeros(len(ordered), dtype=np.int64) if day is None else _days(ordered[day])
        self._days, self._rows = np.unique(days, return_counts=True)
        self._whole: Reference | None = None
        covered = int(self._days[-1] - self._days[0]) + 1
        if season_days is not None and covered < YEAR_DAYS - 1:
            raise MonitoringError(
                f"the history covers {covered} days, and a reference of the same season needs a year. Give a longer "
                "history, or pass season_days=None if there are no seasons."
            )

    @property
    def days(self) -> list[date]:
        """The days that have rows."""
        return [date(1970, 1, 1) + timedelta(days=int(day)) for day in self._days]

    def on(self, day: date) -> Table:
        """The rows of one day."""
        return self.table.take(self._places(self._days == _number(day)))

    def reference(self, day: date, *, without: bool = False) -> Reference:
        """What `day` is compared with; `without` leaves the rows of the very day out, to judge a day of the history."""
        if self.season_days is None and not without:
            if self._whole is None:
                self._whole = Reference(self.table, self.columns, seed=self._seed)
            return self._whole
        chosen = self._season(day)
        if without:
            chosen &= self._days != _number(day)
        places = self._places(chosen)
        if len(places) < LEAST_SEASON_ROWS:
            raise MonitoringError(
                f"the history has {len(places)} rows in the season of {day}, and {LEAST_SEASON_ROWS} are needed. "
                "Give a history without holes, or widen season_days."
            )
        return Reference(self.table.take(places), self.columns, seed=self._seed)

    def _places(self, chosen: Days) -> Integers:
        """Where the rows of the chosen days stand; they are in order of their days."""
        return np.flatnonzero(np.repeat(chosen, self._rows))

    def _season(self, day: date) -> Days:
        if self.season_days is None:
            return np.ones(len(self._days), dtype=np.bool_)
        apart = np.abs(self._days - _number(day)) % YEAR_DAYS
        return np.asarray(np.minimum(apart, YEAR_DAYS - apart) <= self.season_days + 0.5)


def _days(values: pd.Series[pd.Timestamp]) -> Integers:
    return values.to_numpy().astype("datetime64[D]").astype(np.int64)


def _number(day: date) -> int:
    return (day - date(1970, 1, 1)).days
