"""A changed world is found in its labels, the slice that changed is named; an estimate without labels cannot know."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from lib.errors import MonitoringError
from lib.market import FEATURES, PRICE, simulate
from lib.monitoring.concept import find_concept_drift, relative_residuals
from lib.monitoring.estimate import LossModel
from lib.monitoring.slices import analyse_errors

INPUTS = [name for name in FEATURES if name != "listed_month"]
TRAINED_UNTIL = pd.Timestamp("2023-07-01")
LIVE_FROM = pd.Timestamp("2023-09-01")


@pytest.fixture(scope="module")
def model():
    """Boosted trees on half a year of the market, before anything moves in any scenario."""
    houses = simulate(rows=12_000, seed=5).houses
    train = houses[(houses["listed_on"] < TRAINED_UNTIL) & houses["sold_on"].notna()]
    return HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0, max_iter=60).fit(
        inputs(train), train[PRICE]
    )


def inputs(houses):
    """What the model sees."""
    return houses[INPUTS].astype({"district": "category", "energy_class": "category"})


def lived(model, scenario):
    """Labelled predictions from September on, and the truth about the scenario."""
    market = simulate(scenario, rows=12_000, seed=5)
    houses = market.houses[(market.houses["listed_on"] >= LIVE_FROM) & market.houses["sold_on"].notna()]
    known = {"listed_on": "asked_at", "sold_on": "known_at", PRICE: "truth"}
    rows = houses.assign(prediction=model.predict(inputs(houses))).rename(columns=known)
    return rows.assign(residual=relative_residuals(rows)), market.truth


@pytest.mark.parametrize("scenario", ["stable", "slide"])
def test_no_alarm_where_prices_stay(model, scenario):
    """7,000 labels of a market whose prices hold raise none, though the mix of houses may move."""
    rows, _ = lived(model, scenario)
    assert find_concept_drift(rows) == []


@pytest.mark.parametrize("scenario", ["regime", "sudden"])
def test_changed_prices_are_found_once_their_labels_come(model, scenario):
    """The first finding lies after the change, by no more than the labels take; the residuals fell."""
    rows, truth = lived(model, scenario)
    first = find_concept_drift(rows)[0]
    assert pd.Timestamp(truth.starts) < first.known_at < pd.Timestamp(truth.starts) + pd.Timedelta(days=100)
    assert first.since < first.known_at
    assert first.after < first.before
    assert rows[rows["known_at"] <= first.known_at].shape[0] >= first.labels


def test_labels_decide_when_one_can_know(model):
    """The same change, with labels 40 days later: it is found later by as much."""
    rows, _ = lived(model, "sudden")
    delay = pd.Timedelta(days=40)
    first = find_concept_drift(rows)[0]
    late = find_concept_drift(rows.assign(known_at=rows["known_at"] + delay))[0]
    assert late.known_at - first.known_at == delay


def split(rows, truth):
    day = pd.Timestamp(truth.starts)
    return rows[rows["asked_at"] < day], rows[rows["asked_at"] >= day]


def test_the_slice_that_moved_is_named(model):
    """The duty to renovate: energy classes E, F and G, though age and condition hang together with them."""
    analysis = analyse_errors(*split(*lived(model, "sudden")), INPUTS)
    assert analysis.column == "energy_class"
    assert set(analysis.moved) == {"E", "F", "G"}
    assert all(each.shift.high < -0.15 for each in analysis.slices if each.moved)
    assert all(abs(each.shift.value) < 0.05 for each in analysis.slices if not each.moved)


def test_a_move_of_everybody_is_in_no_slice(model):
    """Interest rates move all houses alike: no column is blamed, and the size of the move is right."""
    rows, truth = lived(model, "regime")
    before, after = (
        rows[rows["asked_at"] < pd.Timestamp(truth.starts)],
        rows[rows["asked_at"] >= pd.Timestamp(truth.ends)],
    )
    analysis = analyse_errors(before, after, INPUTS)
    assert (analysis.column, analysis.moved) == (None, ())
    assert analysis.overall.value == pytest.approx(truth.magnitude - 1, abs=0.02)


def test_numbers_are_cut_into_quarters(model):
    """A move of the large houses alone is found in the last quarter of the area."""
    rows, _ = lived(model, "stable")
    before, after = rows[rows["asked_at"] < "2024-03-01"], rows[rows["asked_at"] >= "2024-03-01"]
    large = after["area_m2"] > before["area_m2"].quantile(0.75)
    analysis = analyse_errors(before, after.assign(residual=after["residual"] - 0.3 * large), ["area_m2", "rooms"])
    assert analysis.column == "area_m2"
    assert len(analysis.slices) == 4
    (moved,) = analysis.moved
    assert moved.startswith("from ")


@pytest.fixture(scope="module")
def loss_model(model):
    """What the errors of the autumn teach about errors."""
    rows, _ = lived(model, "stable")
    autumn = rows[rows["asked_at"] < pd.Timestamp("2023-12-31")]
    return LossModel(autumn[INPUTS], autumn["prediction"], autumn["truth"])


def estimated_and_true(loss_model, rows):
    found = loss_model.estimate(rows[INPUTS], rows["prediction"])
    return found, float(np.sqrt(((rows["prediction"] - rows["truth"]) ** 2).mean()))


def test_the_estimate_follows_a_mix_that_moves(model, loss_model):
    """More country houses, which are cheaper: the error falls, and the estimate falls with it, without a label."""
    calm, _ = lived(model, "stable")
    before, _ = estimated_and_true(loss_model, calm[calm["asked_at"] >= "2024-06-01"])
    rows, truth = lived(model, "slide")
    found, true = estimated_and_true(loss_model, rows[rows["asked_at"] >= pd.Timestamp(truth.ends)])
    assert found.low <= true <= found.high
    assert found.value < 0.95 * before.value


def test_the_estimate_is_confidently_wrong_when_the_world_changed(model, loss_model):
    """Prices fell by 22 %: the true error doubles, the estimate stays, and its interval is as narrow as before."""
    rows, truth = lived(model, "regime")
    calm, _ = lived(model, "stable")
    after = rows["asked_at"] >= pd.Timestamp(truth.ends)
    found, true = estimated_and_true(loss_model, rows[after])
    same, _ = estimated_and_true(loss_model, calm.loc[calm.index.intersection(rows[after].index)])
    assert true > 1.8 * found.high
    assert found.high - found.low == pytest.approx(same.high - same.low, rel=0.1)
    assert "relation of inputs to target" in found.assumption


def test_mae_is_estimated_in_its_own_units(model):
    """The mean absolute error lies below the RMSE, and its estimate near the truth."""
    rows, _ = lived(model, "stable")
    autumn, summer = rows[rows["asked_at"] < "2023-12-31"], rows[rows["asked_at"] >= "2024-05-01"]
    loss = LossModel(autumn[INPUTS], autumn["prediction"], autumn["truth"], loss="mae")
    found = loss.estimate(summer[INPUTS], summer["prediction"])
    assert found.value == pytest.approx((summer["prediction"] - summer["truth"]).abs().mean(), rel=0.08)


def test_too_few_labels_are_said():
    """Thirty labels make neither a scale nor a loss model nor a slice."""
    rows = pd.DataFrame(
        {"asked_at": [pd.Timestamp("2024-01-01")] * 30, "prediction": 1.0, "truth": 1.0, "residual": 0.0}
    )
    with pytest.raises(MonitoringError, match="30 labelled predictions came, without known_at"):
        find_concept_drift(rows)
    with pytest.raises(MonitoringError, match="30 labelled rows, and 200 are needed"):
        LossModel(rows[["truth"]], rows["prediction"], rows["truth"])
    with pytest.raises(MonitoringError, match="5 labelled rows before and 30 after"):
        analyse_errors(rows.head(5), rows, ["truth"])
