"""Settings come from arguments and the environment, once, and a typo is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from lib.settings import Settings, sqlite_path


@pytest.mark.parametrize("rate", ["", "0/hour", "many/hour", "5", "5/year", "5/hour; 6/day"])
def test_rate_that_is_none_is_refused(rate):
    """A server must not start with a limit that nobody meant."""
    with pytest.raises(ValidationError, match="row_rate"):
        Settings(row_rate=rate)


def test_names_that_the_course_was_ordered_with_are_the_defaults():
    """The experiment and the store have their documented names without any setting."""
    settings = Settings()
    assert (settings.experiment, settings.tracking_uri, settings.seed) == (
        "House Price Prediction",
        "sqlite:///mlflow.db",
        0,
    )


def test_environment_sets_a_field(monkeypatch):
    """`MLOPS_SEED` sets the seed of settings made afterwards."""
    monkeypatch.setenv("MLOPS_SEED", "41")
    assert Settings().seed == 41


def test_misspelt_argument_is_refused():
    """A field that does not exist is an error, not a silent default."""
    with pytest.raises(ValidationError, match=r"sede"):
        Settings(sede=1)


def test_misspelt_variable_is_refused_with_the_names_that_exist(monkeypatch):
    """A variable of ours that names no field says which names there are."""
    monkeypatch.setenv("MLOPS_TRACKNG_URI", "sqlite:///x.db")
    with pytest.raises(ValidationError, match=r"MLOPS_TRACKNG_URI.*MLOPS_TRACKING_URI"):
        Settings()


def test_settings_are_frozen():
    """What was passed in stays as it was passed in."""
    with pytest.raises(ValidationError, match=r"frozen"):
        Settings().seed = 2


def test_relative_store_lies_under_the_root(tmp_path):
    """A relative SQLite path is resolved against the root, not against where the process happens to stand."""
    assert Settings(root=tmp_path).store_uri == f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.mark.parametrize("uri", ["http://127.0.0.1:5000", "sqlite:////data/mlflow.db", "postgresql://db/mlflow"])
def test_other_stores_stay_as_they_are(uri, tmp_path):
    """Absolute paths and servers are not touched."""
    assert Settings(root=tmp_path, tracking_uri=uri).store_uri == uri


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:///a/b.db", Path("a/b.db")),
        ("sqlite:////a/b.db?timeout=9", Path("/a/b.db")),
        ("sqlite:///:memory:", None),
        ("sqlite://", None),
        ("http://x", None),
    ],
)
def test_sqlite_path(uri, path):
    """Only a URI of an SQLite file names a file."""
    assert sqlite_path(uri) == path
