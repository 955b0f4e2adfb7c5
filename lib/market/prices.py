"""What a house sells for, and how long that takes."""

from __future__ import annotations

import numpy as np

from lib.market.draws import Draws, Floats, Integers, quantile, rounded
from lib.market.houses import Houses
from lib.market.scenarios import Effects

NOISE = 0.09
"""Standard deviation of what nobody can foresee in a price, as a share of it."""

# Rows and entries by district: centre, suburb, country.
_EUR_PER_M2 = np.array([4300.0, 2700.0, 1800.0])
_DISTANCE_PULL = np.array([0.100, 0.030, 0.0125])
_GARDEN_FACTOR = np.array([1.20, 1.08, 1.02])
_PATIENCE = np.array([0.80, 1.00, 1.30])
_CONDITION_FACTOR = np.array([0.70, 0.86, 1.00, 1.09, 1.17])
_ENERGY_FACTOR = np.array([1.10, 1.06, 1.02, 0.98, 0.94, 0.89, 0.84])
_DAYS_ON_MARKET = np.array([[7.0, 28.0, 37.0, 43.0, 49.0, 55.0, 62.0, 70.0, 81.0, 100.0, 160.0]])


def sale_price_eur(draws: Draws, houses: Houses, effects: Effects) -> Floats:
    """Price in EUR, rounded to 100: fair price × (1 + 9 % noise)."""
    return rounded(_fair_price_eur(houses, effects) * (1.0 + NOISE * draws.bell("price", len(houses.day))), 100)


def _fair_price_eur(houses: Houses, effects: Effects) -> Floats:
    """The factors multiply: what one column is worth depends on the others, more than a linear model can say."""
    district = houses.district
    # Each further square metre is worth less than the one before.
    value = _EUR_PER_M2[district] * houses.area_m2 * (1.18 - houses.area_m2 * 0.0011)
    value = value * (1.0 + 0.01 * np.minimum(houses.rooms, 6))
    value = value / (0.85 + houses.distance_km * _DISTANCE_PULL[district])
    value = value * _age_factor(houses)
    # An old house in a bad state is a ruin, a new one is a job for a painter.
    wear = 0.5 + np.minimum(houses.age_years, 80) / 80.0
    value = value * (1.0 + (_CONDITION_FACTOR[houses.condition - 1] - 1.0) * wear)
    value = value * _ENERGY_FACTOR[houses.energy]
    value = value * np.where(houses.garden, _GARDEN_FACTOR[district], 1.0)
    if effects.level is not None:
        value = value * effects.level[district, houses.day]
    if effects.energy is not None:
        value = value * effects.energy[houses.energy, houses.day]
    return np.asarray(value)


def _age_factor(houses: Houses) -> Floats:
    worn = 1.10 - 0.0055 * np.minimum(houses.age_years, 70)
    # In the centre a house of before the first world war is sought after.
    sought = (houses.district == 0) & (houses.age_years > 100)
    return np.asarray(worn + np.where(sought, 0.30, 0.0))


def days_on_market(draws: Draws, houses: Houses) -> Integers:
    """Whole days from listing to agreement: good, well placed houses go first; about 20 % go within 30 days."""
    waiting = quantile(
        _DAYS_ON_MARKET, np.zeros(len(houses.day), dtype=np.int64), draws.uniform("wait", len(houses.day))
    )
    pace = _PATIENCE[houses.district] * (1.6 - 0.17 * houses.condition) * (0.85 + 0.05 * houses.energy)
    pace = pace * np.where(houses.garden, 0.80, 1.05)
    return np.asarray(np.maximum(np.rint(waiting * pace), 1.0), dtype=np.int64)
