"""One training, the same for a first run and for its replay: table, recipe and estimator give a model and metrics."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib.errors import TrackingError
from lib.market import FEATURES, PRICE, SOLD, split_by_time

TIME = "listed_on"
KNOWN = "sold_on"
# A house that does not sell is known not to have sold after that many days.
SOLD_KNOWN_DAYS = 30
PartName = Literal["train", "validation", "test"]
PARTS: tuple[PartName, ...] = ("train", "validation", "test")
FORMAT = 1

Task = Literal["regression", "classification"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that a replay needs beside the table and the estimator; JSON in and out."""

    target: str
    features: tuple[str, ...]
    task: Task
    split: Literal["time", "rows"]
    time: str | None = None
    known: str | None = None
    known_days: int | None = None
    train: float = 0.6
    validation: float = 0.2
    format: int = FORMAT

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Raises TrackingError for a recipe of another format."""
        fields = json.loads(text)
        if fields.get("format") != FORMAT:
            raise TrackingError(
                f"the recipe has format {fields.get('format')!r} and this version of lib reads {FORMAT}. "
                "Replay it with the lib of its own commit."
            )
        return cls(**{**fields, "features": tuple(fields["features"])})


@dataclass(frozen=True, kw_only=True)
class Division:
    """How a table is divided by time: `time` and `known` as in `split_by_time`, and the shares of the first two parts.

    `Division(time="sold_on", known=None)` divides by when a label became known: those that came last judge.
    """

    time: str = TIME
    known: str | None = KNOWN
    train: float = 0.6
    validation: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Part:
    """Inputs and target of one part of the table; the same row labels as in the table."""

    inputs: pd.DataFrame
    target: NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The three parts, and in words what was left out and where the cuts lie."""

    train: Part
    validation: Part
    test: Part
    notes: Mapping[str, str]

    def part(self, name: str) -> Part:
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return parts[name]


def plan(
    frame: pd.DataFrame,
    estimator: Any,
    *,
    target: str = PRICE,
    features: Sequence[str] | None = None,
    division: Division | None = None,
) -> Recipe:
    """Decide what is learnt from what, and how the table is divided.

    Without `division` that is by time where the table has `listed_on`, else by row order (60/20/20). Without
    `features`, a market table gives `FEATURES`; any other table every column but the target, dates, and text that never
    repeats.
    Raises TrackingError for an empty table, a missing column, or an estimator that is neither regressor nor classifier.
    """
    task = _task(estimator)
    if frame.empty:
        raise TrackingError(f"the table has {len(frame)} rows and {frame.shape[1]} columns: nothing to learn from.")
    wanted = (target, *(features or ()))
    for name in wanted:
        if name not in frame.columns:
            raise TrackingError(f"the table has no column {name!r}.{_nearest(name, frame)}")
    chosen = tuple(features) if features is not None else _default_features(frame, target)
    if target in chosen:
        raise TrackingError(f"{target!r} is the target and stands among the features. Take it out of the features.")
    if not chosen:
        raise TrackingError(f"no features are left beside the target {target!r}. Name them: features=[…].")
    if task == "regression" and not _numeric(frame[target]):
        raise TrackingError(
            f"the target {target!r} holds {frame[target].dtype}, e.g. {frame[target].iloc[0]!r}, and "
            f"{type(estimator).__name__} predicts numbers. Choose a numeric target or a classifier."
        )
    if division is not None:
        return Recipe(target=target, features=chosen, task=task, split="time", **asdict(division))
    if TIME not in frame.columns:
        return Recipe(target=target, features=chosen, task=task, split="rows")
    if target == SOLD:
        return Recipe(target=target, features=chosen, task=task, split="time", time=TIME, known_days=SOLD_KNOWN_DAYS)
    known = KNOWN if KNOWN in frame.columns else None
    return Recipe(target=target, features=chosen, task=task, split="time", time=TIME, known=known)


def prepare(frame: pd.DataFrame, recipe: Recipe) -> Prepared:
    """Divide the table and make its inputs plain: text, numbers and booleans, whatever pandas kept them in.

    Raises TrackingError for missing or infinite targets and for a part with fewer than two rows.
    """
    frames, notes = _divide(frame, recipe)
    parts = {name: _part(name, rows, recipe) for name, rows in zip(PARTS, frames, strict=True)}
    notes |= {f"rows.{name}": str(len(part.target)) for name, part in parts.items()}
    return Prepared(**parts, notes=notes)


def default_pipeline(estimator: Any, frame: pd.DataFrame) -> Any:
    """`estimator` behind a one-hot encoding of the text columns of `frame`; the other columns pass through as they are.

    A category that was not seen in training becomes a row of zeros. Used by `track` where a table has text columns and
    the model is not a Pipeline; give a Pipeline of your own to decide otherwise.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    text = [name for name in frame.columns if not _numeric(frame[name])]
    encode = ColumnTransformer(
        [("onehot", OneHotEncoder(handle_unknown="ignore", sparse_output=False), text)],
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    return Pipeline([("encode", encode), ("model", estimator)])


def needs_encoding(estimator: Any, frame: pd.DataFrame) -> bool:
    """Whether `frame` has text columns that the bare `estimator` would refuse."""
    from sklearn.pipeline import Pipeline

    return not isinstance(estimator, Pipeline) and any(not _numeric(frame[name]) for name in frame.columns)


def predictions(model: Any, prepared: Prepared) -> dict[str, NDArray[Any]]:
    """What `model` answers on each part."""
    return {name: np.asarray(model.predict(prepared.part(name).inputs)) for name in PARTS}


def evaluate(answers: Mapping[str, NDArray[Any]], prepared: Prepared, task: Task) -> dict[str, float]:
    """`<part>_rmse`, `_mae` (both in the target's unit) and `_r2`; for a classifier `<part>_accuracy` and `_f1`.

    RMSE = √mean((y − ŷ)²), MAE = mean|y − ŷ|, R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)². F1 is that of the second class in sorted
    order when there are two (True of False and True), else the plain mean over classes.
    """
    classes = np.unique(prepared.train.target)
    metrics: dict[str, float] = {}
    for name in PARTS:
        target, answer = prepared.part(name).target, answers[name]
        found = _regression(target, answer) if task == "regression" else _classification(target, answer, classes)
        metrics |= {f"{name}_{metric}": value for metric, value in found.items()}
    return metrics


def read_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file as a table, dates recognised; the same file always gives the same table.

    Raises TrackingError for any other kind of file, and for one that cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".csv":
            frame = pd.read_csv(path, float_precision="round_trip")
            for name in {TIME, KNOWN} & set(frame.columns):
                frame[name] = pd.to_datetime(frame[name])
            return frame
    except (OSError, ValueError) as error:  # pandas and pyarrow say ValueError for what they cannot parse
        raise TrackingError(f"{path} cannot be read as a table: {error}") from error
    raise TrackingError(f"{path.name} is neither .csv nor .parquet. Write the table as one of the two.")


def _task(estimator: Any) -> Task:
    from sklearn.base import is_classifier, is_regressor

    # Asked of the class: some models (stacking, pipelines) have `predict` only once they are fitted.
    missing = [name for name in ("fit", "predict", "get_params") if not hasattr(type(estimator), name)]
    if isinstance(estimator, type) or missing:
        what = f"the class {estimator.__name__}" if isinstance(estimator, type) else f"a {type(estimator).__name__}"
        raise TrackingError(f"{what} is not a scikit-learn model. Give an instance with fit, predict and get_params.")
    if is_classifier(estimator):
        return "classification"
    if is_regressor(estimator):
        return "regression"
    raise TrackingError(
        f"{type(estimator).__name__} is neither a regressor nor a classifier by scikit-learn's own test. "
        "Derive it from RegressorMixin or ClassifierMixin, before BaseEstimator."
    )


def _default_features(frame: pd.DataFrame, target: str) -> tuple[str, ...]:
    if target in (PRICE, SOLD) and set(FEATURES) <= set(frame.columns):
        return FEATURES
    return tuple(
        str(name)
        for name in frame.columns
        if name not in (target, TIME, KNOWN)
        and not pd.api.types.is_datetime64_any_dtype(frame[name])
        and (_numeric(frame[name]) or frame[name].duplicated().any())
    )


def _divide(frame: pd.DataFrame, recipe: Recipe) -> tuple[tuple[pd.DataFrame, ...], dict[str, str]]:
    if recipe.split == "time":
        return _divide_by_time(frame, recipe)
    missing = int(frame[recipe.target].isna().sum())
    if missing:
        raise TrackingError(
            f"the target {recipe.target!r} is missing in {missing} of {len(frame)} rows. Drop those rows, or give the "
            f"table the column {TIME!r} if their labels are still to come."
        )
    first, second = int(len(frame) * recipe.train), int(len(frame) * (recipe.train + recipe.validation))
    return (frame.iloc[:first], frame.iloc[first:second], frame.iloc[second:]), {"split": "by row order 60/20/20"}


def _divide_by_time(frame: pd.DataFrame, recipe: Recipe) -> tuple[tuple[pd.DataFrame, ...], dict[str, str]]:
    delay = None if recipe.known_days is None else timedelta(days=recipe.known_days)
    split = split_by_time(
        frame,
        time=str(recipe.time),
        known=recipe.known if delay is None else delay,
        train=recipe.train,
        validation=recipe.validation,
        target=recipe.target,
    )
    notes = {
        "split": f"by {recipe.time}, cuts at {split.cuts[0].date()} and {split.cuts[1].date()}",
        "dropped_unlabelled": str(split.dropped_unlabelled),
        "dropped_train": str(split.dropped_train),
        "dropped_validation": str(split.dropped_validation),
    }
    return (split.train, split.validation, split.test), notes


def _part(name: str, rows: pd.DataFrame, recipe: Recipe) -> Part:
    if len(rows) < 2:
        raise TrackingError(
            f"the {name} part has {len(rows)} rows with a known {recipe.target!r}, needs 2. Use more rows."
        )
    inputs = pd.DataFrame({feature: _plain(feature, rows[feature]) for feature in recipe.features}, index=rows.index)
    return Part(inputs=inputs, target=_plain_target(name, rows[recipe.target], recipe))


def _plain(name: str, values: pd.Series[Any]) -> pd.Series[Any]:
    if pd.api.types.is_datetime64_any_dtype(values):
        raise TrackingError(f"the feature {name!r} is a date. Derive a number from it, e.g. the age in days.")
    if pd.api.types.is_bool_dtype(values) and not values.isna().any():
        return values.astype(bool)
    if not _numeric(values):
        return values.astype("str")
    return values.astype(float) if pd.api.types.is_extension_array_dtype(values) else values


def _plain_target(part: str, values: pd.Series[Any], recipe: Recipe) -> NDArray[Any]:
    if recipe.task == "regression":
        numbers = values.to_numpy(dtype=float)
        bad = int((~np.isfinite(numbers)).sum())
        if bad:
            raise TrackingError(
                f"the target {recipe.target!r} is missing or infinite in {bad} of {len(numbers)} {part} rows."
            )
        return numbers
    return np.asarray(values.astype(bool) if pd.api.types.is_bool_dtype(values) else values)


def _numeric(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not isinstance(values.dtype, pd.CategoricalDtype)


def _nearest(name: str, frame: pd.DataFrame) -> str:
    close = difflib.get_close_matches(name, [str(column) for column in frame.columns], n=1)
    return f" Did you mean {close[0]!r}?" if close else f" It has {', '.join(map(str, frame.columns))}."


def _regression(target: NDArray[Any], answer: NDArray[Any]) -> dict[str, float]:
    error = target - answer
    spread = float(((target - target.mean()) ** 2).sum())
    # A constant target has no variance to explain: R² is then 1 for a perfect answer and 0 for any other.
    r2 = 1 - float((error**2).sum()) / spread if spread else float(not error.any())
    return {"rmse": float(np.sqrt((error**2).mean())), "mae": float(np.abs(error).mean()), "r2": r2}


def _classification(target: NDArray[Any], answer: NDArray[Any], classes: NDArray[Any]) -> dict[str, float]:
    from sklearn.metrics import f1_score

    if len(classes) == 2 and np.isin(target, classes).all():
        f1 = f1_score(target, answer, average="binary", pos_label=classes[1], zero_division=0.0)
    else:
        f1 = f1_score(target, answer, average="macro", zero_division=0.0)
    return {"accuracy": float((target == answer).mean()), "f1": float(f1)}
