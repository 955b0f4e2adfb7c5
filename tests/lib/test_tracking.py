"""`track`: the six things on every run, any scikit-learn model, and clear failures that keep what was recorded."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from lib.errors import TrackingError
from lib.market import FEATURES, PRICE, SOLD, simulate
from lib.settings import Settings
from lib.tracking import default_pipeline, predict, read_run, track
from lib.tracking.client import local_folder, open_client
from lib.versioning import snapshot, versions

HOUSES = simulate("moving", rows=900, seed=1).houses
NUMBERS = ["area_m2", "age_years", "distance_km"]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


def workspace(folder: Path) -> Settings:
    """A git repository with one commit, where runs and data versions go."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "Learner")
    git(folder, "config", "user.email", "learner@workbook.example")
    (folder / ".gitignore").write_text("mlflow.db*\n.mlflow.db*\nmlruns/\n")
    (folder / "train.py").write_text("TREES = 10\n")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "one")
    return Settings(root=folder)


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    return workspace(tmp_path_factory.mktemp("tracked"))


@pytest.fixture(scope="module")
def forest(settings):
    """One complete run, shared by the tests that only read it."""
    return track(RandomForestRegressor(10, random_state=0), HOUSES, settings=settings)


def artifacts(settings: Settings, run_id: str) -> Path:
    folder = local_folder(open_client(settings).get_run(run_id).info.artifact_uri)
    assert folder is not None
    return folder


def small(rows: int = 120) -> pd.DataFrame:
    """A table of numbers without dates, so divided by row order."""
    draws = np.random.default_rng(0)
    frame = pd.DataFrame(draws.normal(size=(rows, 3)), columns=["a", "b", "c"])
    frame["y"] = 3 * frame["a"] - frame["b"] + draws.normal(scale=0.1, size=rows)
    return frame


def failed_run(settings: Settings, experiment: str) -> dict:
    """The one run of an experiment, as JSON."""
    client = open_client(settings)
    (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return read_run(run.info.run_id, settings=settings)


def test_the_commit_of_a_clean_tree_is_recorded_as_clean(tmp_path):
    """The first of the six things."""
    settings = workspace(tmp_path)
    run = track(Ridge(), HOUSES, model_artifacts=False, settings=settings)
    tags = read_run(run.run_id, settings=settings)["tags"]
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    assert (tags["git.commit"], tags["git.dirty"], tags["git.status"]) == (commit, "false", "clean")
    assert tags["mlflow.source.git.commit"] == commit


def test_a_dirty_tree_is_recorded_with_its_diff_and_its_new_files(tmp_path):
    """A commit does not pass for the code that ran."""
    settings = workspace(tmp_path)
    (tmp_path / "train.py").write_text("TREES = 99\n")
    (tmp_path / "new.py").write_text("import train\n")
    (tmp_path / "notes.txt").write_text("to do\n")
    run = track(Ridge(), HOUSES, model_artifacts=False, settings=settings)
    folder = artifacts(settings, run.run_id)
    patch = (folder / "code/diff.patch").read_text()
    assert read_run(run.run_id, settings=settings)["tags"]["git.dirty"] == "true"
    assert "+TREES = 99" in patch
    assert "+import train" in patch
    assert {"new.py", "notes.txt"} <= set((folder / "code/untracked.txt").read_text().splitlines())


def test_outside_git_the_run_says_so(tmp_path, monkeypatch):
    """No commit is claimed where there is none."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    run = track(Ridge(), small(), target="y", model_artifacts=False, settings=Settings(root=tmp_path))
    tags = read_run(run.run_id, settings=Settings(root=tmp_path))["tags"]
    assert tags["git.status"] == "not a git repository"
    assert tags["git.dirty"] == "unknown"
    assert "git.commit" not in tags


def test_the_data_version_is_the_digest_of_the_whole_content(settings, forest):
    """The run's data set carries the same digest as the snapshot."""
    record = read_run(forest.run_id, settings=settings)
    assert forest.data in versions(settings.root)
    assert record["tags"]["data.digest"] == forest.data.digest
    assert record["datasets"] == [
        {"name": "houses", "digest": forest.data.digest, "context": "training", "rows": len(HOUSES)}
    ]


def test_every_hyperparameter_is_recorded_defaults_included(settings, forest):
    """Whatever get_params says, and how the table was divided and encoded."""
    params = read_run(forest.run_id, settings=settings)["params"]
    assert set(RandomForestRegressor().get_params()) < set(params)
    assert params["n_estimators"] == "10"
    assert params["min_samples_leaf"] == "1"
    assert params["features"] == ", ".join(FEATURES)
    assert params["preprocessing"].startswith("default_pipeline")
    assert params["split"].startswith("by listed_on, cuts at 2024-")


def test_the_environment_is_recorded(settings, forest):
    """Python, system, processor and lock as tags; every installed version as an artifact."""
    tags = read_run(forest.run_id, settings=settings)["tags"]
    machine = json.loads((artifacts(settings, forest.run_id) / "environment.json").read_text())
    lock = Path(__file__).parents[2] / "requirements.lock"
    assert tags["env.python"].startswith("CPython 3.")
    assert {"env.system", "env.cpu"} <= tags.keys()
    assert tags["env.lock"] == f"sha256:{hashlib.sha256(lock.read_bytes()).hexdigest()}"
    assert {"scikit-learn", "mlflow", "dvc", "numpy"} <= machine["packages"].keys()


def test_metrics_are_recorded_on_all_three_parts(settings, forest):
    """And they are what a plain computation gives."""
    metrics = read_run(forest.run_id, settings=settings)["metrics"]
    assert metrics == forest.metrics
    assert set(metrics) == {
        f"{part}_{name}" for part in ("train", "validation", "test") for name in ("rmse", "mae", "r2")
    }
    assert metrics["train_rmse"] < metrics["validation_rmse"]
    assert 0.4 < metrics["validation_r2"] < 1


def test_the_artifacts_of_a_run(settings, forest):
    """Log, sample predictions, importance and pictures; the recipe for the replay."""
    folder = artifacts(settings, forest.run_id)
    listed = read_run(forest.run_id, settings=settings)["artifacts"]
    assert {
        "environment.json",
        "importance.csv",
        "params.json",
        "plots/importance.png",
        "plots/residuals.png",
        "predictions.csv",
        "recipe/estimator.skops",
        "recipe/recipe.json",
        "training.log",
    } <= set(listed)
    assert (folder / "plots/residuals.png").read_bytes().startswith(b"\x89PNG")
    assert 10 <= len(pd.read_csv(folder / "predictions.csv")) <= 20
    assert "fit took" in (folder / "training.log").read_text()


def test_the_model_states_its_signature_and_loads_in_plain_mlflow(settings, forest, monkeypatch):
    """Named, typed inputs; pinned requirements; the same answers through MLflow's own loader."""
    import mlflow

    (model,) = read_run(forest.run_id, settings=settings)["models"]
    types = {column["name"]: column["type"] for column in model["signature"]["inputs"]}
    assert model["format"] == "skops"
    assert list(types) == list(FEATURES)
    assert (types["district"], types["rooms"], types["area_m2"], types["has_garden"]) == (
        "string",
        "long",
        "double",
        "boolean",
    )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.store_uri)
    loaded = mlflow.pyfunc.load_model(f"runs:/{forest.run_id}/model")
    rows = HOUSES[list(FEATURES)].astype({"district": "str", "energy_class": "str", "has_garden": "bool"}).head(4)
    assert loaded.predict(rows).tolist() == forest.model.predict(rows).tolist()
    requirements = next(
        artifacts(settings, forest.run_id).parents[1].glob(f"models/{model['model_id']}/**/requirements.txt")
    )
    assert f"scikit-learn=={sklearn.__version__}" in requirements.read_text().splitlines()


def test_the_given_model_stays_unfitted(settings):
    """`track` works on a copy."""
    model = Ridge(alpha=2.0)
    run = track(model, HOUSES, model_artifacts=False, settings=settings)
    assert not hasattr(model, "coef_")
    assert run.model[-1].coef_.size > 0


def test_without_model_artifacts_there_is_no_model_and_no_picture(settings):
    """And the recipe is still there, so the run can be repeated."""
    run = track(Ridge(), HOUSES, model_artifacts=False, settings=settings)
    record = read_run(run.run_id, settings=settings)
    assert record["models"] == []
    assert "recipe/estimator.skops" in record["artifacts"]
    assert not [path for path in record["artifacts"] if path.startswith("plots/")]


@pytest.mark.parametrize(
    "model",
    [
        KNeighborsRegressor(),
        DecisionTreeRegressor(random_state=0),
        GradientBoostingRegressor(n_estimators=5, random_state=0),
        HistGradientBoostingRegressor(max_iter=5, random_state=0),
        TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
        StackingRegressor([("a", Ridge()), ("b", DecisionTreeRegressor(random_state=0))], cv=2),
        make_pipeline(StandardScaler(), SplineTransformer(n_knots=3), Ridge()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_any_regressor_is_recorded_whole_and_answers_again(model, settings):
    """Stored, read back by type list, and predicting the same."""
    run = track(model, HOUSES, features=NUMBERS, experiment="Kinds", settings=settings)
    rows = HOUSES[NUMBERS].head(3)
    answers = predict(run.run_id, rows.to_dict("records"), settings=settings)
    assert answers == run.model.predict(rows.astype({"age_years": "int64"})).tolist()
    assert {"plots/importance.png", "plots/residuals.png"} <= set(read_run(run.run_id, settings=settings)["artifacts"])


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(5, random_state=0),
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_any_classifier_is_recorded_with_accuracy_and_f1(model, settings):
    """On the target whose label matures after 30 days."""
    run = track(model, HOUSES, target=SOLD, features=NUMBERS, experiment="Sold", settings=settings)
    record = read_run(run.run_id, settings=settings)
    assert set(record["metrics"]) == {
        f"{part}_{name}" for part in ("train", "validation", "test") for name in ("accuracy", "f1")
    }
    assert "plots/confusion.png" in record["artifacts"]
    rows = HOUSES[NUMBERS].head(2).to_dict("records")
    assert set(predict(run.run_id, rows, settings=settings)) <= {0.0, 1.0}


def test_text_labels_come_back_as_text(settings):
    """Three classes, by name."""
    frame = small().assign(size=lambda rows: pd.cut(rows["y"], 3, labels=["low", "mid", "high"]).astype(str))
    run = track(RandomForestClassifier(5, random_state=0), frame, target="size", features=["a", "b"], settings=settings)
    assert predict(run.run_id, [{"a": 0.1, "b": 0.2}], settings=settings)[0] in {"low", "mid", "high"}


def test_a_table_without_dates_is_divided_by_row_order(settings):
    """And the run says so."""
    run = track(Ridge(), small(), target="y", model_artifacts=False, settings=settings)
    record = read_run(run.run_id, settings=settings)
    assert record["params"]["split"] == "by row order 60/20/20"
    assert [record["tags"][f"data.rows.{part}"] for part in ("train", "validation", "test")] == ["72", "24", "24"]
    assert record["params"]["features"] == "a, b, c"


def test_data_may_be_a_file_or_a_version(settings):
    """The same content is the same version, and gives the same metrics."""
    small().to_csv(settings.root / "own.csv", index=False)
    version = snapshot(settings.root / "own.csv", root=settings.root)
    options = {"target": "y", "model_artifacts": False, "settings": settings}
    by_path, by_version = track(Ridge(), "own.csv", **options), track(Ridge(), version, **options)
    assert by_path.data == by_version.data == version
    assert by_path.metrics == by_version.metrics


def test_a_very_long_parameter_is_cut_and_kept_whole_in_an_artifact(settings):
    """MLflow takes 6,000 characters."""
    names = [f"column_{number:04}" for number in range(800)]
    model = make_pipeline(FunctionTransformer(kw_args={"names": names}, func=passed_on), Ridge())
    run = track(model, small(), target="y", model_artifacts=False, trusted=[f"{__name__}.passed_on"], settings=settings)
    value = read_run(run.run_id, settings=settings)["params"]["functiontransformer__kw_args"]
    whole = json.loads((artifacts(settings, run.run_id) / "params.json").read_text())
    assert len(value) == 6_000
    assert "whole in params.json" in value
    assert whole["functiontransformer__kw_args"] == str({"names": names})


def test_more_than_a_hundred_parameters_are_all_recorded(settings):
    """MLflow takes 100 a call."""
    model = StackingRegressor([(f"m{number}", DecisionTreeRegressor(random_state=0)) for number in range(9)], cv=2)
    run = track(model, small(), target="y", model_artifacts=False, settings=settings)
    assert set(model.get_params()) < set(read_run(run.run_id, settings=settings)["params"])


def test_parameters_read_the_same_in_every_process(settings):
    """No memory addresses."""
    model = make_pipeline(FunctionTransformer(func=passed_on), Ridge())
    run = track(model, small(), target="y", model_artifacts=False, trusted=[f"{__name__}.passed_on"], settings=settings)
    params = read_run(run.run_id, settings=settings)["params"]
    assert not [value for value in params.values() if " at 0x" in value]


def test_what_fit_prints_goes_to_the_log_and_stdout_stays_silent(settings, capfd):
    """Also with everything recorded."""
    run = track(Talkative(), small(), target="y", trusted=[f"{__name__}.Talkative"], settings=settings)
    assert capfd.readouterr().out == ""
    assert "half way there" in (artifacts(settings, run.run_id) / "training.log").read_text()


def test_warnings_of_fit_reach_the_caller_and_the_log(settings):
    """They are neither hidden nor lost."""
    with pytest.warns(UserWarning, match="few rows"):
        run = track(
            Talkative(warns=True), small(), target="y", model_artifacts=False,
            trusted=[f"{__name__}.Talkative"], settings=settings,
        )  # fmt: skip
    assert "few rows" in (artifacts(settings, run.run_id) / "training.log").read_text()


def test_the_default_pipeline_encodes_text_and_passes_the_rest():
    """An unseen category is a row of zeros, not an error."""
    frame = pd.DataFrame({"district": ["centre", "suburb"], "area_m2": [50.0, 90.0], "has_garden": [False, True]})
    model = default_pipeline(LinearRegression(), frame).fit(frame, [1.0, 2.0])
    encoded = model[0].transform(frame.assign(district=["country", "centre"]))
    assert encoded.astype(float).tolist() == [[0.0, 0.0, 50.0, 0.0], [1.0, 0.0, 90.0, 1.0]]


def with_hole(column: str) -> pd.DataFrame:
    frame = small()
    frame.loc[3, column] = np.nan
    return frame


class Talkative(RegressorMixin, BaseEstimator):
    """Prints, and warns if asked to, while it learns the mean."""

    def __init__(self, *, warns: bool = False):
        self.warns = warns

    def fit(self, inputs, target):
        print("half way there")  # noqa: T201
        if self.warns:
            import warnings

            warnings.warn("few rows", UserWarning, stacklevel=1)
        self.mean_ = float(np.mean(target))
        return self

    def predict(self, inputs):
        return np.full(len(inputs), self.mean_)


class Interrupted(Ridge):
    def fit(self, inputs, target, sample_weight=None):
        raise KeyboardInterrupt


def passed_on(inputs, names=()):
    return inputs


@pytest.mark.parametrize(
    ("case", "model", "data", "target", "message"),
    [
        ("empty frame", Ridge(), small().iloc[:0], "y", "0 rows"),
        ("too few rows", Ridge(), small(4), "y", "has 0 rows|needs 2"),
        ("missing target", Ridge(), small(), "price", "no column 'price'"),
        ("close name", Ridge(), small().rename(columns={"y": "price_eur"}), "price_eru", "Did you mean 'price_eur'"),
        ("text target", Ridge(), small().assign(y="dear"), "y", "predicts numbers"),
        ("hole in target", Ridge(), with_hole("y"), "y", "missing in 1 of 120 rows"),
        ("hole in data", Ridge(), with_hole("b"), "y", r"b \(1 of 72\)"),
        ("infinite target", Ridge(), small().replace({"y": {small()["y"].iloc[0]: np.inf}}), "y", "infinite in 1"),
        ("lambda", make_pipeline(FunctionTransformer(lambda rows: rows), Ridge()), small(), "y", "top level"),
        ("own type", Talkative(), small(), "y", "not trusted: .*Talkative"),
        ("not a model", KMeans(), small(), "y", "neither a regressor nor a classifier"),
        ("a class", Ridge, small(), "y", "the class Ridge is not"),
        ("no file", Ridge(), "nowhere.csv", "y", "nowhere.csv is not a file"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_failure_is_clear_and_leaves_a_failed_run_with_its_reason(case, model, data, target, message, settings):
    """The code, environment and parameters that came before it stay readable."""
    experiment = f"Failure: {case}"
    with pytest.raises(TrackingError, match=message) as caught:
        track(model, data, target=target, experiment=experiment, settings=settings)
    record = failed_run(settings, experiment)
    assert record["status"] == "FAILED"
    assert record["tags"]["failure"] in str(caught.value)
    assert "is marked FAILED" in str(caught.value)
    assert caught.value.__cause__ is not None
    assert "git.commit" in record["tags"]
    assert {"environment.json", "training.log"} <= set(record["artifacts"])
    if case not in ("not a model", "a class"):
        assert record["params"]


def test_holes_are_fine_for_models_that_take_them(settings):
    """The check is the estimator's, not ours."""
    for model in (HistGradientBoostingRegressor(max_iter=3), make_pipeline(SimpleImputer(), Ridge())):
        track(model, with_hole("b"), target="y", model_artifacts=False, settings=settings)


def test_a_missing_feature_is_named(settings):
    """Before anything is fitted."""
    with pytest.raises(TrackingError, match=r"no column 'area'\. Did you mean 'area_m2'"):
        track(Ridge(), HOUSES, features=["area"], experiment="Failure: feature", settings=settings)


def test_the_target_is_no_feature(settings):
    """A leak of the plainest kind."""
    with pytest.raises(TrackingError, match="stands among the features"):
        track(Ridge(), HOUSES, features=["area_m2", PRICE], experiment="Failure: leak", settings=settings)


def test_an_interrupt_leaves_a_killed_run_and_goes_on_up(settings):
    """Control-C is no error to be wrapped."""
    trusted = [f"{__name__}.Interrupted"]
    with pytest.raises(KeyboardInterrupt):
        track(Interrupted(), small(), target="y", trusted=trusted, experiment="Interrupted", settings=settings)
    record = failed_run(settings, "Interrupted")
    assert record["status"] == "KILLED"
    assert record["params"]["alpha"] == "1.0"


def test_a_run_that_is_open_is_gone_on_with(settings):
    """As MLflow Projects need it."""
    client = open_client(settings)
    opened = client.create_run(client.create_experiment("Opened"), run_name="by another")
    run = track(Ridge(), small(), target="y", run_id=opened.info.run_id, model_artifacts=False, settings=settings)
    assert run.run_id == opened.info.run_id
    assert run.experiment == "Opened"
    assert read_run(run.run_id, settings=settings)["status"] == "FINISHED"
