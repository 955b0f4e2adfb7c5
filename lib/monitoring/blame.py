"""The release or the world: what another version would have answered for the same houses, whose prices are known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from lib.errors import MonitoringError
from lib.monitoring.store import PredictionStore
from lib.registry import Admit, load_version
from lib.registry.comparison import paired_gain
from lib.serving.predict import frame_path
from lib.serving.schema import input_schema
from lib.settings import Settings

LEAST_ROWS = 30
LEAST_GAIN = 0.2
"""A version is at fault when another would have spared at least this share of its error, beyond chance."""


@dataclass(frozen=True, kw_only=True)
class Blame:
    """The errors (RMSE) of the `version` that answered and of the `other`, on the same `rows` that were sold since.

    `gain` is the share of the error that the other would have spared, with its 95 % interval from `low` to `high`.
    """

    version: int
    other: int
    rows: int
    error: float
    other_error: float
    gain: float
    low: float
    high: float

    @property
    def release(self) -> bool:
        """Whether the version is at fault; otherwise the world is, for the other errs there as well."""
        return self.gain >= LEAST_GAIN and self.low > 0

    def __str__(self) -> str:
        """Both errors in words."""
        return (
            f"on {self.rows} houses sold since, version {self.other} errs {self.other_error:,.0f} and version "
            f"{self.version} {self.error:,.0f}: gain {self.gain:+.0%} ({self.low:+.0%} to {self.high:+.0%})"
        )


def blame(
    store: PredictionStore,
    *,
    version: int,
    other: int,
    since: datetime,
    as_of: datetime,
    settings: Settings,
    admit: Admit | None = None,
) -> Blame:
    """Hold what `version` answered from `since` on, as far as its truth is known, against the answers of `other`.

    They are the rows behind the error that raised the alert; `admit` looks at the files of `other` before they are
    read. Raises MonitoringError for fewer than 30 rows, and what `load_version` raises when `other` cannot be asked.
    """
    rows = (
        store.joined(as_of)
        .filter(f"version = {int(version)} AND asked_at >= '{since.isoformat()}' AND truth IS NOT NULL")
        .project("features, prediction, truth")
        .fetchall()
    )
    if len(rows) < LEAST_ROWS:
        raise MonitoringError(
            f"{len(rows)} answers of version {version} have a truth by now, and {LEAST_ROWS} are needed to tell the "
            "release from the world. Wait for labels."
        )
    features, said, truth = zip(*rows, strict=True)
    loaded = load_version(settings.served_model, other, admit=admit, settings=settings)
    theirs = frame_path(loaded.model, input_schema(loaded.signature))([json.loads(each) for each in features])
    found = paired_gain(np.asarray(truth), np.asarray(theirs, dtype=float), np.asarray(said), metric="rmse")
    return Blame(
        version=version, other=other, rows=len(rows), error=found.champion, other_error=found.candidate,
        gain=found.gain, low=found.low, high=found.high,
    )  # fmt: skip
