"""A seeded market of houses: what is listed, what it sells for, and when that becomes known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib.errors import DataError
from lib.market.columns import HOUSES, PERSONAL
from lib.market.draws import Draws, Integers, rounded
from lib.market.houses import Houses, draw_houses
from lib.market.personal import sellers
from lib.market.prices import days_on_market, sale_price_eur
from lib.market.scenarios import DISTRICTS, ENERGY_CLASSES, SCENARIOS, SQUARE_FEET, Effects, Period, Truth
from lib.market.schema import Schema


@dataclass(frozen=True)
class Market:
    """Houses, one row a listing in order of `listed_on`; the truth about what moved; the declared schema."""

    houses: pd.DataFrame
    truth: Truth
    schema: Schema


def simulate(
    scenario: str = "stable",
    *,
    rows: int = 5_000,
    seed: int = 0,
    start: date = date(2023, 1, 1),
    days: int = 730,
) -> Market:
    """A market of `rows` listings spread over `days` days from `start`, as known at the end of the last day.

    Prices in EUR. The same arguments give the same bytes on any machine; 0 ≤ seed < 2**128. The same seed gives the
    same houses in every scenario, but for what the scenario moves.
    Raises DataError for a scenario that does not exist and for arguments out of range.

    >>> market = simulate("moving", rows=3)
    >>> market.houses["house_id"].tolist(), market.truth.kind
    (['H0000001', 'H0000002', 'H0000003'], 'concept')
    """
    _require(scenario, rows=rows, seed=seed, start=start, days=days)
    draws = Draws(seed)
    period = Period(start, days, draws)
    plan = SCENARIOS[scenario](period)
    houses = draw_houses(draws, rows, days, plan.effects)
    table = pd.DataFrame(_listing(houses, plan.effects, period) | _sale(draws, houses, plan.effects, period))
    if not plan.effects.personal:
        return Market(table, plan.truth, HOUSES)
    return Market(pd.concat([table, sellers(draws, rows, plan.truth.magnitude)], axis=1), plan.truth, PERSONAL)


def _require(scenario: str, *, rows: int, seed: int, start: date, days: int) -> None:
    if scenario not in SCENARIOS:
        raise DataError(f"no scenario is named {scenario!r}. Choose one of {', '.join(SCENARIOS)}.")
    for name, value, low, high in (
        ("rows", rows, 1, 10_000_000),
        ("seed", seed, 0, 2**128 - 1),
        ("days", days, 60, 20_000),
        ("the year of start", start.year, 2000, 2200),
    ):
        if not low <= value <= high:
            raise DataError(f"{name} is {value}. Choose a whole number from {low} to {high}.")


def _listing(houses: Houses, effects: Effects, period: Period) -> dict[str, Any]:
    """The columns known at listing, in the order of the schema."""
    area, energy = houses.area_m2, _names(ENERGY_CLASSES, houses.energy)
    if effects.square_feet is not None:
        broken = effects.square_feet[houses.day] > 0
        area = np.where(broken, rounded(area * SQUARE_FEET, 0.1), area)
        energy = _names((*ENERGY_CLASSES, "A+"), np.where(broken & (houses.energy == 0), 7, houses.energy))
    return {
        "house_id": _ids(len(houses.day)),
        "listed_on": _dates(period, houses.day),
        "listed_month": np.array(period.months(), dtype=np.int64)[houses.day],
        "district": _names(DISTRICTS, houses.district),
        "area_m2": area,
        "rooms": houses.rooms,
        "age_years": houses.age_years,
        "distance_km": houses.distance_km,
        "condition": houses.condition,
        "energy_class": energy,
        "has_garden": houses.garden,
    }


def _sale(draws: Draws, houses: Houses, effects: Effects, period: Period) -> dict[str, Any]:
    """The columns known at the sale; empty where that lies beyond the period."""
    waiting = days_on_market(draws, houses)
    delay = np.zeros(period.days) if effects.delay_days is None else effects.delay_days
    known = houses.day + waiting + delay[houses.day].astype(np.int64)
    unsold = known >= period.days
    price = sale_price_eur(draws, houses, effects)
    fee = rounded(price * 0.03 * (1.0 + 0.05 * draws.bell("fee", len(price))), 10)
    quick = waiting <= 30
    # A quick sale is known with the sale, its absence only when thirty days have passed.
    ripe = np.where(quick, known, known - waiting + 30) < period.days
    return {
        "sold_on": pd.Series(_dates(period, known)).mask(unsold),
        "price_eur": np.where(unsold, np.nan, price),
        "sold_within_30_days": pd.Series(quick, dtype="boolean").mask(~ripe),
        "agent_fee_eur": np.where(unsold, np.nan, fee),
        "days_on_market": pd.Series(waiting, dtype="Int64").mask(unsold),
    }


def _ids(rows: int) -> pd.Series[str]:
    return pd.Series([f"H{number:07d}" for number in range(1, rows + 1)], dtype="str")


def _names(names: tuple[str, ...], places: Integers) -> pd.Series[str]:
    return pd.Series(names, dtype="str").take(places).reset_index(drop=True)


def _dates(period: Period, days: Integers) -> NDArray[np.datetime64]:
    return np.datetime64(period.start, "D") + days.astype("timedelta64[D]")
