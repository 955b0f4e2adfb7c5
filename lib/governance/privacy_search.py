"""Proof that somebody is nowhere any more: every file is read, whatever it is packed in."""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lib.errors import PrivacyError
from lib.governance.privacy_gate import text_of
from lib.governance.privacy_person import Person


@dataclass(frozen=True)
class Searched:
    """`files` with `bytes` were read; `found` are those that still hold the person."""

    files: int
    bytes: int
    found: tuple[Path, ...]


def search(person: Person, places: Iterable[Path]) -> Searched:
    """Look for a person in every file at or below `places`.

    Parquet files and DuckDB databases are read by their columns, zip archives by their parts, text by what is found in
    it; and the bytes of every file are looked through for each identifier as it was given, also as HTML and JSON write
    it. Not looked into are git's own objects, which are compressed, and what other programs encrypt or encode. Raises
    PrivacyError for a place or a file that cannot be read.
    """
    files, size, found = 0, 0, []
    for file in _files(places):
        files += 1
        size += len(content := _content(file))
        if _holds(file, content, person):
            found.append(file)
    return Searched(files, size, tuple(found))


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if not place.exists():
            raise PrivacyError(f"{place} is not there, so nothing is proven about it. Name the places that there are.")
        yield from sorted(each for each in (place.rglob("*") if place.is_dir() else [place]) if each.is_file())


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:  # whoever writes there has taken it away meanwhile
        return b""
    except OSError as error:
        raise PrivacyError(f"{file} cannot be read, so nothing is proven: {error.strerror}.") from error


def _holds(file: Path, content: bytes, person: Person) -> bool:
    if _spelt(person).search(content):
        return True
    if content.startswith(b"PAR1"):
        return any(map(person.mentioned, _parquet_texts(file)))
    if content[8:12] == b"DUCK":
        return any(map(person.mentioned, _duckdb_texts(file)))
    return content != b"" and any(person.mentioned(line) for _, text in text_of(file) for line in text.splitlines())


@functools.cache
def _spelt(person: Person) -> re.Pattern[bytes]:
    known = {*person.values, *person.spellings, *person.pseudonyms}
    written = {form for word in known for form in (word, html.escape(word), json.dumps(word)[1:-1])}
    written |= {word.replace("@", escape) for word in known for escape in ("&#64;", "\\u0040", "%40")}
    either = b"|".join(re.escape(each.encode()) for each in sorted(written))
    # Not within a longer one, which is somebody else's.
    return re.compile(rb"(?<![\w.+-])(?:" + either + rb")(?!\w)", re.IGNORECASE)


def _parquet_texts(file: Path) -> Iterator[str]:
    from pyarrow import parquet

    for column in parquet.read_table(file).columns:
        yield from {str(value) for value in column.to_pylist() if value is not None and not isinstance(value, float)}


def _duckdb_texts(file: Path) -> Iterator[str]:
    import duckdb

    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            for schema, table in connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall():
                # As text, whatever the type: a person may stand inside of JSON or a list.
                for row in connection.table(f'"{schema}"."{table}"').project("COLUMNS(*)::VARCHAR").fetchall():
                    yield from {value for value in row if value is not None}
    except duckdb.Error as error:
        raise PrivacyError(
            f"{file} cannot be read, so nothing is proven: {error}. Close it elsewhere first."
        ) from error
