"""What the registry costs beside plain calls of MLflow's client; run alone, it prints its rows."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PAIRS = 15
VERSIONS = 1_000
MODEL = "house-price-predictor"


def main() -> list[dict[str, Any]]:
    """One row a comparison, each pair measured in turn in one process and one store.

    Loading: MLflow reads the files at each call, ours asks the ledger and keeps the model. A promotion: two tags and
    two aliases set by hand leave no ledger, check no digest, no run and no right; ours may cost up to ten times that,
    and is to stay below 200 ms. The last two rows compare ours with itself: 1,000 versions beside 3, 1 being flat.
    """
    os.environ.setdefault("DO_NOT_TRACK", "true")
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _measure(Path(folder))


def _measure(folder: Path) -> list[dict[str, Any]]:
    import mlflow

    from lib.registry import Approval, history, load, promote
    from lib.settings import Settings
    from lib.tracking.client import open_client

    small, large = (
        Settings(root=folder, approvers=frozenset({"grace"}), ledger_uri=f"sqlite:///{name}.db")
        for name in ("small", "large")
    )
    _three_versions(small)
    client = open_client(small)
    _many_versions(small, large)
    approval = Approval(by="grace", reason="measured")

    def peer_promotion() -> None:
        for key, value in (("1", "Archived"), ("2", "Production")):
            client.set_model_version_tag("plain", key, "stage", value)
        for alias, value in (("previous", "1"), ("champion", "2")):
            client.set_registered_model_alias("plain", alias, value)

    mlflow.set_tracking_uri(small.store_uri)
    try:
        return [
            _row(
                "load of the champion, already loaded",
                ours=lambda: load(MODEL, settings=small),
                peer=lambda: mlflow.sklearn.load_model(f"models:/{MODEL}@champion"),
                peer_name="mlflow.sklearn.load_model",
                bar=3,
            ),
            _row(
                "promotion without gates",
                ours=lambda: promote(
                    MODEL, _other(small), to="Production", by="ada", approval=approval, settings=small
                ),
                peer=peer_promotion,
                before=lambda: promote(MODEL, _other(small), to="Staging", by="ada", settings=small),
                peer_name="tags and aliases by hand",
                bar=0.1,
            ),
            _row(
                "load with 1,000 versions",
                ours=lambda: load(MODEL, settings=large),
                peer=lambda: load(MODEL, settings=small),
                peer_name="ours with 3 versions",
                bar=0.5,
            ),
            _row(
                "history, an entry, with 1,000 versions",
                ours=lambda: history(MODEL, settings=large),
                peer=lambda: history(MODEL, settings=small),
                ours_per=len(history(MODEL, settings=large)),
                peer_per=len(history(MODEL, settings=small)),
                peer_name="ours with 3 versions",
                bar=0.5,
            ),
        ]
    finally:
        mlflow.set_tracking_uri(None)


def _three_versions(settings: Any) -> None:
    """Two former and present champions and a spare, of a small real model; and a model of MLflow's alone."""
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import Ridge

    from lib.registry import Approval, promote, register
    from lib.tracking import track
    from lib.tracking.client import open_client

    draws = np.random.default_rng(0)
    frame = pd.DataFrame(draws.normal(size=(300, 3)), columns=["a", "b", "y"])
    client = open_client(settings)
    client.create_registered_model("plain")
    for number in (1, 2, 3):
        run = track(Ridge(alpha=float(number)), frame, target="y", settings=settings).run_id
        register(run, MODEL, by="ada", settings=settings)
        client.create_model_version("plain", client.get_model_version(MODEL, str(number)).source, await_creation_for=0)
        if number < 3:
            approval = Approval(by="grace", reason="measured")
            promote(MODEL, number, to="Staging", by="ada", settings=settings)
            promote(MODEL, number, to="Production", by="ada", approval=approval, settings=settings)


def _many_versions(source: Any, settings: Any) -> None:
    """A ledger of 1,000 versions beside the same store: each registered, staged and archived."""
    from lib.registry import history
    from lib.registry.ledger import open_ledger

    known = next(entry for entry in reversed(history(MODEL, settings=source)) if entry.to_stage == "Production")
    ledger, entries, now = open_ledger(settings), [], datetime.now(UTC)
    plain = known.model_copy(update={"champion": None, "staging": None, "previous": None, "approver": None, "at": now})
    for version in range(1, VERSIONS + 1):
        for kind, before, after in (
            ("register", None, "None"),
            ("promote", "None", "Staging"),
            ("archive", "Staging", "Archived"),
        ):
            facts = {"kind": kind, "from_stage": before, "to_stage": after, "version": version}
            entries.append(plain.model_copy(update={**facts, "sequence": len(entries) + 1}))
    entries.append(known.model_copy(update={"sequence": len(entries) + 1, "at": now}))
    ledger.append(entries)


def _other(settings: Any) -> int:
    """The one of the first two versions that is not champion."""
    from lib.registry import load

    return 3 - load(MODEL, settings=settings).version


def _row(
    name: str,
    *,
    ours: Callable[[], object],
    peer: Callable[[], object],
    peer_name: str,
    bar: float,
    before: Callable[[], object] = lambda: None,
    ours_per: int = 1,
    peer_per: int = 1,
) -> dict[str, Any]:
    """Median milliseconds of each; `before` is not counted, `per` divides."""
    mine, theirs = [], []
    for _ in range(PAIRS):
        before()
        mine.append(_milliseconds(ours) / ours_per)
        theirs.append(_milliseconds(peer) / peer_per)
    ratios = [other / own for own, other in zip(mine, theirs, strict=True)]
    return {
        "name": name,
        "ours": round(statistics.median(mine), 3),
        "peer": round(statistics.median(theirs), 3),
        "peer_name": peer_name,
        "unit": "ms",
        "ratio": round(statistics.median(ratios), 2),
        "low": round(min(ratios), 2),
        "high": round(max(ratios), 2),
        "n": PAIRS,
        "bar": bar,
    }


def _milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    print(json.dumps(main(), indent=2))
