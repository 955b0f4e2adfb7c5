"""The named ways in which the market moves, each with its ground truth, so that detecting the move can be scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

import numpy as np

from lib.market.draws import Draws, Floats

DISTRICTS = ("centre", "suburb", "country")
ENERGY_CLASSES = ("A", "B", "C", "D", "E", "F", "G")
COUNTRY_SHARE = 0.20
SQUARE_FEET = 10.7639

TruthKind = Literal["none", "data", "concept", "schema", "labels", "privacy"]


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What moved, when and by how much.

    `starts` is the first day that differs and `ends` the first day on which the move is complete (None: it never is, or
    the whole period is concerned). `columns` are those whose own distribution, or whose part in the price, moves.
    `magnitude` is in `unit`.
    """

    scenario: str
    kind: TruthKind
    starts: date | None
    ends: date | None
    columns: tuple[str, ...]
    magnitude: float
    unit: str
    note: str


@dataclass(frozen=True)
class Period:
    """The days that a market covers, and the draws of its seed."""

    start: date
    days: int
    draws: Draws

    def at(self, share: float) -> int:
        """The index of the day on which `share` of the period has passed."""
        return int(self.days * share)

    def day(self, index: int) -> date:
        return self.start + timedelta(days=index)

    def ramp(self, first: int, last: int) -> Floats:
        """By day: 0 before `first`, 1 from `last` on, a straight line between."""
        passed = np.arange(self.days, dtype=np.float64) - first
        return np.clip(passed / max(last - first, 1), 0.0, 1.0)

    def months(self) -> list[int]:
        """By day: months since January 2000."""
        return [(day.year - 2000) * 12 + day.month - 1 for day in (self.day(index) for index in range(self.days))]


@dataclass(frozen=True)
class Effects:
    """How a scenario changes the stable market; arrays have one entry a day of listing, None changes nothing."""

    country_share: Floats | None = None
    level: Floats | None = None
    """Factor on the price, shape (3 districts, days)."""
    energy: Floats | None = None
    """Factor on the price, shape (7 energy classes, days)."""
    coupled: Floats | None = None
    """Share of houses whose age mirrors their area: the largest are the newest."""
    size_tilt: Floats | None = None
    """Tilt t of the area within its district, -1 (smaller) to 1 (larger): its level u becomes u + t × u × (1 − u)."""
    age_tilt: Floats | None = None
    """Tilt of the age, -1 (newer) to 1 (older), in the same way."""
    delay_days: Floats | None = None
    """Days between the agreement and the day on which sale and price are known."""
    square_feet: Floats | None = None
    """1 on days whose areas arrive in square feet."""
    personal: bool = False


@dataclass(frozen=True)
class Scenario:
    """A truth together with the effects that make it true."""

    truth: Truth
    effects: Effects = field(default_factory=Effects)


def stable(_period: Period) -> Scenario:
    return Scenario(
        Truth(
            scenario="stable",
            kind="none",
            starts=None,
            ends=None,
            columns=(),
            magnitude=0.0,
            unit="",
            note="Nothing moves: whatever is detected here is a false alarm.",
        )
    )


def seasonal(period: Period) -> Scenario:
    swing = 0.10
    by_month = (-1.0, -0.8, -0.4, 0.2, 0.7, 1.0, 1.0, 0.8, 0.3, -0.2, -0.7, -0.9)
    share = np.array([COUNTRY_SHARE + swing * by_month[month % 12] for month in period.months()])
    return Scenario(
        Truth(
            scenario="seasonal",
            kind="data",
            starts=period.start,
            ends=None,
            columns=("district", "area_m2", "rooms", "distance_km", "has_garden"),
            magnitude=swing,
            unit="share of listings that are in the country, highest month above the mean",
            note="Country houses are listed in summer, every year again. "
            "A reference of one season sees drift, one of a year none.",
        ),
        Effects(country_share=share),
    )


def moving(period: Period) -> Scenario:
    trends, swing = (0.018, -0.014, 0.014), 0.07
    months = period.months()
    place = np.array(months) - months[0]
    level = np.ones((len(DISTRICTS), period.days))
    for row, (district, trend) in enumerate(zip(DISTRICTS, trends, strict=True)):
        by_month, path = [], 1.0
        for draw in period.draws.uniform(f"level {district}", int(place[-1]) + 1).tolist():
            by_month.append(path * (1.0 + swing if draw < 0.5 else 1.0 - swing))
            path = path * (1.0 + trend)
        level[row] = np.array(by_month)[place]
    return Scenario(
        Truth(
            scenario="moving",
            kind="concept",
            starts=period.start,
            ends=None,
            columns=("listed_month", "district", "price_eur"),
            magnitude=swing,
            unit="distance of each month's price level from its district's trend, as a share of it",
            note="The price of the same house depends on the month of listing, in each district differently: a trend "
            "of +1.8 % (centre), -1.4 % (suburb) and +1.4 % (country) a month, and each month a jump of 7 % above or "
            "below it. A random split lets a model look up the months that it is asked about.",
        ),
        Effects(level=level),
    )


def slide(period: Period) -> Scenario:
    gain = 0.40
    first, last = period.at(0.50), period.at(0.75)
    return Scenario(
        Truth(
            scenario="slide",
            kind="data",
            starts=period.day(first),
            ends=period.day(last),
            columns=("district", "area_m2", "rooms", "distance_km", "has_garden"),
            magnitude=gain,
            unit="share of listings that are in the country, gained between start and end",
            note="From city to country houses, in a straight line. What a given house costs stays the same.",
        ),
        Effects(country_share=COUNTRY_SHARE + gain * period.ramp(first, last)),
    )


def regime(period: Period) -> Scenario:
    factor = 0.78
    first = period.at(0.60)
    last = min(first + 90, period.days)
    level = 1.0 + (factor - 1.0) * period.ramp(first, last)
    return Scenario(
        Truth(
            scenario="regime",
            kind="concept",
            starts=period.day(first),
            ends=period.day(last),
            columns=("price_eur",),
            magnitude=factor,
            unit="price of the same house after the change over its price before",
            note="Interest rates rise: over three months every house loses the same share of its price. "
            "No input moves.",
        ),
        Effects(level=np.tile(level, (len(DISTRICTS), 1))),
    )


def sudden(period: Period) -> Scenario:
    factor = 0.75
    first = period.at(0.60)
    energy = np.ones((len(ENERGY_CLASSES), period.days))
    energy[4:, first:] = factor
    return Scenario(
        Truth(
            scenario="sudden",
            kind="concept",
            starts=period.day(first),
            ends=period.day(first),
            columns=("energy_class", "price_eur"),
            magnitude=factor,
            unit="price of the same house after the change over its price before, energy classes E, F and G",
            note="A duty to renovate takes effect overnight: houses of the classes E to G lose a quarter of their "
            "price, the others nothing.",
        ),
        Effects(energy=energy),
    )


def marginals(period: Period) -> Scenario:
    share = 0.80
    first = period.at(0.50)
    return Scenario(
        Truth(
            scenario="marginals",
            kind="data",
            starts=period.day(first),
            ends=period.day(first),
            columns=("area_m2", "age_years"),
            magnitude=-share,
            unit="rank correlation of area and age within a district, 0 before",
            note="From one day on the large houses are the new ones. Each column alone keeps its distribution, "
            "so a test column by column sees nothing.",
        ),
        Effects(coupled=share * (np.arange(period.days) >= first).astype(np.float64)),
    )


def jump(period: Period) -> Scenario:
    tilt = -0.90
    first = period.at(0.50)
    return Scenario(
        Truth(
            scenario="jump",
            kind="data",
            starts=period.day(first),
            ends=period.day(first),
            columns=("area_m2", "rooms"),
            magnitude=tilt,
            unit="tilt of the area within its district, a sixth of which its mean level moves by; 0 before",
            note="Overnight a portal for small homes sends its listings, too. What a given house costs stays the same.",
        ),
        Effects(size_tilt=tilt * (np.arange(period.days) >= first).astype(np.float64)),
    )


def gradual(period: Period) -> Scenario:
    tilt = 0.90
    first, last = period.at(0.40), period.at(0.90)
    return Scenario(
        Truth(
            scenario="gradual",
            kind="data",
            starts=period.day(first),
            ends=period.day(last),
            columns=("age_years", "condition", "energy_class"),
            magnitude=tilt,
            unit="tilt of the age, a sixth of which its mean level moves by; 0 before",
            note="Nobody builds any more: day by day the houses on offer are older, in a straight line, and with their "
            "age come worse conditions and energy classes. What a given house costs stays the same.",
        ),
        Effects(age_tilt=tilt * period.ramp(first, last)),
    )


def schema_break(period: Period) -> Scenario:
    first = period.at(0.70)
    return Scenario(
        Truth(
            scenario="schema_break",
            kind="schema",
            starts=period.day(first),
            ends=period.day(first),
            columns=("area_m2", "energy_class"),
            magnitude=SQUARE_FEET,
            unit="square feet in a square metre",
            note="A supplier changes its export overnight: areas arrive in square feet, and class A is written 'A+'.",
        ),
        Effects(square_feet=(np.arange(period.days) >= first).astype(np.float64)),
    )


def late_labels(period: Period) -> Scenario:
    delay = 90
    first = period.at(0.50)
    return Scenario(
        Truth(
            scenario="late_labels",
            kind="labels",
            starts=period.day(first),
            ends=period.day(first),
            columns=("sold_on", "price_eur", "sold_within_30_days", "agent_fee_eur", "days_on_market"),
            magnitude=float(delay),
            unit="days between the sale and the day on which it becomes known, 0 before",
            note="The land registry falls behind: sales of houses listed from that day on become known 90 days late. "
            "No price moves.",
        ),
        Effects(delay_days=delay * (np.arange(period.days) >= first).astype(np.float64)),
    )


def personal(period: Period) -> Scenario:
    return Scenario(
        Truth(
            scenario="personal",
            kind="privacy",
            starts=period.start,
            ends=None,
            columns=("seller_name", "seller_email", "seller_phone", "remarks"),
            magnitude=0.30,
            unit="share of remarks that hold personal data",
            note="Every row names its seller, and some remarks repeat a name, an address, a number or an account.",
        ),
        Effects(personal=True),
    )


SCENARIOS: dict[str, Callable[[Period], Scenario]] = {
    scenario.__name__: scenario
    for scenario in (
        stable,
        seasonal,
        moving,
        slide,
        regime,
        sudden,
        marginals,
        jump,
        gradual,
        schema_break,
        late_labels,
        personal,
    )
}
