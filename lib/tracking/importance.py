"""How much each input matters to a fitted model: the estimator's own figure, else permutation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib.tracking.training import Part

PERMUTATION_ROWS = 500
_REPEATS = 3


@dataclass(frozen=True, kw_only=True)
class Importance:
    """`scores` is sorted, largest first, indexed by input name; `kind` says in words what the numbers are."""

    kind: str
    scores: pd.Series[float]


def importance(model: Any, part: Part) -> Importance:
    """The importance of the inputs of `model`, from its own attributes where it has them.

    A tree ensemble gives its mean decrease in impurity; a linear model |coefficient| × the input's standard deviation
    (in the target's unit, so that units of the inputs do not matter); any other model the fall of its score when one
    column of ≤ 500 rows of `part` is shuffled (three times, seed 0).
    """
    return _own(model, part) or _by_permutation(model, part)


def _own(model: Any, part: Part) -> Importance | None:
    final, before = (model[-1], model[:-1]) if hasattr(model, "steps") else (model, None)
    before = before or None
    names = list(part.inputs.columns) if before is None else _names(before, part.inputs)
    if hasattr(final, "feature_importances_"):
        kind, scores = "mean decrease in impurity", np.asarray(final.feature_importances_)
    elif hasattr(final, "coef_") and np.ndim(final.coef_) in {1, 2}:
        kind, scores = "|coefficient| × standard deviation", _linear(final, before, part.inputs.iloc[:PERMUTATION_ROWS])
    else:
        return None
    if names is None or len(names) != len(scores) or not np.isfinite(scores).all():
        return None
    return Importance(kind=kind, scores=pd.Series(scores, index=names, dtype=float).sort_values(ascending=False))


def _linear(final: Any, before: Any, rows: pd.DataFrame) -> NDArray[Any]:
    reached = _dense(rows if before is None else before.transform(rows)).astype(float)
    weights = np.abs(np.atleast_2d(_dense(final.coef_))).mean(axis=0)
    return np.asarray(weights * reached.std(axis=0))


def _by_permutation(model: Any, part: Part) -> Importance:
    from sklearn.inspection import permutation_importance

    rows = slice(0, PERMUTATION_ROWS)
    found = permutation_importance(
        model, part.inputs.iloc[rows], part.target[rows], n_repeats=_REPEATS, random_state=0, n_jobs=None
    )
    scores = pd.Series(found["importances_mean"], index=list(part.inputs.columns), dtype=float)
    return Importance(kind="fall of the score when shuffled (validation)", scores=scores.sort_values(ascending=False))


def _names(before: Any, inputs: pd.DataFrame) -> list[str] | None:
    try:
        return [str(name) for name in before.get_feature_names_out(list(inputs.columns))]
    except (AttributeError, ValueError, TypeError):
        # A step without names: its outputs cannot be told apart, so the inputs are shuffled instead.
        return None


def _dense(values: Any) -> NDArray[Any]:
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values)
