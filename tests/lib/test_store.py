"""A store is ready at once, whole or not there at all, for any number of processes."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from lib import store
from lib.errors import WorkspaceError
from lib.store import prepare_store

# MLflow is imported once, then eight processes start on the same fresh store at the same moment.
STARTERS = """
import os, sys
import mlflow
from lib.store import prepare_store
uri = sys.argv[1]
ready, go = os.pipe()
children = []
for number in range(8):
    child = os.fork()
    if child == 0:
        os.close(go)
        os.read(ready, 1)
        prepare_store(uri)
        mlflow.set_tracking_uri(uri)
        mlflow.set_experiment("House Price Prediction")
        with mlflow.start_run(run_name=f"starter {number}"):
            mlflow.log_metric("validation_rmse", float(number))
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children))
"""


def rows(path, query):
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


@pytest.mark.thorough
def test_eight_processes_start_at_once_on_a_fresh_store(tmp_path):
    """Each of them records its run in the one store."""
    path = tmp_path / "new" / "mlflow.db"
    done = subprocess.run(
        [sys.executable, "-c", STARTERS, f"sqlite:///{path}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(store.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    assert rows(path, "SELECT count(*) FROM runs WHERE status = 'FINISHED'") == [(8,)]
    assert rows(path, "SELECT count(*) FROM experiments WHERE name = 'House Price Prediction'") == [(1,)]


def test_store_that_is_there_stays_as_it_is(tmp_path):
    """Preparing twice loses nothing."""
    path = tmp_path / "mlflow.db"
    prepare_store(f"sqlite:///{path}")
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO experiments (experiment_id, name, workspace) VALUES (5, 'mine', 'default')")
    prepare_store(f"sqlite:///{path}")
    assert rows(path, "SELECT name FROM experiments WHERE experiment_id = 5") == [("mine",)]


def test_fresh_store_replaces_the_content_and_not_the_file(tmp_path):
    """A connection that was open before sees the empty store, and can write to it."""
    path = tmp_path / "mlflow.db"
    prepare_store(f"sqlite:///{path}")
    with contextlib.closing(sqlite3.connect(path)) as database:
        with database:
            database.execute("INSERT INTO experiments (experiment_id, name, workspace) VALUES (5, 'old', 'default')")
        prepare_store(f"sqlite:///{path}", fresh=True)
        assert database.execute("SELECT name FROM experiments").fetchall() == [("Default",)]
        with database:
            database.execute("INSERT INTO experiments (experiment_id, name, workspace) VALUES (6, 'new', 'default')")
    assert rows(path, "SELECT count(*) FROM experiments") == [(2,)]


@pytest.mark.parametrize("content", [b"", b"no database, but long enough to be taken for one"])
def test_file_that_is_no_store_is_replaced_when_a_fresh_one_is_asked_for(tmp_path, content):
    """What a crash left behind does not stop the next start."""
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    prepare_store(f"sqlite:///{path}", fresh=True)
    assert rows(path, "SELECT name FROM experiments") == [("Default",)]


def test_default_experiment_keeps_its_files_beside_the_store(tmp_path):
    """The folder in which the template was made is not in the copy."""
    prepare_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert rows(tmp_path / "mlflow.db", "SELECT artifact_location FROM experiments") == [
        (str(tmp_path / "mlruns" / "0"),)
    ]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:5000", "postgresql://host/db", "sqlite:///:memory:"])
def test_other_stores_are_left_alone(tmp_path, monkeypatch, uri):
    """Only an SQLite file is ours to prepare."""
    monkeypatch.chdir(tmp_path)
    prepare_store(uri)
    assert list(tmp_path.iterdir()) == []


def test_template_falls_back_to_the_readers_cache(tmp_path, monkeypatch):
    """Where the environment cannot be written, the template is made once in the user's cache."""
    closed = tmp_path / "closed"
    closed.write_text("a file where the folder would be")
    monkeypatch.setattr(store.sys, "prefix", str(closed))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "_build", lambda target: target.write_bytes(b"template"))
    expected = tmp_path / "cache" / "mlops-workbook" / f"mlflow-{version('mlflow-skinny')}.db"
    assert store.template() == expected
    assert expected.read_bytes() == b"template"


def test_no_place_for_the_template_is_said(tmp_path, monkeypatch):
    """With nowhere to keep the template the message names the places and the way out."""
    closed = tmp_path / "closed"
    closed.write_text("")
    monkeypatch.setattr(store.sys, "prefix", str(closed))
    monkeypatch.setenv("XDG_CACHE_HOME", str(closed))
    with pytest.raises(WorkspaceError, match=r"can be written.*XDG_CACHE_HOME"):
        store.template()


def test_store_that_cannot_be_written_is_said(tmp_path):
    """A file where a folder should be is named with the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match=r"cannot be prepared.*MLOPS_TRACKING_URI"):
        prepare_store(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}")
