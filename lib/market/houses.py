"""The houses that come on the market: the columns known at listing, as plain arrays of one entry a house."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lib.market.draws import Draws, Floats, Integers, quantile, rounded
from lib.market.scenarios import COUNTRY_SHARE, Effects

# Equally spaced quantiles (0 %, 10 %, … 100 %); rows: centre, suburb, country where there are three.
_AREA_M2 = np.array(
    [
        [28.0, 43.0, 52.0, 58.0, 64.0, 70.0, 77.0, 85.0, 95.0, 112.0, 165.0],
        [52.0, 78.0, 89.0, 98.0, 106.0, 114.0, 122.0, 131.0, 142.0, 160.0, 230.0],
        [65.0, 95.0, 109.0, 120.0, 130.0, 140.0, 151.0, 163.0, 178.0, 202.0, 290.0],
    ]
)
_DISTANCE_KM = np.array(
    [
        [0.1, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.5, 2.9, 3.4, 4.0],
        [3.0, 4.2, 5.2, 6.1, 7.0, 7.9, 8.9, 10.0, 11.3, 12.9, 15.0],
        [12.0, 15.0, 17.5, 20.0, 22.5, 25.0, 28.0, 31.5, 36.0, 42.0, 50.0],
    ]
)
_AGE_YEARS = np.array([[0.0, 4.0, 10.0, 18.0, 27.0, 36.0, 46.0, 57.0, 72.0, 98.0, 150.0]])
_GARDEN_SHARE = np.array([0.08, 0.55, 0.85])


@dataclass(frozen=True)
class Houses:
    """`day` is the index of the day of listing, `district` and `energy` are indices into the scenario's names."""

    day: Integers
    district: Integers
    area_m2: Floats
    rooms: Integers
    age_years: Integers
    distance_km: Floats
    condition: Integers
    energy: Integers
    garden: NDArray[np.bool_]


def draw_houses(draws: Draws, rows: int, days: int, effects: Effects) -> Houses:
    """`rows` houses in order of their day of listing, spread evenly over `days` days."""
    day = np.sort((draws.uniform("day", rows) * days).astype(np.int64))
    district = _district(draws, day, effects)
    size, age = _size_and_age(draws, day, effects)
    area_m2 = rounded(quantile(_AREA_M2, district, size), 0.1)
    age_years = quantile(_AGE_YEARS, np.zeros(rows, dtype=np.int64), age).astype(np.int64)
    worn = np.minimum(age_years, 90) / 45.0
    condition = _whole(4.2 - worn + 0.9 * draws.bell("condition", rows), 1, 5)
    return Houses(
        day=day,
        district=district,
        area_m2=area_m2,
        rooms=_whole(area_m2 / 28.0 + 0.7 * draws.bell("rooms", rows), 1, 12),
        age_years=age_years,
        distance_km=rounded(quantile(_DISTANCE_KM, district, draws.uniform("distance", rows)), 0.1),
        condition=condition,
        energy=_whole(0.8 + 1.9 * worn - 0.5 * (condition - 3.0) + 0.9 * draws.bell("energy", rows), 0, 6),
        garden=draws.uniform("garden", rows) < _GARDEN_SHARE[district],
    )


def _district(draws: Draws, day: Integers, effects: Effects) -> Integers:
    draw = draws.uniform("district", len(day))
    country = np.full(len(day), COUNTRY_SHARE) if effects.country_share is None else effects.country_share[day]
    # What is not country is 7/16 centre and 9/16 suburb: 35 % and 45 % of a stable market.
    suburb = country + (1.0 - country) * 0.5625
    return np.where(draw < country, 2, np.where(draw < suburb, 1, 0)).astype(np.int64)


def _size_and_age(draws: Draws, day: Integers, effects: Effects) -> tuple[Floats, Floats]:
    size = _tilted(draws.uniform("area", len(day)), day, effects.size_tilt)
    age = _tilted(draws.uniform("age", len(day)), day, effects.age_tilt)
    if effects.coupled is None:
        return size, age
    # Mirroring a uniform gives a uniform: the pair moves, neither of the two does.
    mirrored = draws.uniform("coupled", len(day)) < effects.coupled[day]
    return size, np.where(mirrored, 1.0 - 2.0**-53 - size, age)


def _tilted(level: Floats, day: Integers, tilt: Floats | None) -> Floats:
    """Levels u as u + tilt × u × (1 − u): their order is kept, and their mean moves by tilt / 6."""
    if tilt is None:
        return level
    return np.minimum(level + tilt[day] * level * (1.0 - level), 1.0 - 2.0**-53)


def _whole(values: Floats, low: int, high: int) -> Integers:
    return np.clip(np.rint(values), low, high).astype(np.int64)
