"""The district features of the running case, from the table `houses` of `lib.market`: for training and for serving.

Each district has one event a midnight (UTC), about the days before it: a sale is seen from the midnight after the day
on which it became known. A value holds for two days, so that one nightly run may fail.
"""

from __future__ import annotations

from datetime import timedelta

from lib.features.view import FeatureView

_MIDNIGHTS = """
    WITH midnights AS (
        SELECT unnest(generate_series(
            min(listed_on), max(greatest(listed_on, sold_on)) + INTERVAL 1 DAY, INTERVAL 1 DAY)) AS event_time
        FROM houses),
    grid AS (SELECT event_time, district FROM midnights CROSS JOIN (SELECT DISTINCT district FROM houses))"""

DISTRICT_PRICES = FeatureView(
    name="district_prices",
    entity="district",
    columns={"district_median_eur_90d": "number", "district_sales_90d": "integer"},
    ttl=timedelta(days=2),
    owner="house prices",
    naive_utc=True,
    note="median sale price in EUR and number of sales that became known in the 90 days before",
    source=f"""{_MIDNIGHTS}
    SELECT grid.district, event_time, median(price_eur) AS district_median_eur_90d,
        count(price_eur) AS district_sales_90d
    FROM grid LEFT JOIN houses ON houses.district = grid.district
        AND sold_on >= event_time - INTERVAL 90 DAYS AND sold_on < event_time
    GROUP BY grid.district, event_time""",
)

DISTRICT_SUPPLY = FeatureView(
    name="district_supply",
    entity="district",
    columns={"district_listings_28d": "integer"},
    ttl=timedelta(days=2),
    owner="house prices",
    naive_utc=True,
    note="houses that came on the market in the 28 days before",
    source=f"""{_MIDNIGHTS}
    SELECT grid.district, event_time, count(house_id) AS district_listings_28d
    FROM grid LEFT JOIN houses ON houses.district = grid.district
        AND listed_on >= event_time - INTERVAL 28 DAYS AND listed_on < event_time
    GROUP BY grid.district, event_time""",
)
