"""DuckDB, in memory up to a limit and beyond it in a temporary folder; without any network."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lib.errors import FeatureError

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


@contextmanager
def open_engine(
    folder: Path, *, memory_mb: int, tables: Mapping[str, pa.Table | Path] | None = None
) -> Iterator[DuckDBPyConnection]:
    """A connection of its own, so that threads do not meet; what does not fit in `memory_mb` spills into `folder`.

    DuckDB's errors leave as FeatureError.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix=".spill-", dir=made(folder)) as spill:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": spill,
            "preserve_insertion_order": False,  # results are sorted where order counts; keeping it costs memory
            "autoinstall_known_extensions": False,
        }
        with duckdb.connect(":memory:", config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")  # a library does not print
            for name, table in (tables or {}).items():
                add_table(connection, name, table)
            try:
                yield connection
            except duckdb.Error as error:
                raise FeatureError(_explained(str(error), memory_mb)) from error


def add_table(connection: DuckDBPyConnection, name: str, table: pa.Table | Path) -> None:
    """Make a table of Arrow or a Parquet file known to SQL as `name`."""
    if isinstance(table, Path):
        connection.execute(f"CREATE VIEW {quoted(name)} AS SELECT * FROM {parquet(table)}")
    else:
        connection.register(name, table)


def made(folder: Path) -> Path:
    """`folder`, which exists from now on; raises FeatureError when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FeatureError(
            f"{folder} cannot be made: {error}. Choose a folder that you may write to (MLOPS_FEATURES for the store's)."
        ) from error
    return folder


def parquet(*paths: Path) -> str:
    """The table function of SQL that reads these files."""
    return f"read_parquet([{', '.join(literal(str(path)) for path in paths)}])"


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _explained(message: str, memory_mb: int) -> str:
    _, said, ours = message.partition(OUR_FAULT)
    if said:
        return ours.strip()
    if message.startswith("Out of Memory"):
        return f"{message} Open the store with a larger memory_mb (it is {memory_mb}), or give DuckDB fewer threads."
    return f"DuckDB could not do it: {message} Correct the SQL or the tables that it names."


OUR_FAULT = "refused: "
"""Begins the errors that our own SQL raises about a value."""
