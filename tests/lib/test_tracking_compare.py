"""`compare`: an honest table of the runs of an experiment, and its picture."""

from __future__ import annotations

import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import Lasso, Ridge
from sklearn.tree import DecisionTreeRegressor

from lib.errors import TrackingError
from lib.market import SOLD, simulate
from lib.settings import Settings
from lib.tracking import compare, plots, track
from lib.tracking.client import open_client

HOUSES = simulate("moving", rows=600, seed=3).houses


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    return Settings(root=tmp_path_factory.mktemp("compared"))


@pytest.fixture(scope="module")
def runs(settings):
    """Five runs on the same data, one on other data, one that failed."""
    options = {"model_artifacts": False, "settings": settings}
    found = {f"ridge {alpha:g}": track(Ridge(alpha), HOUSES, **options) for alpha in (0.1, 10_000.0)}
    found["lasso"] = track(Lasso(alpha=10.0, max_iter=50_000), HOUSES, **options)
    found["tree"] = track(DecisionTreeRegressor(max_depth=4, random_state=0), HOUSES, name="a shallow tree", **options)
    found["other data"] = track(Ridge(0.1), HOUSES.iloc[:500], **options)
    with pytest.raises(TrackingError):
        track(Ridge(0.1), HOUSES, features=["nothing"], **options)
    return found


def test_the_table_is_sorted_by_the_validation_error(settings, runs):
    """Best first, what failed last, and no test metric to choose by."""
    table = compare(settings=settings).table
    finished = table[table["status"] == "FINISHED"]
    assert finished["validation_rmse"].is_monotonic_increasing
    assert set(finished["run"]) == {run.run_id for run in runs.values()}
    assert table["status"].iloc[-1] == "FAILED"
    assert not [column for column in table if column.startswith("test_")]
    best = min(runs.values(), key=lambda run: run.metrics["validation_rmse"])
    assert table["run"].iloc[0] == best.run_id


def test_only_parameters_that_differ_become_columns(settings, runs):
    """What follows from the class of the model is no difference."""
    comparison = compare(settings=settings)
    assert "alpha" in comparison.differing
    assert not {"fit_intercept", "criterion", "target", "features"} & set(comparison.differing)
    by_run = comparison.table.set_index("run")
    assert by_run.loc[runs["ridge 10000"].run_id, "alpha"] == "10000.0"
    assert by_run.loc[runs["tree"].run_id, "name"] == "a shallow tree"


def test_a_run_on_other_data_is_marked_as_not_comparable(settings, runs):
    """With the reason; so is one that failed."""
    by_run = compare(settings=settings).table.set_index("run")
    other = by_run.loc[runs["other data"].run_id]
    assert not other["comparable"]
    assert other["why_not"].startswith(f"other data: {runs['other data'].data.digest}")
    assert by_run.loc[runs["lasso"].run_id, "comparable"]
    (failed,) = by_run.index[by_run["status"] == "FAILED"]
    assert "no column 'nothing'" in by_run.loc[failed, "why_not"]


def test_the_picture_is_a_png_with_a_label_for_each_run(settings, runs, tmp_path):
    """Drawn without pyplot."""
    figure = compare(settings=settings).plot()
    plots.save(figure, tmp_path / "runs.png")
    assert (tmp_path / "runs.png").read_bytes().startswith(b"\x89PNG")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == len(runs)
    assert any("a shallow tree" in label for label in labels)


def test_classifiers_are_sorted_by_f1_highest_first(settings):
    """Their metric is another, and so is its direction."""
    for strategy in ("most_frequent", "uniform"):
        model = DummyClassifier(strategy=strategy, random_state=0)
        track(model, HOUSES, target=SOLD, experiment="Sold", model_artifacts=False, settings=settings)
    comparison = compare("Sold", settings=settings)
    assert comparison.metric == "validation_f1"
    assert comparison.table["strategy"].tolist() == ["uniform", "most_frequent"]


def test_runs_of_plain_mlflow_can_be_compared(settings):
    """What they did not record is said to be unknown, not taken for granted."""
    client = open_client(settings)
    experiment = client.create_experiment("Plain")
    for depth, error in (("3", 2.0), (None, 1.0)):
        run_id = client.create_run(experiment).info.run_id
        if depth:
            client.log_param(run_id, "depth", depth)
        client.log_metric(run_id, "validation_rmse", error)
        client.set_terminated(run_id)
    table = compare("Plain", settings=settings).table
    assert table["validation_rmse"].tolist() == [1.0, 2.0]
    assert table["depth"].isna().tolist() == [True, False]
    assert table["why_not"].tolist() == ["its data version is not recorded"] * 2
    assert table["dirty"].tolist() == ["unknown"] * 2


def test_what_cannot_be_compared_is_refused(settings, runs):
    """An unknown experiment, an empty one, an unknown metric."""
    open_client(settings).create_experiment("Empty")
    with pytest.raises(TrackingError, match=r"there is no experiment 'Nowhere' in this store\. It has .*'House Price"):
        compare("Nowhere", settings=settings)
    with pytest.raises(TrackingError, match="'Empty' has no runs yet"):
        compare("Empty", settings=settings)
    with pytest.raises(TrackingError, match=r"has the metric 'validation_gain'\. Their metrics are .*validation_rmse"):
        compare(metric="validation_gain", settings=settings)
