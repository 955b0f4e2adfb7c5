"""The error before the labels: a model of the loss, its assumption, and how it is confidently wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lib.errors import MonitoringError
from lib.market import Schema
from lib.monitoring.compare import Frozen
from lib.monitoring.performance import Z
from lib.monitoring.store import PredictionStore

ASSUMPTION = (
    "Rows like those of the reference still have targets like theirs: only the mix of inputs may have moved. If the "
    "relation of inputs to target moved, nothing in here can know, and the interval is as narrow as ever."
)
LEAST_ROWS = 200
LATELY = timedelta(days=7)
"""Of so many days the answers are taken for whose error there are no labels yet."""
LEAST_ANSWERS = 30
Loss = Literal["rmse", "mae"]


class Estimate(Frozen):
    """What the error should be on rows without labels, if `assumption` holds.

    The interval is that of the mean of the modelled losses over these rows, and of the model's own error on the
    reference. It says nothing about the assumption.
    """

    loss: Loss
    value: float
    low: float
    high: float
    n: int
    assumption: str = ASSUMPTION


class LossModel:
    """Direct loss estimation: a second model learns how much the first one errs, from the inputs and the answer.

    loss(row) = e² (rmse) or |e| (mae); boosted trees predict it from (inputs, answer). On rows without labels the
    estimate is the mean of the predicted losses (its root for rmse), scaled so that the reference, each row of which is
    predicted by a model that has not seen it, has its own mean loss.
    """

    def __init__(self, inputs: pd.DataFrame, answers: ArrayLike, truths: ArrayLike, *, loss: Loss = "rmse") -> None:
        """Learn from labelled rows that the first model was not trained on; MonitoringError for fewer than 200."""
        from sklearn.ensemble import HistGradientBoostingRegressor
        from sklearn.model_selection import cross_val_predict

        if len(inputs) < LEAST_ROWS:
            raise MonitoringError(
                f"the reference has {len(inputs)} labelled rows, and {LEAST_ROWS} are needed to learn a loss from. "
                "Wait for more labels, or take a longer reference."
            )
        self._loss: Loss = loss
        self._columns = list(inputs.columns)
        errors = np.asarray(answers, dtype=np.float64) - np.asarray(truths, dtype=np.float64)
        losses = errors**2 if loss == "rmse" else np.abs(errors)
        table = self._table(inputs, answers)
        model = HistGradientBoostingRegressor(
            max_iter=100, learning_rate=0.05, min_samples_leaf=40, categorical_features="from_dtype", random_state=0
        )
        unseen = np.maximum(cross_val_predict(model, table, losses, cv=5), 0.0)
        self._scale = float(losses.mean() / unseen.mean())
        self._own_error = float(np.std(losses - self._scale * unseen) / np.sqrt(len(losses)))
        self._model = model.fit(table, losses)

    def estimate(self, inputs: pd.DataFrame, answers: ArrayLike) -> Estimate:
        """The error to expect on these rows."""
        predicted = self._scale * np.maximum(self._model.predict(self._table(inputs, answers)), 0.0)
        mean = float(predicted.mean())
        half = Z * float(np.hypot(predicted.std() / np.sqrt(len(predicted)), self._own_error))
        value, low, high = (self._as_error(each) for each in (mean, max(mean - half, 0.0), mean + half))
        return Estimate(loss=self._loss, value=value, low=low, high=high, n=len(predicted))

    def estimate_lately(
        self, store: PredictionStore, at: datetime, *, version: int, since: datetime, schema: Schema
    ) -> Estimate | None:
        """The error to expect of what `version` answered in the last week; None for fewer than 30 answers."""
        begins = max(at - LATELY, since)
        rows = store.features(schema, self._columns, since=begins, until=at, version=version)
        return None if len(rows) < LEAST_ANSWERS else self.estimate(rows, rows["_answer"])

    def _as_error(self, mean_loss: float) -> float:
        return float(np.sqrt(mean_loss)) if self._loss == "rmse" else mean_loss

    def _table(self, inputs: pd.DataFrame, answers: ArrayLike) -> pd.DataFrame:
        answered: NDArray[Any] = np.asarray(answers, dtype=np.float64)
        table = inputs[self._columns].assign(_answer=answered)
        text = [name for name in self._columns if not pd.api.types.is_numeric_dtype(table[name].dtype)]
        return table.astype(dict.fromkeys(text, "category"))
