"""The tables inside versioned files: how many rows, and which."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from lib.errors import VersionError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def count_rows(path: Path) -> int | None:
    """The number of rows of a `.csv` or `.parquet` table; None for any other file, and for one that does not parse."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        if path.suffix == ".parquet":
            return int(pyarrow.parquet.read_metadata(path).num_rows)
        if path.suffix == ".csv":
            # One column as text is enough to count by; quoted line breaks stay inside their row.
            with pyarrow.csv.open_csv(path, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True)) as batches:
                return sum(int(batch.num_rows) for batch in batches)
    except pa.ArrowInvalid:
        return None
    return None


def read_frame(path: Path) -> pd.DataFrame:
    """The table in a `.csv` or `.parquet` file, days in a CSV read as dates. Raises VersionError when there is none."""
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        if path.suffix == ".csv":
            return pd.read_csv(path).apply(_dated)
    except ValueError as error:
        raise VersionError(
            f"{path.name} cannot be read as a table: {error}. Compare versions that hold tables."
        ) from error
    raise VersionError(f"{path.name} is not a .csv or .parquet table, so its rows cannot be compared.")


def _dated(column: pd.Series[Any]) -> pd.Series[Any]:
    filled = column.dropna()
    if filled.empty or not pd.api.types.is_string_dtype(filled.dtype) or not _DAY.match(str(filled.iloc[0])):
        return column
    dates = pd.to_datetime(column, format="ISO8601", errors="coerce")
    return dates if int(dates.notna().sum()) == len(filled) else column
