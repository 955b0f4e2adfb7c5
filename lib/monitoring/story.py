"""A quarter of the market as a running model meets it: a year of history, what is listed each day, what goes wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from lib.errors import DataError
from lib.market import SCENARIOS, Truth, simulate

START = date(2024, 1, 1)
HISTORY_DAYS = 366
SERVING_DAYS = 90
"""Before the quarter begins: so long the first version has answered, for labels need months to come."""
QUARTER_DAYS = 92
AFTER_DAYS = 60
"""The market goes on so long after the quarter, so that what was answered in it can be held against the truth."""
BROKEN_DAY, BROKEN_DAYS = 66, 4
_EARLIER = {"concept": -88, "none": 0}
_LATER = 20


@dataclass(frozen=True, kw_only=True)
class Story:
    """`houses` as they are delivered, in order of listing; a sale is known from `sold_on` on.

    Before `serves` is history, from there to `starts` a version serves and is not watched, then come the `days` of the
    quarter. `broken` is a first day and a day after the last: a supplier sends areas in square feet meanwhile.
    """

    name: str
    houses: pd.DataFrame
    serves: date
    starts: date
    days: int
    truth: Truth
    broken: tuple[date, date] | None = None

    @property
    def ends(self) -> date:
        """The day after the last."""
        return self.starts + timedelta(days=self.days)

    def known(self, day: date, *, since: date | None = None) -> pd.DataFrame:
        """The sales known when `day` began, of those that became known from `since` on."""
        sold = self.houses["sold_on"]
        return self.houses[(sold < pd.Timestamp(day)) & (sold >= pd.Timestamp(since or date.min.replace(year=1900)))]

    def listed(self, day: date) -> pd.DataFrame:
        """What comes in on a day."""
        return self.houses[self.houses["listed_on"] == pd.Timestamp(day)]

    def watched(self) -> Iterator[date]:
        """The days of the quarter."""
        for number in range(self.days):
            yield self.starts + timedelta(days=number)


def tell(
    name: str = "quarter",
    *,
    rows_a_day: int,
    seed: int = 0,
    days: int = QUARTER_DAYS,
    serving_days: int = SERVING_DAYS,
    moves: int | None = None,
) -> Story:
    """The story "quarter", or a scenario of lib.market by its name.

    In "quarter" the price level falls by a fifth (`regime`), and for some days a supplier sends areas in square feet
    (taken from `schema_break`). What moves prices sets in twelve weeks before the quarter, for it is seen in labels
    alone, and these come late; what moves the inputs sets in on its 20th day. `moves` is another day of the quarter for
    it, below 0 before that begins. Raises DataError for another name.
    """
    if name != "quarter" and name not in SCENARIOS:
        raise DataError(f"no story is named {name!r}. Choose quarter or one of {', '.join(SCENARIOS)}.")
    scenario = "regime" if name == "quarter" else name
    starts = START + timedelta(days=HISTORY_DAYS + serving_days)
    drawn = _days(scenario, starts, days, moves)
    market = simulate(scenario, rows=rows_a_day * drawn, days=drawn, seed=seed, start=START)
    houses, broken = market.houses, None
    if name == "quarter" and days > BROKEN_DAY:
        first = starts + timedelta(days=BROKEN_DAY)
        broken = first, first + timedelta(days=BROKEN_DAYS)
        other = simulate("schema_break", rows=rows_a_day * drawn, days=drawn, seed=seed, start=START).houses
        houses = _spliced(houses, other, broken)
    return Story(
        name=name, houses=houses, serves=starts - timedelta(days=serving_days), starts=starts, days=days,
        truth=market.truth, broken=broken,
    )  # fmt: skip


def _days(scenario: str, starts: date, days: int, moves: int | None) -> int:
    """How long a market must be drawn for its move to set in when the story wants it; never less than the quarter."""
    least = (starts - START).days + days + AFTER_DAYS
    truth = simulate(scenario, rows=1, days=1_000, start=START).truth
    share = (truth.starts - START).days / 1_000 if truth.starts else 0.0
    if not share:
        return least
    wanted = (starts - START).days + (_EARLIER.get(truth.kind, _LATER) if moves is None else moves)
    return math.ceil(wanted / share)


def _spliced(houses: pd.DataFrame, other: pd.DataFrame, days: tuple[date, date]) -> pd.DataFrame:
    """What the broken export says of the houses listed meanwhile; the same seed draws the same houses for both."""
    meanwhile = houses["listed_on"].between(pd.Timestamp(days[0]), pd.Timestamp(days[1]), inclusive="left")
    return houses.assign(**{name: houses[name].mask(meanwhile, other[name]) for name in ("area_m2", "energy_class")})
