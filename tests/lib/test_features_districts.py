"""The district features of the running case see what was sold and listed before, and nothing of the day itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from lib.errors import RedisServerError
from lib.features import FeatureStore
from lib.features.districts import DISTRICT_PRICES, DISTRICT_SUPPLY
from lib.market import simulate
from lib.redis_server import find_server
from lib.settings import Settings
from tests.require import require

VIEWS = [DISTRICT_PRICES, DISTRICT_SUPPLY]


@pytest.fixture(scope="module", params=["stable", "late_labels"])
def houses(request):
    return simulate(request.param, rows=800, seed=3, days=240).houses


@pytest.fixture
def store(tmp_path, houses):
    with FeatureStore(Settings(root=tmp_path)) as store:
        store.add_table("houses", houses)
        for view in VIEWS:
            store.apply(view)
        yield store


def test_features_of_a_listing_are_those_of_the_days_before(store, houses):
    """For each listing, median and counts are what a plain search over earlier days finds."""
    joined = store.join(houses, VIEWS, time="listed_on", naive_utc=True)
    for row in joined.iloc[::40].itertuples():
        here = houses[houses["district"] == row.district]
        sold = here[_before(here["sold_on"], row.listed_on, 90)]
        listed = here[_before(here["listed_on"], row.listed_on, 28)]
        assert (row.district_sales_90d, row.district_listings_28d) == (len(sold), len(listed))
        assert (
            pd.isna(row.district_median_eur_90d)
            if sold.empty
            else (row.district_median_eur_90d == sold["price_eur"].median())
        )


def test_sales_of_the_future_change_nothing(store, houses):
    """With every later sale made a hundred times dearer, features up to that day stay as they are."""
    day = houses["listed_on"].iloc[400]
    before = store.join(houses[:400], VIEWS, time="listed_on", naive_utc=True)
    store.add_table("houses", houses.assign(price_eur=houses["price_eur"].mask(houses["sold_on"] >= day, 9e6)))
    after = store.join(houses[:400], VIEWS, time="listed_on", naive_utc=True)
    pd.testing.assert_frame_equal(before, after)


def test_serving_sees_what_training_saw(store, houses):
    """Materialised at a midnight, each district's online features equal those joined for that instant."""
    try:
        find_server()
    except RedisServerError as error:
        require("redis-server", present=False, way_out=str(error))
    at = datetime(2023, 6, 1, tzinfo=UTC)
    rows = pd.DataFrame({"district": ["centre", "suburb", "country", "moon"], "listed_on": at})
    offline = store.join(rows, VIEWS, time="listed_on")
    for view in VIEWS:
        store.materialise(view, until=at)
    for now in (at, at + timedelta(days=3)):
        online = store.online([{"district": name} for name in rows["district"]], VIEWS, at=now)
        for name in (name for view in VIEWS for name in view.columns):
            expected = [None if pd.isna(value) or now > at else value for value in offline[name]]
            assert [row[name] for row in online] == expected


def _before(days, day, number) -> pd.Series:
    return (days < day) & (days >= day - pd.Timedelta(days=number))
