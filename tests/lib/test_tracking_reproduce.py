"""`reproduce`: equal to the last bit, or exactly what differs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from lib.errors import TrackingError
from lib.market import simulate
from lib.settings import Settings
from lib.tracking import Run, reproduce, track
from lib.tracking.client import local_folder, open_client

HOUSES = simulate("moving", rows=700, seed=2).houses


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def settings(tmp_path) -> Settings:
    """A git repository with one commit, where runs and data versions go."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "config", "user.name", "Learner")
    git(tmp_path, "config", "user.email", "learner@workbook.example")
    (tmp_path / ".gitignore").write_text("mlflow.db*\n.mlflow.db*\nmlruns/\n__pycache__/\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    return Settings(root=tmp_path)


def quick(model, settings: Settings, **options) -> Run:
    return track(model, HOUSES, model_artifacts=False, settings=settings, **options)


def edit_environment(run: Run, settings: Settings, change) -> None:
    folder = local_folder(open_client(settings).get_run(run.run_id).info.artifact_uri)
    assert folder is not None
    file = folder / "environment.json"
    record = json.loads(file.read_text())
    change(record)
    file.write_text(json.dumps(record))


def test_a_seeded_forest_comes_out_equal_in_a_fresh_interpreter(settings):
    """Every one of its nine metrics, and nothing else has changed either."""
    run = track(RandomForestRegressor(10, random_state=0), HOUSES, settings=settings)
    answer = reproduce(run.run_id, settings=settings)
    assert (answer.equal, answer.differences) == (True, ())
    assert answer.metrics == answer.recorded == run.metrics
    assert "all 9 metrics are equal to the last bit" in str(answer)


def test_without_a_random_state_the_metrics_that_differ_are_named_with_the_reason(settings):
    """Each with both values."""
    run = quick(RandomForestRegressor(5, random_state=None), settings)
    answer = reproduce(run.run_id, isolated=False, settings=settings)
    assert not answer.equal
    assert any(
        line.startswith(f"validation_rmse: {run.metrics['validation_rmse']!r} then") for line in answer.differences
    )
    assert any(line.startswith("random_state was None") for line in answer.differences)
    assert "was not reproduced" in str(answer)


def test_a_generator_as_random_state_is_repeated_from_where_it_stood(settings):
    """The recipe keeps the estimator as it was before the fit used the generator up."""
    run = quick(RandomForestRegressor(5, random_state=np.random.RandomState(3)), settings)
    assert reproduce(run.run_id, isolated=False, settings=settings).equal


@pytest.mark.thorough
def test_the_recorded_code_runs_and_not_what_stands_there_now(settings):
    """Commit, uncommitted change and a file that git never saw all come back; the tree in place stays as it is."""
    factor, module = settings.root / "factor.py", settings.root / "steps_of_this_run.py"
    factor.write_text("FACTOR = 1.0\n")
    git(settings.root, "add", "factor.py")
    git(settings.root, "commit", "--quiet", "-m", "two")
    factor.write_text("FACTOR = 2.0\n")
    module.write_text(
        "import numpy as np\nfrom factor import FACTOR\n\ndef curve(rows):\n    return np.sqrt(rows) * FACTOR\n"
    )
    script = (
        "from sklearn.linear_model import Ridge; from sklearn.pipeline import make_pipeline;"
        "from sklearn.preprocessing import FunctionTransformer; from lib.market import simulate;"
        "from lib.tracking import track; from steps_of_this_run import curve;"
        "print(track(make_pipeline(FunctionTransformer(curve), Ridge()), simulate('moving', rows=700, seed=2).houses,"
        " features=['area_m2'], model_artifacts=False, trusted=['steps_of_this_run.curve']).run_id)"
    )
    run_id = in_workspace(script, settings)
    factor.write_text("FACTOR = 300.0\n")
    module.unlink()
    before = git(settings.root, "status", "--porcelain")
    trusted = ["steps_of_this_run.curve"]
    answer = reproduce(run_id, trusted=trusted, settings=settings)
    assert answer.equal, answer
    assert git(settings.root, "status", "--porcelain") == before
    assert len(git(settings.root, "worktree", "list").splitlines()) == 1
    with pytest.raises(TrackingError, match=r"is not that of run .* Use isolated=True"):
        reproduce(run_id, trusted=trusted, isolated=False, settings=settings)


def in_workspace(script: str, settings: Settings) -> str:
    """Run a script as a learner does, in the workspace; returns what it prints."""
    import os
    import sys

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_types_of_ones_own_are_vouched_for_again(settings):
    """The list that a run brings along is not believed."""
    model = make_pipeline(FunctionTransformer(same), Ridge())
    run = quick(model, settings, features=["area_m2"], trusted=[f"{__name__}.same"])
    with pytest.raises(TrackingError, match=r"not trusted: .*same"):
        reproduce(run.run_id, isolated=False, settings=settings)
    assert reproduce(run.run_id, isolated=False, trusted=[f"{__name__}.same"], settings=settings).equal


def same(rows):
    return rows


def test_data_that_cannot_be_fetched_any_more_is_said_so(settings):
    """The snapshot's bytes are gone."""
    run = quick(Ridge(), settings)
    shutil.rmtree(settings.root / ".dvc" / "cache")
    shutil.rmtree(settings.root / "versions")
    answer = reproduce(run.run_id, settings=settings)
    assert not answer.equal
    assert answer.differences[0].startswith(f"data: {run.data.name} can no longer be fetched")
    assert answer.metrics == {}


def test_a_commit_that_is_gone_is_said_so(settings):
    """Amended away and collected."""
    (settings.root / "lost.txt").write_text("x")
    git(settings.root, "add", "lost.txt")
    git(settings.root, "commit", "--quiet", "-m", "to be lost")
    run = quick(Ridge(), settings)
    git(settings.root, "reset", "--quiet", "--hard", "HEAD~1")
    git(settings.root, "reflog", "expire", "--expire=now", "--all")
    git(settings.root, "gc", "--quiet", "--prune=now")
    answer = reproduce(run.run_id, settings=settings)
    assert not answer.equal
    assert answer.differences[0].startswith("code: commit ")
    assert "cannot be restored" in answer.differences[0]


def test_another_library_version_is_reported_even_when_the_metrics_are_equal(settings):
    """Equal is equal; the difference is told all the same."""
    run = quick(Ridge(), settings)

    def older(record):
        record["packages"]["scikit-learn"] = "1.2.3"
        record["python"] = "CPython 3.7.1"
        del record["packages"]["numpy"]
        record["packages"]["gone"] = "1.0"

    edit_environment(run, settings, older)
    answer = reproduce(run.run_id, isolated=False, settings=settings)
    assert answer.equal
    assert answer.differences[0].startswith("Python: CPython 3.7.1 then")
    assert any(line.startswith("package scikit-learn: 1.2.3 then, ") for line in answer.differences)
    assert any(line.startswith("package numpy: absent then, ") for line in answer.differences)
    assert "package gone: 1.0 then, absent now" in answer.differences
    assert "Yet not everything is as it was" in str(answer)


def test_a_metric_that_was_changed_afterwards_is_found(settings):
    """The record, too, is checked against the replay."""
    run = quick(LinearRegression(), settings)
    open_client(settings).log_metric(run.run_id, "test_rmse", run.metrics["test_rmse"] * (1 - 1e-15) - 1e-9)
    answer = reproduce(run.run_id, isolated=False, settings=settings)
    assert [line.partition(":")[0] for line in answer.differences] == ["test_rmse"]


def test_a_replay_that_fails_says_why(settings):
    """Its module is not in the recorded code."""
    run = quick(
        make_pipeline(FunctionTransformer(same), Ridge()), settings, features=["area_m2"], trusted=[f"{__name__}.same"]
    )
    recipe = local_folder(open_client(settings).get_run(run.run_id).info.artifact_uri)
    assert recipe is not None
    (recipe / "recipe/recipe.json").write_text(json.dumps({"format": 99}))
    answer = reproduce(run.run_id, trusted=[f"{__name__}.same"], settings=settings)
    assert not answer.equal
    assert "replay: the training failed" in answer.differences[0]
    assert "format 99" in answer.differences[0]


def test_outside_git_the_replay_says_which_code_it_used(tmp_path, monkeypatch):
    """Equal, and yet the code is not proved."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    settings = Settings(root=tmp_path)
    run = quick(Ridge(), settings)
    answer = reproduce(run.run_id, isolated=False, settings=settings)
    assert answer.equal
    assert answer.differences == (
        "code: the run was recorded without a commit (not a git repository); the code in place was used",
    )


def test_runs_that_cannot_be_repeated_are_refused(settings):
    """An unknown one, and one that plain MLflow logged."""
    client = open_client(settings)
    plain = client.create_run(client.create_experiment("Plain")).info.run_id
    with pytest.raises(TrackingError, match="there is no run 'nosuch'"):
        reproduce("nosuch", settings=settings)
    with pytest.raises(TrackingError, match=r"recipe/recipe\.json, .*Only a finished run of lib\.tracking\.track"):
        reproduce(plain, settings=settings)
