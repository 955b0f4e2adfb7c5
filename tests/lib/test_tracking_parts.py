"""What `track` stands on: code version, environment, safe format, importance, the entry point of MLproject."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from lib.errors import TrackingError
from lib.settings import Settings
from lib.tracking import read_run, safe_format
from lib.tracking.client import artifact_place
from lib.tracking.code_version import add_worktree, code_version, remove_worktree
from lib.tracking.environment import differences, environment
from lib.tracking.importance import importance
from lib.tracking.training import Part

ROOT = Path(__file__).parents[2]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def repository(tmp_path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "Learner")
    git(folder, "config", "user.email", "learner@workbook.example")
    (folder / "sub").mkdir()
    (folder / "sub" / "model.py").write_text("x=1\n")
    (folder / "logo.bin").write_bytes(bytes(range(256)))
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "one")
    return folder


def test_a_change_of_the_same_size_in_the_same_moment_is_seen_beside_a_new_file(repository):
    """Git's index is compared by time and size; a copy of it must not make the change look old."""
    (repository / "sub" / "model.py").write_text("x=2\n")
    (repository / "sub" / "new.py").write_text("y=1\n")
    found = code_version(repository)
    assert found.dirty
    assert "+x=2" in found.diff
    assert "+y=1" in found.diff
    assert "sub/new.py" not in git(repository, "diff", "--cached", "--name-only")


def test_commit_and_diff_give_the_code_back_byte_for_byte(repository, tmp_path):
    """Changes, new files, a deletion and a binary file; staged or not."""
    (repository / "sub" / "model.py").write_text("x = 'ü'\r\n", newline="")
    (repository / "logo.bin").write_bytes(bytes(reversed(range(256))))
    (repository / "staged file.py").write_text("z = 3")
    git(repository, "add", "staged file.py")
    (repository / "sub" / "new.py").write_text("y = 1\n")
    found = code_version(repository / "sub")
    assert found.folder == "sub"
    add_worktree(repository, str(found.commit), found.diff, to=tmp_path / "again")
    for name in ("sub/model.py", "logo.bin", "staged file.py", "sub/new.py"):
        assert (tmp_path / "again" / name).read_bytes() == (repository / name).read_bytes(), name
    remove_worktree(repository, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_data_pointers_and_large_files_make_nothing_dirty(repository):
    """They are listed; the data version stands for them."""
    for name in ("houses.parquet.dvc", ".dvc/config", "versions/.gitignore", "notes.md"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text("x")
    (repository / "huge.json").write_text("0" * 300_000)
    git(repository, "add", ".dvc")
    found = code_version(repository)
    assert found.dirty is False
    assert found.status == "clean"
    assert {"houses.parquet.dvc", "huge.json", "notes.md"} <= set(found.untracked)


def test_a_repository_without_a_commit_claims_none(tmp_path):
    """Nor is it called clean."""
    git(tmp_path, "init", "--quiet")
    found = code_version(tmp_path)
    assert (found.commit, found.dirty, found.status) == (None, None, "a git repository without a commit")


def test_programs_named_by_the_repository_are_not_run(repository):
    """Hooks, an external diff, a file system monitor."""
    trap = repository.parent / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {repository.parent}/sprung\n")
    trap.chmod(0o755)
    for setting in ("core.fsmonitor", "diff.external"):
        git(repository, "config", setting, str(trap))
    (repository / ".git" / "hooks").mkdir(exist_ok=True)
    (repository / ".git" / "hooks" / "post-checkout").symlink_to(trap)
    (repository / "sub" / "model.py").write_text("x=3\n")
    found = code_version(repository)
    add_worktree(repository, str(found.commit), found.diff, to=repository.parent / "again")
    assert "+x=3" in found.diff
    assert not (repository.parent / "sprung").exists()


def test_git_missing_is_said_so(repository, monkeypatch):
    """Not passed off as a clean tree."""
    monkeypatch.setenv("PATH", str(repository))
    assert code_version(repository).status == "unknown: git is not installed"


def test_an_environment_differs_from_itself_in_nothing():
    """And names the lock beside the checkout."""
    import json

    now = environment(ROOT)
    assert differences(json.loads(now.to_json()), now) == []
    assert now.lock is not None


def test_the_lock_is_looked_for_upwards(tmp_path):
    """The nearest one counts."""
    (tmp_path / "requirements.lock").write_text("nothing\n")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    assert environment(tmp_path / "deep" / "er").lock == environment(tmp_path).lock != environment(ROOT).lock


@pytest.mark.parametrize(
    "name",
    ["sklearn.tree._tree.Tree", "scipy.interpolate._bsplines.BSpline", "sklearn.utils._bunch.Bunch"],
)
def test_classes_of_the_numeric_libraries_are_trusted(name):
    """They are what models are made of."""
    assert safe_format._trusted(name)


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "numpy.testing._private.utils.runstring",
        "numpy.load",
        "numpy.memmap",
        "sklearn.datasets._base.load_files",
        "scipy.nowhere.Thing",
        "numpyish.Array",
    ],
)
def test_functions_and_other_packages_are_not_trusted(name):
    """`numpy.testing` alone holds an `exec`."""
    assert not safe_format._trusted(name)


def test_a_function_of_numpy_hidden_in_a_model_is_refused_on_loading(tmp_path):
    """Whoever wrote the file; the writer's own word does not count."""
    import skops.io

    skops.io.dump(FunctionTransformer(np.load), tmp_path / "model.skops")
    with pytest.raises(TrackingError, match="not trusted: numpy"):
        safe_format.load(tmp_path / "model.skops")


def test_a_damaged_file_is_a_clear_error(tmp_path):
    """Not a bare zip error."""
    (tmp_path / "model.skops").write_bytes(b"no zip")
    with pytest.raises(TrackingError, match=r"model\.skops is no skops file"):
        safe_format.load(tmp_path / "model.skops")


def part() -> Part:
    draws = np.random.default_rng(0)
    inputs = pd.DataFrame({"strong": draws.normal(size=300), "weak": 100 * draws.normal(size=300)})
    return Part(inputs=inputs, target=(5 * inputs["strong"] + 0.01 * inputs["weak"]).to_numpy())


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (DecisionTreeRegressor(random_state=0), "mean decrease in impurity"),
        (LinearRegression(), "|coefficient| × standard deviation"),
        (make_pipeline(StandardScaler(), LinearRegression()), "|coefficient| × standard deviation"),
        (KNeighborsRegressor(), "fall of the score when shuffled (validation)"),
        (make_pipeline(FunctionTransformer(), LinearRegression()), "fall of the score when shuffled (validation)"),
    ],
    ids=["tree", "linear", "scaled", "neighbours", "no-names"],
)
def test_importance_is_the_estimators_own_or_by_permutation(model, kind):
    """And the strong input comes first, whatever the unit of the weak one."""
    rows = part()
    if kind.startswith("fall") and not isinstance(model, KNeighborsRegressor):
        model.set_params(functiontransformer__feature_names_out=None)
    elif isinstance(model, KNeighborsRegressor):
        model = KNeighborsRegressor(metric="seuclidean", metric_params={"V": [1.0, 10_000.0]})
    found = importance(model.fit(rows.inputs, rows.target), rows)
    assert found.kind == kind
    assert list(found.scores.index) == ["strong", "weak"]


def test_the_project_file_names_an_entry_point_that_is_there():
    """Its parameters are the entry point's options."""
    from lib.tracking.__main__ import _options

    project = yaml.safe_load((ROOT / "MLproject").read_text())
    entry = project["entry_points"]["main"]
    command = entry["command"].format(**{name: value["default"] for name, value in entry["parameters"].items()})
    options = _options().parse_args(command.split()[3:])
    assert command.startswith("python -m lib.tracking ")
    assert (options.scenario, options.trees) == ("moving", 50)


@pytest.mark.thorough
def test_mlflow_run_trains_one_tracked_run(tmp_path, monkeypatch):
    """`mlflow run . --env-manager=local`, on a copy of the project in a repository of its own."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "MLproject").write_text((ROOT / "MLproject").read_text())
    (project / "lib").symlink_to(ROOT / "lib")
    (project / ".gitignore").write_text("out/\nmlflow.db*\n.mlflow.db*\nmlruns/\nlib\n")
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", "-A")
    git(project, "-c", "user.name=Learner", "-c", "user.email=l@workbook.example", "commit", "--quiet", "-m", "one")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environment_now = {**inherited, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    store = Settings(root=project)
    from lib.store import prepare_store

    prepare_store(store.store_uri)
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "run", ".", "--env-manager=local", "-P", "trees=3", "-P", "rows=600"],
        cwd=project,
        env={**environment_now, "MLFLOW_TRACKING_URI": store.store_uri},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    from lib.tracking.client import open_client

    client = open_client(store)
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert len(runs) == 1
    record = read_run(runs[0].info.run_id, settings=store)
    assert record["status"] == "FINISHED"
    assert record["params"]["n_estimators"] == "3"
    assert record["metrics"]["validation_rmse"] > 0
    assert record["tags"]["git.status"] == "clean"
    assert git(project, "status", "--porcelain") == ""


def test_artifacts_behind_a_server_are_named_by_its_address():
    """What only a process-wide tracking URI could resolve becomes an address; anything else stays as it is."""
    client = MlflowClient(tracking_uri="http://127.0.0.1:5000")
    found = artifact_place(client, "mlflow-artifacts:/1/models/m-1/artifacts")
    assert found == "http://127.0.0.1:5000/api/2.0/mlflow-artifacts/artifacts/1/models/m-1/artifacts"
    assert artifact_place(client, "file:///data/mlruns/1") == "file:///data/mlruns/1"
