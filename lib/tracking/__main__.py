"""The entry point of `MLproject`: train one tracked run on the market, in the run that MLflow Projects has opened."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lib.errors import LibError
from lib.market import SCENARIOS, simulate
from lib.settings import Settings
from lib.tracking.record import track


def main(arguments: Sequence[str] | None = None) -> int:
    """Train a forest on a simulated market; returns the exit code. Data versions go to `out/project/`."""
    options = _options().parse_args(arguments)
    from sklearn.ensemble import RandomForestRegressor

    here = Path.cwd()
    uri = os.environ.get("MLFLOW_TRACKING_URI", Settings().tracking_uri)
    # Absolute, since the data versions get a root of their own.
    store = Settings(root=here, tracking_uri=uri).store_uri
    root = here / "out" / "project"
    root.mkdir(parents=True, exist_ok=True)
    try:
        run = track(
            RandomForestRegressor(options.trees, random_state=options.seed),
            simulate(options.scenario, rows=options.rows, seed=options.seed).houses,
            run_id=os.environ.get("MLFLOW_RUN_ID"),
            settings=Settings(root=root, tracking_uri=store),
        )
    except LibError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(
        f"run {run.run_id} on {run.data.name}: validation_rmse {run.metrics['validation_rmse']:,.0f} EUR\n"
    )
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lib.tracking", description="Train one tracked run on the market.")
    parser.add_argument("--scenario", default="moving", choices=sorted(SCENARIOS))
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--trees", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
