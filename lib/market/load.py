"""Tables from files: a person's own CSV or Parquet, read as its schema declares, and the named real set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from lib.errors import DataError
from lib.market.schema import Kind, Schema


def load_table(path: str | Path, schema: Schema) -> pd.DataFrame:
    """The table in a `.csv` or `.parquet` file, checked against `schema`.

    Raises DataError when the file cannot be read as a table, SchemaError when the table does not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} is not a file. Give the path of a .csv or .parquet file.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty. Write the table again.")
    try:
        frame = _read(path, schema)
    except (ValueError, OSError) as error:
        raise DataError(
            f"{path} cannot be read as a {path.suffix[1:]} table: {error}. Write it again, or correct what is named."
        ) from error
    if frame.empty:
        raise DataError(f"{path} has a header and no rows. Write the table again.")
    return schema.check(frame)


def _read(path: Path, schema: Schema) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix != ".csv":
        raise DataError(f"{path} ends in {path.suffix!r}. Tables are read from .csv and .parquet files.")
    # Read as text where text is declared: a postcode 01067 is no number.
    texts = {column.name: "str" for column in schema.columns if column.kind == "string"}
    frame = pd.read_csv(path, dtype=texts)
    for column in schema.columns:
        if column.name in frame.columns:
            frame[column.name] = _typed(frame[column.name], column.kind)
    return frame


def _typed(values: pd.Series[Any], kind: Kind) -> pd.Series[Any]:
    """What CSV cannot say: dates, whole numbers and booleans with gaps; what does not convert is left for the check."""
    filled = values.dropna()
    if kind == "date" and pd.api.types.is_string_dtype(values.dtype):
        dates = pd.to_datetime(values, format="ISO8601", errors="coerce")
        return dates if int(dates.notna().sum()) == len(filled) else values
    if kind == "date" and filled.empty:
        return pd.to_datetime(values)
    if kind == "integer" and len(filled) < len(values) and pd.api.types.is_float_dtype(values.dtype):
        return values.astype("Int64") if bool((filled % 1 == 0).all()) else values
    if kind == "boolean" and len(filled) < len(values) and bool(filled.isin([True, False]).all()):
        return values.astype("boolean")
    return values


def california() -> pd.DataFrame:
    """California's census blocks of 1990 (20,640 rows, target `MedHouseVal` in 100,000 USD) from scikit-learn's cache.

    Raises DataError when the set is not cached; nothing is fetched. Source: Pace and Barry (1997),
    doi:10.1016/S0167-7152(96)00140-X.
    """
    from sklearn.datasets import fetch_california_housing, get_data_home

    try:
        bunch = fetch_california_housing(as_frame=True, download_if_missing=False)
    except OSError as error:
        raise DataError(
            f"the California set is not in {get_data_home()}. With a network, run "
            "`python -c 'from sklearn.datasets import fetch_california_housing as f; f()'` once."
        ) from error
    frame: pd.DataFrame = bunch.frame
    return frame
