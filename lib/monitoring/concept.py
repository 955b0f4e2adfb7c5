"""Concept drift: the same inputs, another truth. Seen only in labels, and so as late as these come."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
from pydantic import Field

from lib.errors import MonitoringError
from lib.monitoring.compare import Frozen
from lib.monitoring.sample import Floats

DELTA = 0.002
SPAN = 4.0
LEAST_REFERENCE = 100
_NEEDED = ("asked_at", "known_at", "prediction", "truth")


class ConceptDrift(Frozen):
    """ADWIN's verdict: the label that came at `known_at`, the `labels`-th, made it sure.

    `since` is when the first label came of the part that it takes for different; `before` and `after` are the mean
    relative residuals of both parts. Labels come in the order of sales, not of requests, so that old and new houses mix
    for a while: the change itself lies earlier than `since` by about the delay of a label.
    """

    known_at: datetime
    since: datetime
    labels: int = Field(ge=1)
    before: float
    after: float


def find_concept_drift(
    joined: pd.DataFrame, *, reference: int = LEAST_REFERENCE, delta: float = DELTA
) -> list[ConceptDrift]:
    """Follow the residuals of labelled predictions in the order in which their labels came.

    `joined` has asked_at, known_at, prediction and truth, one row a labelled prediction. ADWIN asks for values within 0
    and 1: the relative residuals of the first `reference` labels set the scale, four of their standard deviations to
    both sides of their mean. Each drift found begins a new window; `delta` bounds the chance of a false one at each
    test. Raises MonitoringError for missing columns and for fewer labels than make a scale.
    """
    from river.drift import ADWIN

    missing = [name for name in _NEEDED if name not in joined.columns]
    if missing or len(joined) <= reference:
        lack = f", without {', '.join(missing)}" if missing else ""
        raise MonitoringError(
            f"{len(joined)} labelled predictions came{lack}; concept drift needs more than {reference} of them with "
            f"{', '.join(_NEEDED)}. Wait for labels, or join them first."
        )
    rows = joined.sort_values(["known_at", "asked_at"], kind="stable").reset_index(drop=True)
    residuals, known = relative_residuals(rows), rows["known_at"]
    centre, scale = residuals[:reference].mean(), SPAN * residuals[:reference].std()
    detector, found, begun = ADWIN(delta=delta), [], 0
    for place, value in enumerate(np.clip((residuals - centre) / (2 * scale) + 0.5, 0.0, 1.0)):
        detector.update(value)
        if detector.drift_detected:
            cut = place + 1 - int(detector.width)
            found.append(
                ConceptDrift(
                    known_at=known[place].to_pydatetime(), since=known[cut].to_pydatetime(), labels=place + 1,
                    before=float(residuals[begun:cut].mean()), after=float(residuals[cut : place + 1].mean()),
                )
            )  # fmt: skip
            begun = cut
    return found


def relative_residuals(rows: pd.DataFrame) -> Floats:
    """(truth − prediction) / prediction: by which share the truth lies above what was said."""
    prediction = rows["prediction"].to_numpy(dtype=np.float64)
    return np.asarray((rows["truth"].to_numpy(dtype=np.float64) - prediction) / prediction)
