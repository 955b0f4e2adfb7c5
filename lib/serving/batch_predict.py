"""A model asked for many rows at once: one bad row costs that row and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lib.serving.predict import strict_categories
from lib.serving.schema import InputSchema, input_schema

if TYPE_CHECKING:
    import pandas as pd

    from lib.registry.serving import LoadedVersion

MOST_FAILURES = 100
# What estimators raise for rows that they cannot take; anything else is a fault of the machine or of the code.
REFUSALS = (ValueError, TypeError, KeyError, IndexError, ArithmeticError)


def schema_of(version: LoadedVersion) -> InputSchema:
    """What the rows of a version must look like: what its server would take, too.

    Raises UnfitModel unless its inputs are named columns of plain values.
    """
    return input_schema(version.signature, only=strict_categories(version.model))


def predict_rows(model: Any, frame: pd.DataFrame) -> tuple[NDArray[Any], dict[int, str]]:
    """The answers for the rows of `frame` that have one, in order, and why the others have none, by row number.

    When the model raises, the rows are halved until the culprits stand alone. Raises the model's own error once more
    than 100 rows of one call failed: then the model is at fault, not a row.
    """
    parts: list[NDArray[Any]] = []
    failed: dict[int, str] = {}
    if len(frame):
        _predict(model, frame, 0, parts, failed)
    answers = np.concatenate(parts) if parts else np.empty(0)
    if answers.ndim != 1:
        raise ValueError(f"the model answers with shape {answers.shape}, not with one value a row")
    if not np.issubdtype(answers.dtype, np.floating) or np.isfinite(answers).all():
        return answers, failed
    finite = np.isfinite(answers)
    asked = np.setdiff1d(np.arange(len(frame)), list(failed))
    failed |= {
        int(row): f"the model answers {answer}" for row, answer in zip(asked[~finite], answers[~finite], strict=True)
    }
    return answers[finite], failed


def _predict(model: Any, frame: pd.DataFrame, first: int, parts: list[NDArray[Any]], failed: dict[int, str]) -> None:
    try:
        answers = np.asarray(model.predict(frame))
    except REFUSALS as error:
        if len(failed) >= MOST_FAILURES:
            raise
        if len(frame) == 1:
            failed[first] = f"the model fails: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
            return
        half = len(frame) // 2
        _predict(model, frame.iloc[:half], first, parts, failed)
        _predict(model, frame.iloc[half:], first + half, parts, failed)
        return
    if len(answers) != len(frame):
        raise ValueError(f"the model answers {len(answers)} values for {len(frame)} rows")
    parts.append(answers)
