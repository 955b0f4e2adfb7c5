"""What tracking costs beyond `fit`, beside MLflow's own default; run alone, it prints its rows."""

from __future__ import annotations

import json
import logging
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAIRS = 5
TREES = 100
ROWS = 5_000


def main() -> list[dict[str, Any]]:
    """One row a comparison; seconds beyond the plain `fit`, each pair measured in turn in one process and one store.

    The peer of the whole run is `mlflow.sklearn.autolog()` as it comes; it records less (no data version, no diff, no
    validation and test metrics, no pictures but its own). Without model and pictures it is `autolog(log_models=False)`;
    there the predictions that each needs for its metrics (ours three parts, the peer's one) count as training.
    """
    os.environ.setdefault("DO_NOT_TRACK", "true")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            return _measure(Path(folder))
        finally:
            logging.disable(logging.NOTSET)


def _measure(folder: Path) -> list[dict[str, Any]]:
    import mlflow
    from sklearn.ensemble import RandomForestRegressor

    from lib.market import simulate
    from lib.settings import Settings
    from lib.tracking import default_pipeline, track
    from lib.tracking.training import Part, plan, prepare

    settings = Settings(root=folder)
    houses = simulate("moving", rows=ROWS).houses
    model = RandomForestRegressor(TREES, random_state=0)
    prepared = prepare(houses, plan(houses, model))
    train, parts = prepared.train, (prepared.train, prepared.validation, prepared.test)

    def plain(*parts: Part) -> None:
        fitted = default_pipeline(RandomForestRegressor(TREES, random_state=0), train.inputs)
        fitted.fit(train.inputs, train.target)
        for part in parts:
            fitted.predict(part.inputs)

    def ours(*, full: bool) -> None:
        track(model, houses, model_artifacts=full, settings=settings)

    def peer(*, full: bool) -> None:
        mlflow.sklearn.autolog(log_models=full, silent=True)
        try:
            plain()
        finally:
            mlflow.sklearn.autolog(disable=True, silent=True)

    ours(full=True)
    mlflow.set_tracking_uri(settings.store_uri)
    mlflow.set_experiment("Autologged")
    peer(full=True)
    rows = [
        _row(
            "whole tracked run beyond fit, forest of 100",
            ours=lambda: ours(full=True),
            peer=lambda: peer(full=True),
            ours_plain=plain,
            peer_plain=plain,
            peer_name="mlflow.sklearn.autolog()",
            bar=1.5,
        ),
        _row(
            "tracking without model and pictures, beyond fit and predict",
            ours=lambda: ours(full=False),
            peer=lambda: peer(full=False),
            ours_plain=lambda: plain(*parts),
            peer_plain=lambda: plain(train),
            peer_name="mlflow.sklearn.autolog(log_models=False)",
            bar=1.0,
        ),
    ]
    mlflow.set_tracking_uri(None)
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)
    return rows


def _row(
    name: str,
    *,
    ours: Callable[[], None],
    peer: Callable[[], None],
    ours_plain: Callable[[], None],
    peer_plain: Callable[[], None],
    peer_name: str,
    bar: float,
) -> dict[str, Any]:
    mine, theirs = [], []
    for _ in range(PAIRS):
        mine.append(_beyond(ours, ours_plain))
        theirs.append(_beyond(peer, peer_plain))
    ratios = [other / own for own, other in zip(mine, theirs, strict=True)]
    return {
        "name": name,
        "ours": round(statistics.median(mine), 3),
        "peer": round(statistics.median(theirs), 3),
        "peer_name": peer_name,
        "unit": "s",
        "ratio": round(statistics.median(ratios), 2),
        "low": round(min(ratios), 2),
        "high": round(max(ratios), 2),
        "n": PAIRS,
        "bar": bar,
    }


def _beyond(tracked: Callable[[], None], plain: Callable[[], None]) -> float:
    plain_s = statistics.median(_seconds(plain) for _ in range(3))
    return max(_seconds(tracked) - plain_s, 1e-3)


def _seconds(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    print(json.dumps(main(), indent=2))
