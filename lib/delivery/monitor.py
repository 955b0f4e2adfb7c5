"""What is known of a running model on a day of the quarter: sound data, predictions, and their late labels."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib.delivery.quality import QualityLimits, check_quality
from lib.delivery.quarter import Quarter
from lib.delivery.triggers import LiveMetric
from lib.market import FEATURES, HOUSES, PRICE, Schema

LISTED, KNOWN, KEY = "listed_on", "sold_on", "house_id"
WINDOW_DAYS = 28
MATURE_DAYS = 30
RESAMPLES = 400
LISTING = Schema(columns=tuple(HOUSES[name] for name in HOUSES.known_at("listing")))


class Monitor:
    """Follows the quarter: batches are judged as they come in, predictions kept until their sale is known.

    What a house sold for is only ever read once its `sold_on` lies before the day that is asked about.
    """

    def __init__(self, quarter: Quarter, limits: QualityLimits | None = None) -> None:
        self.quarter, self._limits = quarter, limits or QualityLimits()
        houses = quarter.houses
        self._listed = pd.Series(False, index=houses.index)  # noqa: FBT003  a column of one value
        self._sold = self._listed.copy()
        self._answer = np.full(len(houses), np.nan)
        self._version = np.zeros(len(houses), dtype=np.int64)
        self._arrived: dict[date, tuple[int, int]] = {}
        self._fits = LISTING.fitting(houses[list(LISTING.names)])

    def receive(self, first: date, last: date) -> None:
        """Judge what arrives from `first` to `last` as one batch of listings and one of sales.

        Sales are held beside those accepted before. One of a house whose listing was refused is passed over: it was
        counted as bad then.
        """
        houses = self.quarter.houses
        listed, sold = (
            houses[houses[column].between(pd.Timestamp(first), pd.Timestamp(last))] for column in (LISTED, KNOWN)
        )
        listings = check_quality(listed[list(LISTING.names)], schema=LISTING, limits=self._limits)
        self._listed[listings.valid.index] = True
        sold = sold[self._listed[sold.index]]
        before = houses[self._sold] if self._sold.any() else None
        sales = check_quality(sold, reference=before, limits=self._limits)
        self._sold[sales.valid.index] = True
        rows, accepted = len(listed) + len(sold), len(listings.valid) + len(sales.valid)
        self._arrived[last] = (rows, rows - accepted)

    def predict(self, model: Any, version: int, first: date, last: date) -> None:
        """Keep what a version answers for the sound listings of the days from `first` to `last`, both included."""
        houses = self.quarter.houses
        listed = houses[houses[LISTED].between(pd.Timestamp(first), pd.Timestamp(last))]
        rows = listed[self._fits[listed.index]]
        places = houses.index.get_indexer(rows.index)
        self._answer[places] = model.predict(inputs(rows)) if len(rows) else []
        self._version[places] = version

    def known(self, today: date) -> pd.DataFrame:
        """The sound sales that were known when `today` began."""
        houses = self.quarter.houses
        return houses[self._sold & (houses[KNOWN] < pd.Timestamp(today))]

    def bad_share(self, today: date, *, days: int = 7) -> float:
        """The share of bad rows among those that arrived in the last week."""
        week = [found for day, found in self._arrived.items() if timedelta() < today - day <= timedelta(days=days)]
        rows = sum(arrived for arrived, _ in week)
        return sum(bad for _, bad in week) / rows if rows else 0.0

    def live(self, today: date, version: int) -> LiveMetric | None:
        """RMSE in EUR of what `version` predicted, on the sales of the last 28 days; None without any.

        Coverage is over its predictions that are 30 days old or more. Houses that sell quickly are known first, so
        that the first labels of a version are no fair sample of all.
        """
        houses, now = self.quarter.houses, pd.Timestamp(today)
        mine = self._version == version
        labelled = mine & self._sold.to_numpy() & (houses[KNOWN] < now).to_numpy()
        recent = labelled & (houses[KNOWN] >= now - pd.Timedelta(days=WINDOW_DAYS)).to_numpy()
        if not recent.any():
            return None
        due = mine & (houses[LISTED] <= now - pd.Timedelta(days=MATURE_DAYS)).to_numpy()
        squares = (self._answer[recent] - houses[PRICE].to_numpy()[recent]) ** 2
        low, high = _interval(squares)
        return LiveMetric(
            value=float(np.sqrt(squares.mean())), low=low, high=high, n=int(recent.sum()),
            coverage=float((labelled & due).sum() / due.sum()) if due.any() else 0.0,
        )  # fmt: skip


def inputs(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that a model may see, in plain types."""
    return rows[list(FEATURES)].astype({"district": "str", "energy_class": "str", "has_garden": bool})


def _interval(squares: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % bootstrap interval of a root mean square; the same draws for the same number of rows."""
    draws = np.random.default_rng(len(squares)).integers(len(squares), size=(RESAMPLES, len(squares)))
    low, high = np.quantile(np.sqrt(squares[draws].mean(axis=1)), [0.025, 0.975])
    return float(low), float(high)
