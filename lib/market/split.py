"""Train on the past, choose on what came next, judge on what came last: the order in which a model meets the world."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from lib.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Split:
    """Three parts in order of time, with the two cuts: train < cuts[0] ≤ validation < cuts[1] ≤ test.

    The counts say what was left out: rows without a label, and rows of train and validation whose label was not known
    yet on the day of the cut that ends their part.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    cuts: tuple[pd.Timestamp, pd.Timestamp]
    dropped_unlabelled: int
    dropped_train: int
    dropped_validation: int


def split_by_time(
    frame: pd.DataFrame,
    *,
    time: str = "listed_on",
    known: str | timedelta | None = "sold_on",
    train: float = 0.6,
    validation: float = 0.2,
    target: str | None = None,
) -> Split:
    """Divide the labelled rows of `frame` at two midnights, so that the parts have about the shares asked for.

    `known` says when a row's label is known: a date column (empty: never), a fixed delay after `time`, or None: at
    once. A row of train or validation whose label was not known before the cut that ends its part is left out, for on
    that day nobody could have trained on it. Rows whose `target` is empty are left out everywhere. Row order and index
    are kept.
    Raises DataError for missing or empty columns, for shares that leave a part nothing, and for fewer than three days.
    """
    if not (train > 0 and validation > 0 and train + validation < 1):
        raise DataError(f"train is {train} and validation {validation}. Choose two positive shares with a sum below 1.")
    moments = _dates(frame, time)
    if moments.isna().any():
        raise DataError(
            f"{time} is empty in {int(moments.isna().sum())} of {len(frame)} rows. Fill or drop those rows."
        )
    labelled_on = _labelled_on(frame, moments, known)
    labelled = labelled_on.notna()
    if target is not None:
        labelled &= _column(frame, target).notna()
    cuts = _cuts(moments[labelled], train, validation)
    first, second = (moments < cut for cut in cuts)
    on_time_first, on_time_second = (labelled_on < cut for cut in cuts)
    in_train, in_validation = labelled & first, labelled & ~first & second
    split = Split(
        train=frame[in_train & on_time_first],
        validation=frame[in_validation & on_time_second],
        test=frame[labelled & ~second],
        cuts=cuts,
        dropped_unlabelled=int((~labelled).sum()),
        dropped_train=int((in_train & ~on_time_first).sum()),
        dropped_validation=int((in_validation & ~on_time_second).sum()),
    )
    _require_rows(split)
    return split


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame.columns:
        raise DataError(
            f"there is no column {name!r} to divide by. The table has {', '.join(map(str, frame.columns))}."
        )
    return frame[name]


def _dates(frame: pd.DataFrame, name: str) -> pd.Series:
    values = _column(frame, name)
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        raise DataError(f"{name} holds {values.dtype}, not dates. Convert it with pandas.to_datetime first.")
    return values


def _labelled_on(frame: pd.DataFrame, moments: pd.Series, known: str | timedelta | None) -> pd.Series:
    if known is None:
        return moments
    return moments + known if isinstance(known, timedelta) else _dates(frame, known)


def _cuts(moments: pd.Series, train: float, validation: float) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Two midnights, each the start of a day that has rows: whole days fall to one side."""
    days = np.sort(moments.dt.normalize())
    distinct = np.unique(days)
    if len(distinct) < 3:
        raise DataError(f"the labelled rows lie on {len(distinct)} distinct days. Three parts need at least 3.")
    first = np.clip(np.searchsorted(distinct, days[int(len(days) * train)]), 1, len(distinct) - 2)
    second = np.searchsorted(distinct, days[int(len(days) * (train + validation))])
    second = np.clip(second, first + 1, len(distinct) - 1)
    return pd.Timestamp(distinct[first]), pd.Timestamp(distinct[second])


def _require_rows(split: Split) -> None:
    for name, part, dropped in (
        ("train", split.train, split.dropped_train),
        ("validation", split.validation, split.dropped_validation),
    ):
        if part.empty:
            raise DataError(
                f"{name} has no row left: the labels of its {dropped} rows became known only after its end. "
                "Give it a longer time, or pass known=None if labels are known at once."
            )
