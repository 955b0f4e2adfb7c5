"""What each scenario says about itself is what its data does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from lib.errors import SchemaError
from lib.market import FEATURES, PRICE, SCENARIOS, simulate

ROWS = 8_000


def both(scenario, **arguments):
    """The stable market and the scenario's, of the same seed: the same houses but for what the scenario moves."""
    market = simulate(scenario, rows=ROWS, seed=4, **arguments)
    return simulate(rows=ROWS, seed=4, **arguments).houses, market.houses, market.truth


def before_after(houses, truth):
    return houses[houses["listed_on"] < pd.Timestamp(truth.starts)], houses[
        houses["listed_on"] >= pd.Timestamp(truth.ends)
    ]


def price_ratio(stable, moved):
    return (moved[PRICE] / stable[PRICE]).dropna()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_truth_names_its_scenario_and_columns_that_exist(scenario):
    """A truth can be joined to its market: same name, real columns, dates inside the period."""
    market = simulate(scenario, rows=200)
    truth = market.truth
    assert truth.scenario == scenario
    assert set(truth.columns) <= set(market.houses.columns)
    assert truth.note
    if truth.starts and truth.ends:
        assert market.houses["listed_on"].min() <= pd.Timestamp(truth.starts) <= pd.Timestamp(truth.ends)


@pytest.mark.parametrize("scenario", sorted(set(SCENARIOS) - {"stable", "marginals", "schema_break", "personal"}))
def test_columns_outside_of_the_truth_do_not_move(scenario):
    """Against the stable market of the same seed, an input that the truth does not name is equal to the last bit."""
    stable, moved, truth = both(scenario)
    for column in set(FEATURES) - set(truth.columns):
        assert moved[column].equals(stable[column]), column


def test_stable_market_has_halves_that_are_alike():
    """Nothing moves: no input column tells the first half from the second."""
    houses = simulate(rows=ROWS, seed=4).houses
    half = len(houses) // 2
    for column in ("area_m2", "rooms", "age_years", "distance_km", "condition", PRICE):
        assert ks_2samp(houses[column][:half].dropna(), houses[column][half:].dropna()).statistic < 0.04, column


def test_slide_gains_the_share_of_country_houses_that_it_says():
    """The share of country houses rises by the magnitude between start and end."""
    _, houses, truth = both("slide")
    before, after = before_after(houses, truth)
    gain = (after["district"] == "country").mean() - (before["district"] == "country").mean()
    assert gain == pytest.approx(truth.magnitude, abs=0.03)


def test_slide_leaves_the_price_of_a_given_house_alone():
    """Data drift is no concept drift: houses that kept their district kept their price."""
    stable, moved, _ = both("slide")
    same = stable["district"] == moved["district"]
    assert (price_ratio(stable[same], moved[same]) == 1).all()


def test_seasonal_swings_back_within_the_year():
    """Country houses swing by the magnitude around their mean, and a whole year has the stable share."""
    _, houses, truth = both("seasonal")
    country = houses["district"] == "country"
    summer = houses["listed_on"].dt.month.isin([6, 7])
    assert country[summer].mean() - country.mean() == pytest.approx(truth.magnitude, abs=0.03)
    first = houses["listed_on"] < "2024-01-01"
    assert country[first].mean() == pytest.approx(country[~first].mean(), abs=0.02)


def test_moving_gives_each_district_a_level_of_its_own_each_month():
    """Within a district and month all prices share one factor, the magnitude above or below the district's trend."""
    stable, moved, truth = both("moving")
    ratio = price_ratio(stable, moved)
    levels = ratio.groupby([moved["district"], moved["listed_month"]])
    assert levels.std().max() < 0.004
    trends = {"centre": 0.018, "suburb": -0.014, "country": 0.014}
    for (district, month), level in levels.median().items():
        on_trend = level / (1 + trends[district]) ** (month - 276)
        assert abs(on_trend - 1) == pytest.approx(truth.magnitude, abs=0.003)


def test_regime_multiplies_every_price_by_its_magnitude():
    """After the change the same house costs the stated share; before it, the same."""
    stable, moved, truth = both("regime")
    before, after = (price_ratio(stable, part) for part in before_after(moved, truth))
    assert (before == 1).all()
    assert len(after) > 500
    assert after.to_numpy() == pytest.approx(np.full(len(after), truth.magnitude), abs=0.003)


def test_sudden_concerns_the_poor_energy_classes_only():
    """Overnight, classes E to G lose the stated share and no other house loses anything."""
    stable, moved, truth = both("sudden")
    before, after = before_after(moved, truth)
    poor = after["energy_class"].isin(["E", "F", "G"])
    assert (price_ratio(stable, before) == 1).all()
    assert (price_ratio(stable, after[~poor]) == 1).all()
    assert price_ratio(stable, after[poor]).median() == pytest.approx(truth.magnitude, abs=0.001)


def test_marginals_stay_while_the_joint_distribution_moves():
    """No input column alone moves, but the rank correlation of area and age becomes the magnitude."""
    _, houses, truth = both("marginals")
    before, after = before_after(houses, truth)
    for column in ("area_m2", "rooms", "age_years", "distance_km", "condition"):
        assert ks_2samp(before[column], after[column]).statistic < 0.04, column
    for district in ("centre", "suburb", "country"):
        one, two = (part[part["district"] == district] for part in (before, after))
        assert abs(one["area_m2"].corr(one["age_years"], method="spearman")) < 0.08
        assert two["area_m2"].corr(two["age_years"], method="spearman") == pytest.approx(truth.magnitude, abs=0.05)


@pytest.mark.parametrize(("scenario", "column"), [("jump", "area_m2"), ("gradual", "age_years")])
def test_tilts_move_the_mean_level_by_a_sixth(scenario, column):
    """Among the stable houses of its district, a house stands a sixth of the magnitude higher or lower than before."""
    stable, moved, truth = both(scenario)
    levels = []
    for _, here in stable.groupby("district" if column == "area_m2" else lambda _: 0):
        after = moved.loc[here.index]
        after = after[after["listed_on"] >= pd.Timestamp(truth.ends)]
        levels += (np.searchsorted(np.sort(here[column]), after[column]) / len(here)).tolist()
    assert np.mean(levels) - 0.5 == pytest.approx(truth.magnitude / 6, abs=0.02)
    assert stable[moved["listed_on"] < pd.Timestamp(truth.starts)].equals(
        moved[moved["listed_on"] < pd.Timestamp(truth.starts)]
    )


def test_schema_break_is_caught_by_the_schema_and_only_after_its_day():
    """The declared schema holds before the day of the break and names both broken columns after it."""
    market = simulate("schema_break", rows=ROWS, seed=4)
    before, after = before_after(market.houses, market.truth)
    market.schema.check(before)
    with pytest.raises(SchemaError, match=r"area_m2(.|\n)*energy_class.*A\+"):
        market.schema.check(after)
    stable = simulate(rows=ROWS, seed=4).houses
    ratio = after["area_m2"] / stable.loc[after.index, "area_m2"]
    assert ratio.mean() == pytest.approx(market.truth.magnitude, abs=0.01)


def test_late_labels_come_late_and_are_otherwise_the_same():
    """From the day on, a sale is known the stated days later; prices that are known did not move."""
    stable, moved, truth = both("late_labels")
    late = moved["listed_on"] >= pd.Timestamp(truth.starts)
    delay = (moved["sold_on"] - stable["sold_on"]).dt.days.dropna()
    assert (delay[late] == truth.magnitude).all()
    assert (delay[~late] == 0).all()
    assert (price_ratio(stable, moved) == 1).all()
    assert moved["sold_within_30_days"].isna().sum() > stable["sold_within_30_days"].isna().sum()


def test_personal_rows_carry_made_up_people():
    """Every row has a seller, and the stated share of the remarks repeats personal data."""
    market = simulate("personal", rows=ROWS, seed=4)
    houses = market.houses
    assert houses["seller_email"].str.fullmatch(r"[a-z]+\.[a-z]+@example\.(com|org|net)").all()
    assert houses["seller_phone"].str.fullmatch(r"\+49 30 23125 \d{3}").all()
    reveals = [
        any(value in row.remarks for value in (row.seller_name, row.seller_email, row.seller_phone))
        for row in houses.itertuples()
    ]
    assert np.mean(reveals) == pytest.approx(market.truth.magnitude, abs=0.02)
    assert {column.name for column in market.schema.columns if column.personal} == set(market.truth.columns)
