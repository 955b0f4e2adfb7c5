"""The pipeline as an alert may start it: from the sales that are known now to a candidate, or to the reason why not."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from lib.delivery.pipeline import DATA, PIPELINE, find_step, run_pipeline, write_pipeline
from lib.delivery.step import run_step
from lib.delivery.steps import Evaluated
from lib.delivery.trial import read_candidate
from lib.errors import DeliveryError
from lib.registry import Safeguards
from lib.registry.safeguards import NONE
from lib.settings import Settings

_STEPS = ("validate_data", "train", "evaluate", "register_candidate")


def first_version(
    root: Path, sales: pd.DataFrame, *, settings: Settings, safeguards: Safeguards = NONE
) -> tuple[int, str]:
    """The same steps, here and now, for a registry that knows no version yet: there is nothing to resume or to skip.

    Raises what the steps raise, so Refused for data that must not be learnt from.
    """
    _keep(sales, root / DATA)
    write_pipeline(root)
    for name in _STEPS:
        run_step(find_step(name), PIPELINE, root=root, settings=settings, safeguards=safeguards)
    return _judged(root)


def retrain(
    root: Path,
    sales: pd.DataFrame | None = None,
    *,
    say: Callable[[str], None] = lambda _line: None,
    warm: Mapping[str, str] | None = None,
) -> tuple[int | None, str]:
    """Run the pipeline in the workspace `root` until a candidate is registered; its version and how it was judged.

    `sales` take the place of the table that lies there. None is returned for the version, with the reason, when nothing
    changed since the candidate before: the same sales are not learnt from twice. Raises what `run_pipeline` raises, so
    Refused for a challenger that does not win and for data that must not be learnt from.
    """
    if sales is not None:
        _keep(sales, root / DATA)
    before = _candidate(root)
    run_pipeline(root, until=_STEPS[-1], say=say, warm=warm)
    version, said = _judged(root)
    if version == before:
        return None, f"nothing is new since candidate {before}, so it was not trained again"
    return version, said


def _judged(root: Path) -> tuple[int, str]:
    version = read_candidate(root).version
    found = Evaluated.model_validate_json((root / find_step("evaluate").output).read_text("utf-8"))
    errors = f"RMSE {found.rmse:,.0f} against {found.opponent_rmse:,.0f} EUR of {found.opponent}"
    return version, f"candidate {version}: {errors} on {found.rows} unseen sales"


def _candidate(root: Path) -> int | None:
    try:
        return read_candidate(root).version
    except DeliveryError:
        return None


def _keep(sales: pd.DataFrame, path: Path) -> None:
    """There whole or not at all, for a pipeline may be reading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        sales.to_parquet(Path(scratch, path.name), index=False)
        Path(scratch, path.name).replace(path)
