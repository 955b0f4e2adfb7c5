"""The table to score, read once and in order: cut into partitions on disk, each row typed or marked with a reason."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.errors import BatchError
from lib.serving.schema import Input

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

BATCH_ROWS = 65_536
_SQL_TYPES = {
    "boolean": "BOOLEAN", "integer": "INTEGER", "long": "BIGINT", "float": "FLOAT", "double": "DOUBLE",
    "string": "VARCHAR",
}  # fmt: skip
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FRACTIONAL = ("FLOAT", "DOUBLE", "DECIMAL")
_TEXT = ("VARCHAR", "ENUM", '"NULL"')


@dataclass(frozen=True)
class Query:
    """A table of a DuckDB file (`FROM houses`) or any SELECT; give it an ORDER BY where it does not keep an order."""

    database: Path
    sql: str


@dataclass(frozen=True)
class Staged:
    """One partition on disk, as an Arrow stream: key, one column an input, reason, row."""

    name: str
    path: Path
    rows: int
    digest: str


@contextmanager
def open_source(source: Query | Path, folder: Path, *, memory_mb: int) -> Iterator[tuple[DuckDBPyConnection, str]]:
    """A connection, and the SQL of the source in it. A warehouse is opened read-only, and nobody can write meanwhile.

    Beyond `memory_mb` DuckDB spills into `folder`. At a normal end the source's files must be those of the beginning.
    """
    import duckdb

    files = _files(source)
    seen = _state(files)
    config: dict[str, Any] = {
        "memory_limit": f"{memory_mb}MB", "temp_directory": str(folder), "autoinstall_known_extensions": False,
    }  # fmt: skip
    database = source.database if isinstance(source, Query) else ":memory:"
    with duckdb.connect(database, read_only=isinstance(source, Query), config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false; BEGIN TRANSACTION")
        yield connection, source.sql if isinstance(source, Query) else _reading(files)
    if _state(files) != seen:
        raise BatchError(f"{files[0]} changed while it was read; nothing was published. Run it again.")


def staged(
    connection: DuckDBPyConnection,
    sql: str,
    *,
    key: str,
    inputs: Sequence[Input],
    cut: int | str,
    folder: Path,
) -> Iterator[Staged]:
    """The partitions one after another: of `cut` rows each, or one for each value of the column `cut` (then sorted)."""
    part = f"coalesce(CAST(t.{quoted(cut)} AS VARCHAR), 'missing')" if isinstance(cut, str) else "''"
    columns = ", ".join(f"{_typed(each)} AS in_{number}" for number, each in enumerate(inputs))
    faults = _reason(_types(connection, sql), key, inputs)
    # The whole row is written out only where it is rejected, and before the rows are sorted.
    selected = f"""
        SELECT * EXCLUDE (whole), CASE WHEN reason <> '' THEN to_json(whole) END AS row
        FROM (SELECT {part} AS part, t.{quoted(key)} AS key, {columns}, {faults} AS reason, t AS whole
            FROM ({sql}) AS t)
        {"ORDER BY part, key" if isinstance(cut, str) else ""}"""
    reader = connection.sql(selected).to_arrow_reader(BATCH_ROWS)
    pieces = _by_value(reader) if isinstance(cut, str) else _by_rows(reader, cut)
    for number, (name, group) in enumerate(itertools.groupby(pieces, key=lambda piece: piece[0])):
        yield _write(folder / f"{number}.arrow", name, (piece for _, piece in group))


def check_source(connection: DuckDBPyConnection, sql: str, *, key: str, inputs: Sequence[Input], cut: int | str) -> int:
    """The number of rows; raises BatchError for a missing or unusable column, a repeated key, and an empty table."""
    types = _types(connection, sql)
    needed = [key, *(each.name for each in inputs), *([cut] if isinstance(cut, str) else [])]
    missing = sorted({name for name in needed if name not in types})
    if missing:
        raise BatchError(f"the table has no column {', '.join(missing)}. It has {', '.join(types)}.")
    for each in inputs:
        if _family(types[each.name]) not in _TAKEN[each.type]:
            raise BatchError(
                f"column {each.name} is {types[each.name]}, and the model wants {each.type}. Convert it in the query."
            )
    ((rows, distinct, keyed),) = connection.execute(
        f"SELECT (SELECT count(*) FROM ({sql})), count(*), coalesce(sum(times), 0) FROM "
        f"(SELECT count(*) AS times FROM ({sql}) AS t WHERE t.{quoted(key)} IS NOT NULL GROUP BY t.{quoted(key)})"
    ).fetchall()
    if not rows:
        raise BatchError("the table has 0 rows, and an empty result would replace a good one. Check what fills it.")
    if distinct != keyed:
        raise BatchError(
            f"{keyed - distinct} rows repeat a {key} of another row, so that answers could not be told apart. "
            "Name a column that is unique, or remove the repeated rows."
        )
    return int(rows)


def quoted(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


_TAKEN = {
    "double": {"whole", "fractional", "text"}, "float": {"whole", "fractional", "text"},
    "integer": {"whole", "fractional", "text"}, "long": {"whole", "fractional", "text"},
    "boolean": {"BOOLEAN", "text"}, "string": {"text"},
}  # fmt: skip


def _types(connection: DuckDBPyConnection, sql: str) -> dict[str, str]:
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE {sql}").fetchall()}


def _family(sql_type: str) -> str:
    base = sql_type.partition("(")[0]
    return "whole" if base in _WHOLE else "fractional" if base in _FRACTIONAL else "text" if base in _TEXT else base


def _typed(each: Input) -> str:
    return f"TRY_CAST(t.{quoted(each.name)} AS {_SQL_TYPES[each.type]})"


def _reason(types: Mapping[str, str], key: str, inputs: Sequence[Input]) -> str:
    """SQL for what is wrong with a row; the empty text where nothing is."""
    faults = [f"CASE WHEN t.{quoted(key)} IS NULL THEN {literal(f'{key} is missing')} END"]
    for each in inputs:
        column, typed = f"t.{quoted(each.name)}", _typed(each)
        shown = f"{literal(each.name + ' is ')} || left(CAST({column} AS VARCHAR), 80) || "
        wrong = f"{typed} IS NULL"
        if each.type in ("integer", "long") and _family(types[each.name]) == "fractional":
            wrong += f" OR {column} <> trunc({column})"  # a cast would round
        elif each.type in ("integer", "long") and _family(types[each.name]) == "text":
            wrong += f" OR NOT regexp_full_match(trim({column}), '[+-]?[0-9]+')"
        cases = f"WHEN {wrong} THEN {shown}{literal(f', no {each.type}')}"
        if each.required:
            cases = f"WHEN {column} IS NULL THEN {literal(each.name + ' is missing')} {cases}"
        else:
            cases = f"WHEN {column} IS NULL THEN NULL {cases}"
        if each.type in ("float", "double"):
            cases += f" WHEN NOT isfinite({typed}) THEN {shown}', not a finite number'"
        if each.bounds is not None:
            low, high = each.bounds
            cases += (
                f" WHEN {typed} NOT BETWEEN {low!r} AND {high!r} THEN {shown}{literal(f', outside {each.allowed}')}"
            )
        if each.categories:
            words = ", ".join(map(literal, each.categories))
            cases += f" WHEN {typed} NOT IN ({words}) THEN {shown}{literal(f', not {each.allowed}')}"
        faults.append(f"CASE {cases} END")
    return f"concat_ws('; ', {', '.join(faults)})"


def _files(source: Query | Path) -> list[Path]:
    path = source.database if isinstance(source, Query) else source
    files = [path]
    if not isinstance(source, Query) and path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix in (".parquet", ".csv"))
    if not files or not files[0].is_file():
        raise BatchError(f"{path} holds no table. Give a .parquet or .csv file, a folder of them, or a Query.")
    if not isinstance(source, Query) and {each.suffix for each in files} not in ({".parquet"}, {".csv"}):
        raise BatchError(f"{path} is neither .parquet nor .csv (nor a folder of one of them). Convert it.")
    return files


def _state(files: Sequence[Path]) -> list[tuple[str, int, int, int]]:
    return [(str(path), (stat := path.stat()).st_ino, stat.st_size, stat.st_mtime_ns) for path in files]


def _reading(files: Sequence[Path]) -> str:
    names = ", ".join(literal(str(path)) for path in files)
    if files[0].suffix == ".csv":
        # As text, so that one bad value is one rejected row and not another type for the whole column.
        return f"SELECT * FROM read_csv([{names}], all_varchar = true, header = true, auto_detect = true)"
    return f"SELECT * FROM read_parquet([{names}])"


def _by_rows(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[tuple[str, pa.RecordBatch]]:
    number = 0
    for batch in batches:
        start = 0
        while start < len(batch):
            piece = batch.slice(start, rows - number % rows)
            yield f"{number // rows:06d}", piece
            start += len(piece)
            number += len(piece)


def _by_value(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, pa.RecordBatch]]:
    import pyarrow.compute as pc

    for batch in batches:
        runs = pc.run_end_encode(batch.column("part"))
        start = 0
        for name, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield name, batch.slice(start, end - start)
            start = end


def _write(path: Path, name: str, pieces: Iterable[pa.RecordBatch]) -> Staged:
    """In batches of the same size whatever the pieces were, so that equal rows have an equal digest."""
    import pyarrow as pa

    rows, total = 0, hashlib.sha256()
    with pa.OSFile(str(path), "wb") as sink:
        writer = None
        for table in _even(pieces):
            writer = writer or pa.ipc.new_stream(sink, table.schema)
            writer.write_table(table)
            _add(table, total)
            rows += len(table)
        if writer is not None:
            writer.close()
    return Staged(name=name, path=path, rows=rows, digest=f"sha256:{total.hexdigest()}")


def _add(table: pa.Table, total: hashlib._Hash) -> None:
    """Only what the table says: behind a missing value, and in the last bits of a mask, any bytes may stand."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, column in zip(table.column_names, table.columns, strict=True):
        missing = pc.is_null(column).cast(pa.uint8())
        values = column.drop_null()
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.uint8())
        for part in (missing, values):
            for batch in pa.table({name: part}).combine_chunks().to_batches():
                total.update(batch.serialize())


def _even(pieces: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for piece in pieces:
        held.append(piece.drop_columns(["part"]))
        if sum(map(len, held)) >= BATCH_ROWS:
            table = pa.Table.from_batches(held)
            yield table.slice(0, BATCH_ROWS).combine_chunks()
            held = table.slice(BATCH_ROWS).to_batches()
    if held:
        yield pa.Table.from_batches(held).combine_chunks()
