"""Runs that meet a kill, a full disk, or seven others at the same moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from lib.errors import TrackingError
from lib.settings import Settings
from lib.tracking import compare, read_run, track
from lib.tracking.client import open_client
from lib.tracking.liveness import mark_abandoned, process_tags

ROOT = Path(__file__).parents[2]

PREPARED = """
import sys, resource
import numpy as np, pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.ensemble import RandomForestRegressor
from lib.errors import TrackingError
from lib.tracking import track
draws = np.random.default_rng(0)
table = pd.DataFrame(draws.normal(size=(400, 3)), columns=["a", "b", "y"])
"""

NEVER_ENDS = """
class Slow(Ridge):
    def fit(self, inputs, target, sample_weight=None):
        print("fitting", file=sys.stderr, flush=True)
        sys.stdin.read()
        return super().fit(inputs, target)
track(Slow(), table, target="y", trusted=["__main__.Slow"], model_artifacts=False)
"""

# Forked from one interpreter that has imported everything, so that they truly meet in the store.
AT_ONCE = """
import multiprocessing
from pathlib import Path
from lib.settings import Settings
Path("warm").mkdir()
track(Ridge(), table, target="y", model_artifacts=False, settings=Settings(root="warm"))
forked = multiprocessing.get_context("fork")
gate = forked.Barrier(8)
def start(number):
    gate.wait()
    track(Ridge(alpha=float(number)), table, target="y", model_artifacts=False)
children = [forked.Process(target=start, args=(number,)) for number in range(1, 9)]
for child in children: child.start()
for child in children: child.join()
print([child.exitcode for child in children])
"""

# Python ignores SIGXFSZ, so a file that would outgrow the limit is a real OSError of the kernel's. The store itself
# (0.9 MB) stays below it; the model (several MB) does not.
DISK_FULL = """
track(Ridge(), table, target="y", model_artifacts=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, resource.RLIM_INFINITY))
try:
    track(RandomForestRegressor(150, random_state=0), table, target="y")
except TrackingError as error:
    print(error)
"""


def start(code: str, folder: Path) -> subprocess.Popen[str]:
    """A Python process in `folder` that has `track` and a table at hand."""
    return subprocess.Popen(
        [sys.executable, "-c", PREPARED + code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def small() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(1).normal(size=(60, 3)), columns=["a", "b", "y"])


def wait_until_fitting(child: subprocess.Popen[str]) -> None:
    assert child.stderr is not None
    for line in child.stderr:
        if line.strip() == "fitting":
            return
    pytest.fail(f"the child ended early with exit code {child.wait()}")


def test_a_running_run_is_left_alone_and_a_killed_one_is_marked_at_the_next_start(tmp_path):
    """Never left "running" by a SIGKILL; what was recorded until then is readable."""
    settings = Settings(root=tmp_path)
    with start(NEVER_ENDS, tmp_path) as child:
        wait_until_fitting(child)
        with pytest.raises(TrackingError, match="has the metric 'validation_rmse'"):
            compare(settings=settings)
        (run_id,) = compare_ids(settings)
        assert read_run(run_id, settings=settings)["status"] == "RUNNING"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
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
    with start(AT_ONCE, tmp_path) as child:
        out, error = child.communicate()
    assert out.strip() == str([0] * 8), error
    settings = Settings(root=tmp_path)
    runs = [read_run(run_id, settings=settings) for run_id in compare_ids(settings)]
    assert {run["status"] for run in runs} == {"FINISHED"}
    assert {run["params"]["alpha"] for run in runs} == {f"{number}.0" for number in range(1, 9)}
    assert len({run["tags"]["data.digest"] for run in runs}) == 1


@pytest.mark.thorough
def test_a_full_disk_is_a_clear_error_and_the_metrics_stay_readable(tmp_path):
    """The kernel refuses the model's file; metrics, code and parameters are already in the store."""
    with start(DISK_FULL, tmp_path) as child:
        out, error = child.communicate()
    assert child.returncode == 0, error
    assert "File too large" in out
    assert "is marked FAILED" in out
    settings = Settings(root=tmp_path)
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
