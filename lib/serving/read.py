"""What serving has written, as plain JSON: the prediction log, and tables of a DuckDB database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from lib.errors import ServingError
from lib.serving.log import read_predictions


def read_log(folder: str) -> list[dict[str, Any]]:
    """Every logged prediction in `folder`: request_id, row, at (as text), version, prediction (a label as text).

    Raises ServingError when there are none.
    """
    logged = read_predictions(Path(folder))
    lines = logged.project('request_id, row, "at"::TEXT, version, prediction, output').fetchall()
    names = ("request_id", "row", "at", "version", "prediction")
    return [dict(zip(names, [*line[:4], line[5] if line[4] is None else line[4]], strict=True)) for line in lines]


def read_tables(file: str, tables: list[str]) -> dict[str, list[list[Any]]]:
    """Some tables of a DuckDB database by name, each with its rows sorted; dates and times as text.

    Raises ServingError when there is no such database or table, or it cannot be read.
    """
    if not Path(file).is_file():
        raise ServingError(f"there is no database {file}. Write it first, or name another.")
    try:
        with duckdb.connect(file, read_only=True) as database:
            return {name: _rows(database.table(name)) for name in tables}
    except duckdb.Error as error:
        raise ServingError(f"{file} cannot be read: {error}") from error


def _rows(table: duckdb.DuckDBPyRelation) -> list[list[Any]]:
    plain = ", ".join(
        f'"{name}"::TEXT' if str(kind).startswith(("DATE", "TIME")) else f'"{name}"'
        for name, kind in zip(table.columns, table.types, strict=True)
    )
    rows = [list(row) for row in table.project(plain).fetchall()]
    return sorted(rows, key=lambda row: [(value is None, str(value)) for value in row])
