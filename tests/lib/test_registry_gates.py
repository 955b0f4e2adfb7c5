"""The gates that come with the registry, each passing and failing on real models, with numbers known beforehand."""

from __future__ import annotations

import os

import numpy as np
import pytest
from mlflow.models import MetricThreshold
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor

from lib.errors import ArtifactCorrupted, PromotionRefused, RegistryError
from lib.registry import promote, register
from lib.registry.contender import contender, run_gates
from lib.registry.gates import (
    artifact_digest,
    better_than_champion,
    disjoint_rows,
    latency_p95,
    mlflow_thresholds,
    no_slice_worse,
    signature_compatible,
)
from lib.registry.stores import open_stores
from lib.tracking.client import local_folder, open_client
from tests.lib.registered import a_run, another, champion, houses, settings_in, weak_and_good

FRESH = houses(600, seed=7, first=10_000)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return settings_in(tmp_path_factory.mktemp("gates"))


@pytest.fixture(scope="module")
def runs(settings):
    return weak_and_good(settings)


@pytest.fixture(scope="module")
def side(settings, runs):
    """Any run, as a gate sees it."""

    def seen(run_id):
        version = register(run_id, "sides", by="ada", settings=settings)
        with open_stores(settings) as stores:
            return contender(stores, stores.about("sides", version.version))

    return seen


@pytest.fixture(scope="module")
def weak(side, runs):
    return side(runs[0])


@pytest.fixture(scope="module")
def good(side, runs):
    return side(runs[1])


def rmse(side, rows=FRESH):
    return float(np.sqrt(((rows["y"] - side.model.predict(rows[["a", "b"]])) ** 2).mean()))


def test_a_better_model_passes_with_the_numbers_that_numpy_gives(weak, good):
    """Gain, interval, and the digest of the rows that both were measured on."""
    found = better_than_champion(FRESH, "y", margin=0.2)(good, weak)
    measured = found.measured
    assert found.passed
    assert measured["champion"] == pytest.approx(rmse(weak))
    assert measured["candidate"] == pytest.approx(rmse(good))
    assert measured["gain"] == pytest.approx(1 - rmse(good) / rmse(weak))
    assert 0.2 < measured["low"] < measured["gain"] < measured["high"] < 1
    assert measured["rows"] == 600
    again = better_than_champion(FRESH[FRESH.columns[::-1]], "y", margin=0.2)(good, weak)
    assert again.measured == measured
    assert better_than_champion(FRESH[:599], "y")(good, weak).measured["digest"] != measured["digest"]


def test_the_interval_agrees_with_theory(side, settings, good):
    """For the mean of n paired differences the bootstrap's half width is near 1.96 s / √n."""
    other = side(a_run(settings, KNeighborsRegressor(3)))
    said = FRESH["y"].to_numpy()
    lost = np.abs(said - other.model.predict(FRESH[["a", "b"]])), np.abs(said - good.model.predict(FRESH[["a", "b"]]))
    found = better_than_champion(FRESH, "y", metric="mae")(good, other).measured
    # The ratio of two means, by the delta method.
    ratio = lost[1].mean() / lost[0].mean()
    expected = 1.96 * np.std(lost[1] - ratio * lost[0]) / lost[0].mean() / np.sqrt(len(said))
    assert (found["high"] - found["low"]) / 2 == pytest.approx(expected, rel=0.1)


def test_the_same_model_or_a_worse_one_or_too_small_a_gain_does_not_pass(side, weak, good, runs, settings):
    """Two identical trainings tie, and a tie is no gain."""
    twin = side(another(runs[1], settings))
    assert not better_than_champion(FRESH, "y")(twin, good).passed
    assert not better_than_champion(FRESH, "y")(weak, good).passed
    assert not better_than_champion(FRESH, "y", margin=0.9)(good, weak).passed


def test_two_equally_good_models_pass_seldom(settings, side):
    """Of 40 pairs that differ by the luck of their training rows alone, on rows of the same law, far from half pass."""
    from sklearn.base import clone

    from lib.registry.artifact import Loaded

    model = Ridge(alpha=1.0)
    frames = [houses(60, seed=100 + number) for number in range(80)]
    fitted = [clone(model).fit(frame[["a", "b"]], frame["y"]) for frame in frames]
    base = side(a_run(settings, model))

    def as_side(number):
        copy = type(base)(**{name: getattr(base, name) for name in ("name", "version", "run_id", "digest", "stores")})
        copy.__dict__["_loaded"] = Loaded(model=fitted[number], signature=base.signature)
        return copy

    gains = [
        better_than_champion(houses(200, seed=1_000 + pair), "y", margin=0.02, resamples=300)(
            as_side(2 * pair), as_side(2 * pair + 1)
        ).passed
        for pair in range(40)
    ]
    assert sum(gains) <= 4


def test_the_first_champion_has_nothing_to_beat(good):
    """And the gates that compare say so."""
    gates = (
        better_than_champion(FRESH, "y"),
        no_slice_worse(FRESH, "y", by="region", tolerance=0.1),
        signature_compatible(),
    )
    for found in run_gates(gates, good, None):
        assert (found.passed, found.reason) == (True, "there is no champion")


def test_rows_that_cannot_be_judged_fail(weak, good):
    """Missing targets, missing inputs, answers that are no numbers."""
    for rows, words in (
        (FRESH.assign(y=np.nan), "missing in 600 of 600"),
        (FRESH.drop(columns="a"), "the rows lack a"),
        (FRESH[:0], "missing in 0 of 0"),
        (FRESH.drop(columns="y"), "no column 'y'"),
    ):
        (found,) = run_gates([better_than_champion(rows, "y")], good, weak)
        assert not found.passed
        assert words in found.reason


def test_a_slice_can_veto_what_the_average_gains(settings, side):
    """Better overall and a disaster in the south, which is a sixth of the rows."""
    rows = FRESH.assign(region=np.where(np.arange(600) % 6 == 0, "south", "north"))
    rows["a"] += np.where(rows["region"] == "south", 5.0, 0.0)
    rows["y"] = np.where(rows["region"] == "south", 0.5, 3.0) * rows["a"]
    north = rows[rows["region"] == "north"]
    candidate = side(a_run(settings, Ridge(alpha=0.1), north))
    old = side(a_run(settings, Ridge(alpha=2_000.0), rows))
    judged = rows.assign(region=rows["region"].mask(rows.index < 12, "west"))
    found = no_slice_worse(judged, "y", by="region", tolerance=0.05)(candidate, old)
    assert not found.passed
    south, of_old = (rmse(each, judged[judged["region"] == "south"]) for each in (candidate, old))
    assert found.measured["worse_by"]["south"] == pytest.approx(south / of_old - 1)
    assert found.measured["worse_by"]["north"] < 0
    assert found.measured["too_small"] == ["west"]
    assert no_slice_worse(rows, "y", by="region", tolerance=south / of_old)(candidate, old).passed
    assert not no_slice_worse(rows, "y", by="region", tolerance=9.0, min_rows=601)(candidate, old).passed


def test_latency_is_measured(good):
    """Any real model takes longer than a nanosecond and less than a minute; a p95 of few calls is refused."""
    slow = latency_p95(FRESH, limit_ms=1e-6, repeats=20)(good, None)
    assert not slow.passed
    assert slow.measured["p95_ms"] >= slow.measured["p50_ms"] > 0
    assert latency_p95(FRESH, limit_ms=60_000, repeats=20)(good, None).passed
    with pytest.raises(RegistryError, match="needs 20 calls"):
        latency_p95(FRESH, limit_ms=1, repeats=5)


def test_a_signature_that_callers_cannot_meet_fails(settings, side, good):
    """A new required input, another type, another kind of answer; fewer inputs are fine."""
    frame = houses().assign(c=1.0, whole=np.arange(400))
    fewer = side(a_run(settings, Ridge(), frame, features=["a"]))
    more = side(a_run(settings, Ridge(), frame, features=["a", "b", "c"]))
    whole = side(a_run(settings, Ridge(), frame.assign(a=frame["whole"])))
    classes = side(a_run(settings, LogisticRegression(), frame.assign(y=frame["y"] > 0)))
    gate = signature_compatible()
    assert gate(fewer, good).passed
    assert gate(good, good).passed
    assert "it needs c, which callers of version" in gate(more, good).reason
    assert "a was double and is long" in gate(whole, good).reason
    assert "its output is [(None, 'bool')]" in gate(classes, good).reason


def test_evaluation_rows_that_were_trained_on_fail(weak, good):
    """The first 60 % of the table are the training rows; what lies behind them and fresh rows are not."""
    table = houses()
    assert disjoint_rows(FRESH, "id")(good, weak).passed
    assert disjoint_rows(table[240:], "id")(good, weak).passed
    found = disjoint_rows(table[230:], ["id"])(good, weak)
    assert not found.passed
    assert set(found.measured["shared_rows"].values()) == {10}
    assert "10 of 170 rows trained version" in found.reason


def test_training_rows_that_cannot_be_had_prove_nothing(settings, side, good, runs, tmp_path):
    """No data version, no such key, or bytes that are gone."""
    plain = side(another(runs[0], settings))
    assert "records no data version" in disjoint_rows(FRESH, "id")(plain, None).reason
    found = disjoint_rows(FRESH.assign(number=1), "number")(good, None)
    assert not found.passed
    assert "have no column number" in found.reason
    elsewhere = settings.model_copy(update={"root": tmp_path, "tracking_uri": settings.store_uri})
    with open_stores(settings) as stores:
        moved = type(good)(**{**contender(stores, stores.about("sides", good.version)).__dict__, "stores": stores})
    object.__setattr__(moved.stores, "settings", elsewhere)
    assert "no data version is named" in disjoint_rows(FRESH, "id")(moved, None).reason


def test_changed_files_fail_the_digest(settings, side):
    """Without a look into the model."""
    candidate = side(a_run(settings, Ridge(alpha=77.0)))
    gate = artifact_digest()
    assert gate(candidate, None).passed
    file = local_folder(candidate.location) / "requirements.txt"
    file.write_text(file.read_text() + "left-pad\n")
    found = gate(candidate, None)
    assert not found.passed
    assert found.measured != found.threshold
    with pytest.raises(ArtifactCorrupted):
        _ = candidate.model


def test_mlflows_own_validation_is_a_gate(settings, weak, good, monkeypatch):
    """Its figures are numpy's, its verdict and its words are passed on, and nothing of it stays behind."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///somewhere.db")
    before = len(open_client(settings).search_runs(["0", "1"]))
    better = {
        "root_mean_squared_error": MetricThreshold(threshold=0.6, min_relative_change=0.1, greater_is_better=False)
    }
    found = mlflow_thresholds(FRESH, "y", better)(good, weak)
    assert found.passed
    assert found.measured["candidate"]["root_mean_squared_error"] == pytest.approx(rmse(good))
    assert found.measured["champion"]["root_mean_squared_error"] == pytest.approx(rmse(weak))
    swapped = mlflow_thresholds(FRESH, "y", better)(weak, good)
    assert not swapped.passed
    assert "value threshold check failed" in swapped.reason
    missing = {"nonsense": MetricThreshold(threshold=1, greater_is_better=True)}
    assert not mlflow_thresholds(FRESH, "y", missing)(good, None).passed
    assert os.environ["MLFLOW_TRACKING_URI"] == "sqlite:///somewhere.db"
    assert len(open_client(settings).search_runs(["0", "1"])) == before


def test_all_gates_together_decide_a_promotion(settings, runs):
    """The good model replaces the weak one, and not the other way round."""
    gates = [
        artifact_digest(),
        signature_compatible(),
        disjoint_rows(FRESH, "id"),
        better_than_champion(FRESH, "y", margin=0.01),
        no_slice_worse(FRESH, "y", by="region", tolerance=0.05),
        latency_p95(FRESH, limit_ms=1_000, repeats=20),
    ]
    champion("both", runs[0], settings)
    staged_good = register(runs[1], "both", by="ada", settings=settings)
    done = promote("both", staged_good.version, to="Staging", by="ada", gates=gates, settings=settings)
    assert [found.id for found in done.evidence if found.passed] == [gate.__name__ for gate in gates]
    champion("other", runs[1], settings)
    version = register(runs[0], "other", by="ada", settings=settings)
    with pytest.raises(PromotionRefused, match=r"2 of 6 gates failed\. better_than_champion: gain -"):
        promote("other", version.version, to="Staging", by="ada", gates=gates, settings=settings)


def test_the_classification_scores(settings, side):
    """The error rate and 1 − F1, as scikit-learn counts them."""
    from sklearn.metrics import f1_score

    frame = houses().assign(y=houses()["y"] > 2)
    candidate, old = (side(a_run(settings, LogisticRegression(C=c), frame)) for c in (10.0, 1e-4))
    rows = FRESH.assign(y=FRESH["y"] > 2)
    answer = candidate.model.predict(rows[["a", "b"]])
    rate = better_than_champion(rows, "y", resamples=200)(candidate, old)
    f1 = better_than_champion(rows, "y", metric="one_minus_f1", resamples=200)(candidate, old)
    assert rate.measured["metric"] == "error_rate"
    assert rate.measured["candidate"] == pytest.approx((answer != rows["y"]).mean())
    assert f1.measured["candidate"] == pytest.approx(1 - f1_score(rows["y"], answer))
    assert rate.passed
    assert f1.passed
