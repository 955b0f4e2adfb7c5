"""What serving has written, as plain JSON: the prediction log, and a table of a DuckDB database."""

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


def read_table(file: str, table: str) -> list[list[Any]]:
    """The rows of a table in a DuckDB database, sorted; dates and times as text. Raises ServingError."""
    if not Path(file).is_file():
        raise ServingError(f"there is no database {file}. Write it first, or name another.")
    try:
        with duckdb.connect(file, read_only=True) as database:
            relation = database.table(table)
            plain = ", ".join(
                f'"{name}"::TEXT' if str(kind) in ("DATE", "TIMESTAMP") else f'"{name}"'
                for name, kind in zip(relation.columns, relation.types, strict=True)
            )
            rows: list[list[Any]] = [list(row) for row in relation.project(plain).fetchall()]
    except duckdb.Error as error:
        raise ServingError(f"{table} of {file} cannot be read: {error}") from error
    return sorted(rows, key=lambda row: [(value is None, str(value)) for value in row])
