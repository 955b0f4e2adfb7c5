"""The events behind a view, whatever they come from, as one relation of checked keys, times and features.

Internal columns, all of time in microseconds since 1970 (UTC): `__key`; `__event`, when it was true; `__arrived`, when
it was known here; `__known`, the later of the two, from which on a row may see it; `__tie`, which decides between two
events that agree in key and both times and contradict each other: an order by content (DuckDB's hash), so that neither
the order of ingestion nor the number of threads decides.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lib.errors import FeatureError
from lib.features.engine import OUR_FAULT, literal, made, parquet, quoted
from lib.features.view import FeatureView

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

AWARE = ("TIMESTAMP WITH TIME ZONE",)
NAIVE = ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "DATE")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FRACTIONS = ("DOUBLE", "FLOAT", "DECIMAL")
# A column of nothing but nulls has no type of its own, and any type will do.
_NOTHING = ('"NULL"', "NULL")
_ACCEPTED = {
    "string": ("VARCHAR", "ENUM", *_NOTHING),
    "integer": (*_INTEGERS, *_FRACTIONS, *_NOTHING),
    "number": (*_INTEGERS, *_FRACTIONS, *_NOTHING),
    "boolean": ("BOOLEAN", *_NOTHING),
}
_SQL_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
}


def append(connection: DuckDBPyConnection, view: FeatureView, events: str, folder: Path) -> int:
    """Check the rows of the SQL `events` against `view` and add them, all or none, to its files; their number."""
    part = made(_folder(folder, view)) / f"{uuid.uuid4().hex}.parquet"
    fresh = part.with_suffix(".part")
    try:
        (count,) = connection.execute(
            f"COPY (SELECT {', '.join(map(quoted, view.event_columns))} FROM ({_checked(connection, view, events)})) "
            f"TO {literal(str(fresh))} (FORMAT parquet)"
        ).fetchall()[0]
        fresh.rename(part)
    finally:
        fresh.unlink(missing_ok=True)
    return int(count)


def events_of(connection: DuckDBPyConnection, view: FeatureView, folder: Path) -> str:
    """The SQL of the events of `view`, checked as they are read."""
    arrived = f"epoch_us({quoted(view.arrived)})" if view.arrived else "__event"
    features = ", ".join(map(quoted, view.columns))
    return f"""
        SELECT {quoted(view.entity)} AS __key, epoch_us({quoted(view.event_time)}) AS __event, {arrived} AS __arrived,
            greatest(__event, __arrived) AS __known, hash({features}) AS __tie, {features}
        FROM ({_checked(connection, view, _source(view, folder))})"""


def event_files(view: FeatureView, folder: Path) -> list[Path]:
    """The files of the events that were ingested for a view."""
    return sorted(_folder(folder, view).glob("*.parquet"))


def frames(events: pd.DataFrame | str | Path) -> Iterator[pd.DataFrame]:
    """A frame itself, or a Parquet file in pieces that fit into memory."""
    import pyarrow as pa
    from pyarrow import parquet

    if not isinstance(events, str | Path):
        yield events
        return
    try:
        for batch in parquet.ParquetFile(events).iter_batches():
            yield batch.to_pandas()
    except (OSError, pa.ArrowInvalid) as error:
        raise FeatureError(f"{events} cannot be read as a Parquet file: {error}. Write it again.") from error


def to_arrow(frame: pd.DataFrame, columns: list[str], what: str) -> pa.Table:
    """The named columns of a frame, where pandas' NaN means that a value is missing.

    Raises FeatureError for columns that are missing, double, or of mixed types.
    """
    import pyarrow as pa

    present = [str(name) for name in frame.columns]
    missing = [name for name in columns if present.count(name) != 1]
    if missing:
        raise FeatureError(
            f"{what} should have each of {', '.join(missing)} exactly once. There are: {', '.join(present)}. "
            "Rename or drop columns."
        )
    try:
        return pa.Table.from_pandas(frame[columns], preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise FeatureError(f"a column of {what} holds values of several types: {error}. Convert it to one.") from error


def types_of(connection: DuckDBPyConnection, sql: str) -> dict[str, str]:
    """The columns that a SELECT gives, with DuckDB's names of their types (`ENUM` and `DECIMAL` without details)."""
    described = connection.execute(f"DESCRIBE {sql}").fetchall()
    return {str(name): str(kind).partition("(")[0] for name, kind, *_ in described}


def require_key_type(view: FeatureView, kind: str, what: str) -> None:
    """Raise FeatureError unless a column of DuckDB's type `kind` can hold keys of `view`."""
    if kind not in (("VARCHAR", "ENUM", *_NOTHING) if view.key_type == "string" else (*_INTEGERS, *_NOTHING)):
        raise FeatureError(
            f"{view.entity} of {what} is of type {kind}, and {view.reference} has {view.key_type} keys. Convert it."
        )


def moment(name: str, kind: str, what: str, *, naive_utc: bool) -> str:
    """The SQL that reads the column `name` as an instant; raises FeatureError unless it is one."""
    if kind in AWARE:
        return quoted(name)
    if kind not in NAIVE:
        raise FeatureError(f"{name} of {what} is of type {kind}, not a time. Convert it, e.g. with pandas.to_datetime.")
    if not naive_utc:
        raise FeatureError(
            f"{name} of {what} has no time zone. Add one (pandas: tz_localize), or say naive_utc=True if it is UTC."
        )
    return f"{quoted(name)}::TIMESTAMP::TIMESTAMPTZ"


def filled(name: str, sql: str, what: str) -> str:
    """`sql`, for a value in which the column `name` must not be null: that stops the query."""
    fault = f"{OUR_FAULT}{name} is empty in {what}. Fill or drop those rows."
    return f"CASE WHEN {quoted(name)} IS NULL THEN error({literal(fault)}) ELSE {sql} END"


def _source(view: FeatureView, folder: Path) -> str:
    if view.source is not None:
        return view.source
    parts = event_files(view, folder)
    if parts:
        return f"SELECT * FROM {parquet(*parts)}"
    kinds = {view.entity: view.key_type} | dict.fromkeys(view.times, "timestamp") | view.columns
    nothing = ", ".join(f"NULL::{_SQL_TYPES[kind]} AS {quoted(name)}" for name, kind in kinds.items())
    return f"SELECT {nothing} WHERE false"


def _folder(folder: Path, view: FeatureView) -> Path:
    return folder / "events" / view.reference


def _checked(connection: DuckDBPyConnection, view: FeatureView, source: str) -> str:
    """The SQL of `source` with the declared columns in their declared types; a row at fault stops the query."""
    what = f"the events of {view.reference}"
    types = types_of(connection, source)
    missing = [name for name in view.event_columns if name not in types]
    if missing:
        raise FeatureError(
            f"{what} have no column {', '.join(missing)}; they have {', '.join(types)}. Name them as "
            "declared, or correct the declaration."
        )
    require_key_type(view, types[view.entity], what)
    key = filled(view.entity, f"{quoted(view.entity)}::{_SQL_TYPES[view.key_type]}", what)
    columns = [f"{key} AS {quoted(view.entity)}"]
    for name in view.times:
        instant = moment(name, types[name], what, naive_utc=view.naive_utc)
        columns.append(f"{filled(name, instant, what)} AS {quoted(name)}")
    columns += [f"{_value(view, name, types[name], what)} AS {quoted(name)}" for name in view.columns]
    return f"SELECT {', '.join(columns)} FROM ({source})"


def _value(view: FeatureView, name: str, kind: str, what: str) -> str:
    declared = view.columns[name]
    if declared == "timestamp":
        return quoted(name) if kind in _NOTHING else moment(name, kind, what, naive_utc=view.naive_utc)
    if kind not in _ACCEPTED[declared]:
        raise FeatureError(
            f"{name} of {what} is of type {kind}, and {declared} is declared. Convert it, or correct the declaration."
        )
    value = f"{quoted(name)}::{_SQL_TYPES[declared]}"
    if declared != "integer" or kind not in _FRACTIONS:
        return value
    # Integers with gaps leave pandas as fractions; whole numbers are what counts.
    fault = f"{OUR_FAULT}{name} of {what} has fractions, and integer is declared. Round them, or declare number."
    return f"CASE WHEN {quoted(name)} != trunc({quoted(name)}) THEN error({literal(fault)}) ELSE {value} END"
