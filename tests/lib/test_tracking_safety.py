"""Runs that meet a kill, a full disk, or seven others at the same moment."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import resource
import signal
import sqlite3
from collections.abc import Iterator
from multiprocessing.context import ForkProcess

import numpy as np
import pandas as pd
import pytest
from mlflow.store.tracking.dbmodels.models import SqlDataset
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sqlalchemy import event
from sqlalchemy.orm import Session

from lib.errors import TrackingError
from lib.settings import Settings
from lib.tracking import compare, read_run, track
from lib.tracking.client import open_client
from lib.tracking.liveness import mark_abandoned, process_tags

WAIT_S = 120.0
FORKED = multiprocessing.get_context("fork")
FITTING = FORKED.Event()


class Slow(Ridge):
    """Its training says that it began, and never ends."""

    def fit(self, inputs, target, sample_weight=None):
        FITTING.set()
        signal.pause()


def small(rows: int = 60) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(1).normal(size=(rows, 3)), columns=["a", "b", "y"])


@contextlib.contextmanager
def forked(task, *arguments) -> Iterator[ForkProcess]:
    """Runs `task` in a process of its own, with all that is imported here; killed at the end if it has not ended."""
    child = FORKED.Process(target=task, args=arguments)
    child.start()
    try:
        yield child
    finally:
        child.kill()
        child.join(WAIT_S)


def test_a_running_run_is_left_alone_and_a_killed_one_is_marked_at_the_next_start(tmp_path):
    """Never left "running" by a SIGKILL; what was recorded until then is readable."""
    settings = Settings(root=tmp_path)

    def never_ends():
        trusted = [f"{__name__}.Slow"]
        track(Slow(), small(), target="y", trusted=trusted, model_artifacts=False, settings=settings)

    with forked(never_ends) as child:
        assert FITTING.wait(WAIT_S)
        with pytest.raises(TrackingError, match="has the metric 'validation_rmse'"):
            compare(settings=settings)
        (run_id,) = compare_ids(settings)
        assert read_run(run_id, settings=settings)["status"] == "RUNNING"
        child.kill()
        child.join(WAIT_S)
    finished = track(Ridge(), small(), target="y", model_artifacts=False, settings=settings)
    record = read_run(run_id, settings=settings)
    assert record["status"] == "FAILED"
    assert f"process {child.pid} ended without closing the run" in record["tags"]["failure"]
    assert record["params"]["alpha"] == "1.0"
    assert "recipe/estimator.skops" in record["artifacts"]
    table = compare(settings=settings).table
    assert table["run"].tolist() == [finished.run_id, run_id]
    assert table["comparable"].tolist() == [True, False]
    assert table["why_not"].iloc[1].startswith("failed: process")


def compare_ids(settings: Settings) -> list[str]:
    client = open_client(settings)
    experiment = client.get_experiment_by_name(settings.experiment)
    assert experiment is not None
    return [run.info.run_id for run in client.search_runs([experiment.experiment_id])]


def test_a_process_id_that_was_given_out_again_is_told_apart_by_its_start_time(tmp_path):
    """And runs of other hosts, or not made by `track`, are not judged."""
    settings = Settings(root=tmp_path)
    client = open_client(settings)
    experiment = client.create_experiment("Ids")
    mine = process_tags()
    cases = {
        "alive": mine,
        "reused": {**mine, "process.started": repr(float(mine["process.started"]) - 7_200)},
        "elsewhere": {**mine, "process.host": "another", "process.started": "0.0"},
        "foreign": {},
    }
    runs = {name: client.create_run(experiment, tags=tags).info.run_id for name, tags in cases.items()}
    assert mark_abandoned(client, experiment) == [runs["reused"]]
    assert {name: client.get_run(run_id).info.status for name, run_id in runs.items()} == {
        "alive": "RUNNING",
        "reused": "FAILED",
        "elsewhere": "RUNNING",
        "foreign": "RUNNING",
    }


@pytest.mark.thorough
def test_eight_processes_start_at_once_on_a_fresh_store(tmp_path):
    """All succeed: one makes the store, one the experiment, one the snapshot; the others wait for it or find it."""
    track(Ridge(), small(), target="y", model_artifacts=False, settings=Settings(root=tmp_path / "imports"))
    settings, gate = Settings(root=tmp_path / "fresh"), FORKED.Barrier(8)

    def start(number):
        gate.wait()
        track(Ridge(alpha=float(number)), small(), target="y", model_artifacts=False, settings=settings)

    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(forked(start, number)) for number in range(1, 9)]
        for child in children:
            child.join(WAIT_S)
        assert [child.exitcode for child in children] == [0] * 8
    runs = [read_run(run_id, settings=settings) for run_id in compare_ids(settings)]
    assert {run["status"] for run in runs} == {"FINISHED"}
    assert {run["params"]["alpha"] for run in runs} == {f"{number}.0" for number in range(1, 9)}
    assert len({run["tags"]["data.digest"] for run in runs}) == 1


def test_data_that_another_run_enters_at_the_same_moment_is_shared(tmp_path):
    """MLflow looks whether it knows the data, then enters it; between the two another process does."""
    settings, entered = Settings(root=tmp_path), []

    def enter_first(session: Session, *_: object) -> None:
        for each in session.new:
            if isinstance(each, SqlDataset) and not entered:
                entered.append(each.digest)
                row = ("another", each.experiment_id, each.name, each.digest, "local", "{}")
                with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
                    database.execute(
                        "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, "
                        "dataset_source) VALUES (?, ?, ?, ?, ?, ?)", row,
                    )  # fmt: skip

    event.listen(Session, "before_flush", enter_first)
    try:
        run = track(Ridge(), small(), target="y", model_artifacts=False, settings=settings)
    finally:
        event.remove(Session, "before_flush", enter_first)
    (found,) = open_client(settings).get_run(run.run_id).inputs.dataset_inputs
    assert [found.dataset.digest] == entered


@pytest.mark.thorough
def test_a_full_disk_is_a_clear_error_and_the_metrics_stay_readable(tmp_path):
    """The kernel refuses the model's file; metrics, code and parameters are already in the store."""
    settings, told = Settings(root=tmp_path), FORKED.SimpleQueue()

    def fill_the_disk():
        track(Ridge(), small(), target="y", model_artifacts=False, settings=settings)
        # Python ignores SIGXFSZ, so a file that would outgrow the limit is a real OSError of the kernel's. The store
        # itself (0.9 MB) stays below it; the model (several MB) does not.
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, resource.RLIM_INFINITY))
        with pytest.raises(TrackingError) as raised:
            track(RandomForestRegressor(150, random_state=0), small(400), target="y", settings=settings)
        told.put(str(raised.value))

    with forked(fill_the_disk) as child:
        child.join(WAIT_S)
        assert child.exitcode == 0
    out = told.get()
    assert "File too large" in out
    assert "is marked FAILED" in out
    (failed,) = [
        record
        for record in (read_run(run_id, settings=settings) for run_id in compare_ids(settings))
        if record["status"] != "FINISHED"
    ]
    assert failed["status"] == "FAILED"
    assert "File too large" in failed["tags"]["failure"]
    assert failed["params"]["n_estimators"] == "150"
    assert {"environment.json", "recipe/recipe.json", "training.log"} <= set(failed["artifacts"])
    assert [model["status"] for model in failed["models"]] == ["FAILED"]
    assert json.dumps(failed)
