"""Point-in-time joins: to each row the features as they were known at its moment, never a later value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.errors import FeatureError
from lib.features.engine import literal, made, quoted
from lib.features.events import events_of, filled, moment, require_key_type, to_arrow, types_of
from lib.features.view import FeatureView

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


def join_frame(
    connection: DuckDBPyConnection, frame: pd.DataFrame, views: Sequence[FeatureView], folder: Path, **options: Any
) -> pd.DataFrame:
    """`frame` as it is, index and order included, with the features as further columns."""
    import numpy as np

    wanted = list(dict.fromkeys([*(view.entity for view in views), options["time"]]))
    names = require_distinct([str(name) for name in frame.columns], views, full_names=options["full_names"])
    rows = to_arrow(frame, wanted, "the entities").append_column("__row", [np.arange(len(frame))])
    connection.register("__given", rows)
    sql = _join(connection, "SELECT * FROM __given", views, folder, **options)
    columns = ", ".join(map(quoted, names))
    joined = _to_pandas(connection.sql(f"SELECT {columns} FROM ({sql}) ORDER BY __row").to_arrow_table())
    return frame.assign(**{name: joined[name].array for name in names})


def join_file(
    connection: DuckDBPyConnection,
    source: Path,
    target: Path,
    views: Sequence[FeatureView],
    folder: Path,
    **options: Any,
) -> Path:
    """The rows of the Parquet file `source`, in its order, with the features as further columns, in `target`."""
    given = (
        f"SELECT * RENAME (file_row_number AS __row) FROM read_parquet({literal(str(source))}, file_row_number = true)"
    )
    present = [name for name in types_of(connection, given) if name != "__row"]
    names = require_distinct(present, views, full_names=options["full_names"])
    sql = _join(connection, given, views, folder, **options)
    columns = ", ".join(map(quoted, [*present, *names]))
    fresh = made(target.parent) / f".{target.name}.part"
    try:
        connection.execute(
            f"COPY (SELECT {columns} FROM ({sql}) ORDER BY __row) TO {literal(str(fresh))} (FORMAT parquet)"
        )
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return target


def require_distinct(present: list[str], views: Sequence[FeatureView], *, full_names: bool) -> list[str]:
    """The names of all features of `views` in a row; raises FeatureError when one is there twice."""
    names = [name for view in views for name in view.feature_names(full=full_names)]
    taken = [name.lower() for name in (*present, *names)]
    twice = sorted({name for name in names if taken.count(name.lower()) > 1})
    if twice:
        way_out = "Leave one view out" if full_names else "Ask for full_names=True, or leave one of them out"
        raise FeatureError(f"{', '.join(twice)} would stand in a row twice. {way_out}.")
    return names


def history(events: str, features: str) -> str:
    """The SQL of what was held to be the latest, per key in order of `__known`: each row holds until the next.

    A late event that is older than what was known already is never the latest. Of events that become known at the same
    instant the one with the latest event time stays, then the one that arrived last, then the greater `__tie`.
    """
    return f"""
        SELECT __key, __known, __event, {features} FROM ({events})
        WINDOW so_far AS (PARTITION BY __key ORDER BY __known, __event, __arrived, __tie ROWS UNBOUNDED PRECEDING)
        QUALIFY lead(__known) OVER so_far IS DISTINCT FROM __known AND __event >= max(__event) OVER so_far"""


def _join(
    connection: DuckDBPyConnection,
    given: str,
    views: Sequence[FeatureView],
    folder: Path,
    *,
    time: str,
    naive_utc: bool,
    full_names: bool,
) -> str:
    types = types_of(connection, given)
    missing = [name for name in (time, *(view.entity for view in views)) if name not in types]
    if missing:
        raise FeatureError(
            f"the entities have no column {', '.join(missing)}; they have {', '.join(types)}. Add it, or rename one."
        )
    at = filled(time, moment(time, types[time], "the entities", naive_utc=naive_utc), "the entities")
    columns, joins = [], []
    for number, view in enumerate(views):
        require_key_type(view, types[view.entity], "the entities")
        alias = f"__view{number}"
        events = history(events_of(connection, view, folder), ", ".join(map(quoted, view.columns)))
        joins.append(
            f"ASOF LEFT JOIN ({events}) {alias} ON __rows.{quoted(view.entity)} = {alias}.__key"
            f" AND __rows.__at >= {alias}.__known"
        )
        for column, name in zip(view.columns, view.feature_names(full=full_names), strict=True):
            columns.append(f"{_while_it_holds(view, alias, column)} AS {quoted(name)}")
    return f"""
        WITH __rows AS (SELECT *, epoch_us({at}) AS __at FROM ({given}))
        SELECT __rows.*, {", ".join(columns)} FROM __rows {" ".join(joins)}"""


def _while_it_holds(view: FeatureView, alias: str, column: str) -> str:
    value = f"{alias}.{quoted(column)}"
    if view.ttl is None:
        return value
    return f"CASE WHEN __rows.__at - {alias}.__event <= {ttl_us(view)} THEN {value} END"


def ttl_us(view: FeatureView) -> int | None:
    """How long a value holds, in microseconds."""
    return None if view.ttl is None else round(view.ttl.total_seconds() * 1_000_000)


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    """Types stay although values are missing: Int64 and boolean with NA, float64 with NaN, str, datetime64 in UTC."""
    import pandas as pd
    import pyarrow as pa

    kept = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=kept.get)
    return frame
