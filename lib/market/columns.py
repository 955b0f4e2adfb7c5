"""The declared schema of the houses, and the names that the rest of the system uses for them."""

from __future__ import annotations

from lib.market.scenarios import DISTRICTS, ENERGY_CLASSES
from lib.market.schema import Column, Schema

PRICE = "price_eur"
"""Target of the regression: the sale price in EUR, empty until the sale is known."""

SOLD = "sold_within_30_days"
"""Target of the classification: about 20 % true, empty until it is known."""

FEATURES = (
    "listed_month",
    "district",
    "area_m2",
    "rooms",
    "age_years",
    "distance_km",
    "condition",
    "energy_class",
    "has_garden",
)
"""The columns that a model may use: known when a house is listed."""

HOUSES = Schema(
    columns=(
        Column(name="house_id", kind="string", unique=True),
        Column(name="listed_on", kind="date"),
        Column(
            name="listed_month",
            kind="integer",
            unit="months since January 2000",
            low=0,
            high=2412,
            note="lets a flexible model learn the price level of a month by heart",
        ),
        Column(name="district", kind="string", categories=DISTRICTS),
        Column(name="area_m2", kind="number", unit="m²", low=10, high=400),
        Column(name="rooms", kind="integer", low=1, high=12),
        Column(name="age_years", kind="integer", unit="years", low=0, high=200),
        Column(name="distance_km", kind="number", unit="km", low=0, high=60, note="to the centre"),
        Column(name="condition", kind="integer", low=1, high=5, note="1 a ruin, 5 as new"),
        Column(name="energy_class", kind="string", categories=ENERGY_CLASSES),
        Column(name="has_garden", kind="boolean"),
        Column(name="sold_on", kind="date", known="sale", nullable=True, note="the day on which the sale is known"),
        Column(name=PRICE, kind="number", unit="EUR", known="sale", nullable=True, low=5_000, high=10_000_000),
        Column(name=SOLD, kind="boolean", known="sale", nullable=True),
        Column(
            name="agent_fee_eur",
            kind="number",
            unit="EUR",
            known="sale",
            nullable=True,
            low=0,
            high=1_000_000,
            note="about 3 % of the price: a leak if a model sees it",
        ),
        Column(
            name="days_on_market",
            kind="integer",
            unit="days",
            known="sale",
            nullable=True,
            low=0,
            high=5_000,
            note="from listing to agreement: a leak if a model sees it",
        ),
    )
)

PERSONAL = Schema(
    columns=(
        *HOUSES.columns,
        Column(name="seller_name", kind="string", personal=True),
        Column(name="seller_email", kind="string", personal=True),
        Column(name="seller_phone", kind="string", personal=True),
        Column(name="remarks", kind="string", personal=True, note="free text; some of it repeats personal data"),
    )
)
"""The houses of the scenario `personal`, with what identifies their sellers."""
