"""Rows as drift statistics take them: plain arrays by column, categories as numbers of one vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lib.errors import DataError
from lib.market import Schema
from lib.monitoring.sample import Floats, Integers


@dataclass(frozen=True, kw_only=True)
class Table:
    """Numbers by column (NaN: missing), category codes by column; the last code is anything outside the vocabulary."""

    numeric: dict[str, Floats]
    categorical: dict[str, Integers]
    rows: int

    def take(self, places: Integers | slice) -> Table:
        """The rows at `places`."""
        numeric = {name: values[places] for name, values in self.numeric.items()}
        categorical = {name: codes[places] for name, codes in self.categorical.items()}
        some: NDArray[Any] = next(iter((*numeric.values(), *categorical.values())))
        return Table(numeric=numeric, categorical=categorical, rows=len(some))


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns that are watched: numeric ones, and categorical ones with the categories that the reference has."""

    numeric: tuple[str, ...]
    categorical: dict[str, tuple[Any, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        return *self.numeric, *self.categorical

    def encode(self, frame: pd.DataFrame) -> Table:
        """`frame` as arrays; raises DataError when a column is missing or of another kind."""
        absent = [name for name in self.names if name not in frame.columns]
        if absent:
            raise DataError(f"the rows lack {', '.join(absent)}, which is watched. Watch fewer columns, or deliver it.")
        return Table(
            numeric={name: _numbers(frame[name]) for name in self.numeric},
            categorical={name: _codes(frame[name], known) for name, known in self.categorical.items()},
            rows=len(frame),
        )


def watched_columns(reference: pd.DataFrame, names: Sequence[str], *, schema: Schema | None = None) -> Columns:
    """How to read the columns `names`: numbers as numbers; text, truth values and categories as categories.

    The kinds are those that `schema` declares, else those of `reference`. A column that counts time (listed_month)
    drifts by definition: do not watch it. Raises DataError for a name that the reference lacks, and for no name at all.
    """
    absent = [name for name in names if name not in reference.columns]
    if absent or not names:
        raise DataError(f"the reference has no column {', '.join(absent) or 'to watch'}. Name some that it has.")
    numeric = tuple(name for name in names if _is_numeric(reference[name], name, schema))
    categorical = {
        name: tuple(reference[name].dropna().drop_duplicates().sort_values().tolist())
        for name in names
        if name not in numeric
    }
    return Columns(numeric=numeric, categorical=categorical)


def _is_numeric(values: pd.Series[Any], name: str, schema: Schema | None) -> bool:
    if schema is not None:
        return schema[name].kind in ("integer", "number")
    return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)


def _numbers(values: pd.Series[Any]) -> Floats:
    try:
        found = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"{values.name} holds {values.dtype}, and numbers were watched in it: {error}.") from error
    return np.where(np.isfinite(found), found, np.nan)


def _codes(values: pd.Series[Any], known: tuple[Any, ...]) -> Integers:
    """The place of each value in `known`, beyond its end for any other and for a missing one."""
    codes, seen = pd.factorize(values)
    places = pd.Index(known).get_indexer(pd.Index(seen))
    # A missing value has the code -1, and so the last of these.
    places = np.append(np.where(places < 0, len(known), places), len(known))
    return np.asarray(places[codes], dtype=np.int64)
