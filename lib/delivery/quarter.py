"""A quarter of the market as it arrives day by day, with the truth about what went wrong in it and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pandas as pd

from lib.errors import DataError
from lib.market import PRICE, SCENARIOS, Market, Truth, simulate

HISTORY_DAYS = 366
QUARTER_DAYS = 92
START = date(2024, 1, 1)
# The market is drawn beyond the quarter's end, so that a regime, which sets in at 60 % of it, does so eight weeks
# before the quarter: the first sales at the new level become known as the quarter begins.
MARKET_DAYS = 515
POISON_FACTOR = 4.0
POISONED_SHARE = 0.4

EventKind = Literal["market", "schema", "poison"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens from `starts` until the day before `ends`."""

    kind: EventKind
    starts: date
    ends: date
    note: str


@dataclass(frozen=True, kw_only=True)
class Quarter:
    """`houses` in order of listing, as they are delivered: a row is there from `listed_on`, its sale from `sold_on`.

    What comes before `starts` is history; the quarter itself has `days` days.
    """

    story: str
    houses: pd.DataFrame
    starts: date
    days: int
    truth: Truth
    events: tuple[Event, ...]


def simulate_quarter(story: str = "quarter", *, rows_a_day: int = 40, seed: int = 0) -> Quarter:
    """A quarter of about `rows_a_day` listings a day, after a year of history.

    The story "quarter": over three months the price level falls by a fifth (`regime`), for a week a supplier sends
    areas in square feet (taken from `schema_break`), and for another week two of five reported prices are four times
    too high. Every scenario of `lib.market` is a story of its own, without the rest. Raises DataError for another one.
    """
    if story != "quarter" and story not in SCENARIOS:
        raise DataError(f"no story is named {story!r}. Choose quarter or one of {', '.join(SCENARIOS)}.")
    market = _draw("regime" if story == "quarter" else story, rows_a_day, seed)
    starts = START + timedelta(days=HISTORY_DAYS)
    houses, events = market.houses, [_market_event(market.truth, starts)] if market.truth.starts else []
    if story == "quarter":
        broken = _week(starts, 39, "schema", "areas in square feet")
        poison = _week(starts, 77, "poison", "prices four times too high")
        houses = _spliced(houses, _draw("schema_break", rows_a_day, seed).houses, broken)
        houses = _poisoned(houses, poison, seed)
        events += [broken, poison]
    return Quarter(
        story=story, houses=houses, starts=starts, days=QUARTER_DAYS, truth=market.truth, events=tuple(events)
    )


def _draw(scenario: str, rows_a_day: int, seed: int) -> Market:
    return simulate(scenario, rows=rows_a_day * MARKET_DAYS, seed=seed, start=START, days=MARKET_DAYS)


def _market_event(truth: Truth, starts: date) -> Event:
    end = starts + timedelta(days=QUARTER_DAYS)
    first, last = max(truth.starts or starts, starts), min(truth.ends or end, end)
    return Event(kind="market", starts=first, ends=last, note=f"market: {truth.scenario}")


def _week(starts: date, day: int, kind: EventKind, note: str) -> Event:
    first = starts + timedelta(days=day)
    return Event(kind=kind, starts=first, ends=first + timedelta(days=7), note=note)


def _spliced(houses: pd.DataFrame, broken: pd.DataFrame, event: Event) -> pd.DataFrame:
    """What the broken export says of the houses listed meanwhile; the same seed draws the same houses for both."""
    meanwhile = _within(houses["listed_on"], event)
    return houses.assign(**{name: houses[name].mask(meanwhile, broken[name]) for name in ("area_m2", "energy_class")})


def _poisoned(houses: pd.DataFrame, event: Event, seed: int) -> pd.DataFrame:
    """Some of the prices that are reported meanwhile come multiplied."""
    hit = _within(houses["sold_on"], event) & (np.random.default_rng(seed).random(len(houses)) < POISONED_SHARE)
    return houses.assign(**{PRICE: houses[PRICE].where(~hit, houses[PRICE] * POISON_FACTOR)})


def _within(days: pd.Series[pd.Timestamp], event: Event) -> pd.Series[bool]:
    return (days >= pd.Timestamp(event.starts)) & (days < pd.Timestamp(event.ends))
