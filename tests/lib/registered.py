"""Tracked runs of small models, for tests that register and move them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.entities import LoggedModelOutput
from sklearn.linear_model import Ridge

from lib.registry import Approval, Transition, Version, promote, register
from lib.settings import Settings
from lib.tracking import track
from lib.tracking.client import open_client
from lib.tracking.read import model_folder, ready_model

OK = Approval(by="grace", reason="looked at the evidence")
FEATURES = ["a", "b"]


def houses(rows: int = 400, *, seed: int = 0, first: int = 0) -> pd.DataFrame:
    """y = 3 a − b + noise of standard deviation 0.5; `id` tells rows apart, every second one is in the south."""
    draws = np.random.default_rng(seed)
    frame = pd.DataFrame(draws.normal(size=(rows, 2)), columns=FEATURES)
    frame["id"] = [f"row{number}" for number in range(first, first + rows)]
    frame["region"] = np.where(np.arange(rows) % 2, "south", "north")
    frame["y"] = 3 * frame["a"] - frame["b"] + draws.normal(scale=0.5, size=rows)
    return frame


def settings_in(root: Path, **more: Any) -> Settings:
    return Settings(root=root, approvers=frozenset({"grace", "root", "ada"}), **more)


def a_run(settings: Settings, model: Any, frame: pd.DataFrame | None = None, **more: Any) -> str:
    """The id of a tracked run."""
    frame = houses() if frame is None else frame
    return track(model, frame, **{"target": "y", "features": FEATURES, "settings": settings, **more}).run_id


def another(run_id: str, settings: Settings, **tags: str) -> str:
    """A run of its own with a copy of the model of `run_id`; much quicker than training one."""
    client = open_client(settings)
    run = client.get_run(run_id)
    copy = client.create_run(run.info.experiment_id, tags={"mlflow.user": "root", **tags}).info.run_id
    model = client.create_logged_model(run.info.experiment_id, name="model", source_run_id=copy)
    folder = model_folder(ready_model(client, run).artifact_location)
    client.log_model_artifacts(model.model_id, str(folder))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(copy, [LoggedModelOutput(model.model_id, step=0)])
    client.set_terminated(copy)
    return copy


def weak_and_good(settings: Settings) -> tuple[str, str]:
    """A run that learnt little, and one that learnt all there is."""
    return a_run(settings, Ridge(alpha=300.0)), a_run(settings, Ridge(alpha=1.0))


def staged(name: str, run_id: str, settings: Settings) -> Version:
    """A version of `run_id` in Staging."""
    version = register(run_id, name, by="ada", settings=settings)
    promote(name, version.version, to="Staging", by="ada", settings=settings)
    return version


def champion(name: str, run_id: str, settings: Settings) -> Transition:
    """A version of `run_id` in Production."""
    version = staged(name, run_id, settings)
    return promote(name, version.version, to="Production", by="ada", approval=OK, settings=settings)
