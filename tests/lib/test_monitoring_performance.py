"""Figures are those that scikit-learn computes, their intervals hold, and nothing is mixed that does not belong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, r2_score, root_mean_squared_error

from lib.monitoring.performance import performance, wilson
from lib.monitoring.store import PredictionStore

START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday
WEEK = timedelta(days=7)
AS_OF = START + timedelta(days=200)


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    with PredictionStore(tmp_path / "monitoring.duckdb") as opened:
        yield opened


def fill(store, table):
    """Put predictions and labels into the store: day, version, district, prediction, truth, known (days later)."""
    table = table.assign(request_id=[f"r{number}" for number in range(len(table))])
    store.connection.register("given", table)
    store.connection.execute(
        "INSERT INTO predictions SELECT 's', request_id, 0, ?::TIMESTAMPTZ + to_days(day::INTEGER), 'm', version, "
        "json_object('district', district), prediction::TEXT, as_number(prediction::TEXT) FROM given",
        [START],
    )
    known = table[table["known"].notna()]
    at = [START + timedelta(days=float(day + known)) for day, known in zip(known["day"], known["known"], strict=True)]
    store.take_labels(pd.DataFrame({"request_id": known["request_id"], "known_at": at, "label": known["truth"]}))


def sales(rows, *, seed=0):
    """Prices with an error of about 10 %, over two weeks and two versions, in two districts."""
    random = np.random.default_rng(seed)
    truth = random.uniform(100, 500, rows)
    return pd.DataFrame({
        "day": random.integers(0, 14, rows), "version": random.integers(1, 3, rows),
        "district": random.choice(["centre", "country"], rows), "truth": truth,
        "prediction": truth * (1 + random.normal(0, 0.1, rows)), "known": random.integers(1, 29, rows).astype(float),
    })  # fmt: skip


def test_regression_figures_are_sklearns(store):
    """By week, version and district, RMSE, MAE and R² agree with scikit-learn; no figure mixes versions."""
    table = sales(400)
    fill(store, table)
    figures = performance(store, task="regression", window=WEEK, as_of=AS_OF, by="district")
    assert len(figures) == 8
    for figure in figures:
        week = (figure.starts - START).days // 7
        here = table[
            (table["day"] // 7 == week) & (table["version"] == figure.version) & (table["district"] == figure.slice)
        ]
        sides = here["truth"], here["prediction"]
        assert (figure.n, figure.coverage, figure.ends - figure.starts) == (len(here), 1.0, WEEK)
        assert figure.metrics["rmse"].value == pytest.approx(root_mean_squared_error(*sides))
        assert figure.metrics["mae"].value == pytest.approx(mean_absolute_error(*sides))
        assert figure.metrics["r2"].value == pytest.approx(r2_score(*sides))
        assert all(each.low < each.value < each.high for each in figure.metrics.values())


def test_classification_figures_are_sklearns(store):
    """Accuracy and F1 of a minority class agree with scikit-learn."""
    random = np.random.default_rng(1)
    truth = random.random(600) < 0.2
    said = np.where(random.random(600) < 0.15, ~truth, truth)
    fill(store, sales(600).assign(truth=truth, prediction=said, version=1, day=0))
    (figure,) = performance(store, task="classification", window=WEEK, as_of=AS_OF)
    assert figure.metrics["accuracy"].value == pytest.approx(accuracy_score(truth, said))
    assert figure.metrics["f1"].value == pytest.approx(f1_score(truth, said))


def test_intervals_hold_what_they_promise(store):
    """Of 200 windows with the same true error, about 95 % of the intervals of each figure hold it."""
    table = sales(200 * 120, seed=3).assign(version=1, known=1.0)
    table["day"] = np.repeat(np.arange(200), 120)
    fill(store, table)
    as_of = START + timedelta(days=400)
    figures = performance(store, task="regression", window=timedelta(days=1), as_of=as_of)
    errors = table["prediction"] - table["truth"]
    true = {"rmse": np.sqrt((errors**2).mean()), "mae": errors.abs().mean(),
            "r2": r2_score(table["truth"], table["prediction"])}  # fmt: skip
    for name, value in true.items():
        held = [figure.metrics[name].low <= value <= figure.metrics[name].high for figure in figures]
        assert len(held) == 200
        assert 0.89 <= np.mean(held) <= 0.99, name


def test_f1_intervals_hold_too(store):
    """The delta method's interval of F1 holds the true value in about 95 % of 200 windows."""
    random = np.random.default_rng(5)
    rows = 200 * 150
    truth = random.random(rows) < 0.2
    said = np.where(random.random(rows) < 0.12, ~truth, truth)
    table = sales(rows).assign(truth=truth, prediction=said, version=1, known=1.0, day=np.repeat(np.arange(200), 150))
    fill(store, table)
    figures = performance(store, task="classification", window=timedelta(days=1), as_of=START + timedelta(days=400))
    true = f1_score(truth, said)
    held = [figure.metrics["f1"].low <= true <= figure.metrics["f1"].high for figure in figures]
    assert 0.89 <= np.mean(held) <= 0.99


def test_quick_labels_do_not_speak_for_all(store):
    """Cheap houses sell at once and are priced well: early figures flatter, so what is not mature does not count."""
    random = np.random.default_rng(2)
    cheap = random.random(2_000) < 0.5
    truth = np.where(cheap, 100.0, 400.0)
    table = sales(2_000).assign(
        version=1, truth=truth, prediction=truth * (1 + random.normal(0, np.where(cheap, 0.02, 0.2))),
        known=np.where(cheap, 3.0, 25.0),
    )  # fmt: skip
    fill(store, table)
    soon, late = START + timedelta(days=18), START + timedelta(days=60)
    (waiting, *_) = performance(store, task="regression", window=timedelta(days=28), as_of=soon)
    assert (waiting.n, waiting.metrics, waiting.maturity) == (0, {}, 0.0)
    (early,) = performance(store, task="regression", window=timedelta(days=28), as_of=soon, provisional=True)
    (full,) = performance(store, task="regression", window=timedelta(days=28), as_of=late)
    assert (early.n, full.n, full.coverage) == (pytest.approx(1_000, abs=120), 2_000, 1.0)
    assert full.metrics["rmse"].low > 5 * early.metrics["rmse"].high


def test_unlabelled_predictions_lower_the_coverage(store):
    """A window in which every second label is missing says so beside its figure."""
    table = sales(300).assign(version=1, day=0)
    table.loc[::2, "known"] = np.nan
    fill(store, table)
    (figure,) = performance(store, task="regression", window=WEEK, as_of=AS_OF)
    assert (figure.predictions, figure.n, figure.coverage, figure.maturity) == (300, 150, 0.5, 1.0)


def test_since_and_until_bound_the_predictions(store):
    """Only windows that were asked for are made."""
    fill(store, sales(200).assign(version=1))
    (figure,) = performance(store, task="regression", window=WEEK, as_of=AS_OF, since=START + WEEK)
    assert figure.starts == START + WEEK
    assert performance(store, task="regression", window=WEEK, as_of=AS_OF, until=START) == []


def test_wilson_never_leaves_the_unit():
    """Nothing wrong in twenty is no proof of perfection."""
    found = wilson(20, 20)
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.8 < found.low < 0.9
