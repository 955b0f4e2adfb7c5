"""A table of sales as it is delivered to the pipeline each day; here from the simulated market."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from lib.market import simulate

FIRST_DAYS = 500
START = date(2023, 1, 1)
# The market is drawn to its end, and a feed is what was known of it on some day: more days change no earlier row.
MARKET_DAYS = 1_500


def ensure_sales(path: Path, *, days: int | None, rows_a_day: int, say: Callable[[str], None]) -> None:
    """Write to `path` what is known after `days` days, when that is asked for or nothing is there; `say` is told."""
    if days is None and path.exists():
        return
    days = days or FIRST_DAYS
    sales = sales_known(days, rows_a_day=rows_a_day)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        sales.to_parquet(Path(scratch, path.name), index=False)
        Path(scratch, path.name).replace(path)
    say(f"{path}: {len(sales):,} listings of a simulated market, as known on {START + timedelta(days=days)}")


def sales_known(days: int, *, rows_a_day: int, scenario: str = "moving", seed: int = 0) -> pd.DataFrame:
    """The listings of the first `days` days; a sale that was not known by then is still empty."""
    houses = simulate(scenario, rows=rows_a_day * MARKET_DAYS, seed=seed, start=START, days=MARKET_DAYS).houses
    return as_known(houses, pd.Timestamp(START) + pd.Timedelta(days=days))


def as_known(houses: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """What was known of `houses` when `day` began."""
    listed = houses[houses["listed_on"] < day].copy()
    unsold = ~(listed["sold_on"] < day)
    for name in ("sold_on", "price_eur", "agent_fee_eur", "days_on_market"):
        listed[name] = listed[name].mask(unsold)
    ripe = listed["listed_on"] + pd.Timedelta(days=30) < day
    listed["sold_within_30_days"] = listed["sold_within_30_days"].mask(unsold & ~ripe)
    return listed
