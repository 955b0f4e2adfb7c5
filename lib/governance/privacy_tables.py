"""One person out of a table in a file: rows that are theirs go, mentions of them in other people's rows are blacked."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from pathlib import Path

from lib.errors import PrivacyError
from lib.governance.privacy_person import Person


@dataclass(frozen=True)
class Cleaned:
    """What was done to a table: rows `removed`, cells `blacked`."""

    removed: int = 0
    blacked: int = 0

    def __bool__(self) -> bool:
        """Whether anything was done."""
        return self.removed + self.blacked > 0


def clean_table(source: Path, target: Path, person: Person) -> Cleaned:
    """Write the .csv or .parquet table `source` to `target` without a person; other rows keep order, text and types.

    A row is theirs when one of its cells is an identifier of theirs. Raises PrivacyError for any other file, and for
    one that is no table.
    """
    import pyarrow as pa

    clean = {".csv": _csv, ".parquet": _parquet}.get(source.suffix)
    if clean is None:
        raise PrivacyError(f"{source.name} is no .csv or .parquet table, so nobody can be erased from it by rows.")
    try:
        return clean(source, target, person)
    except (csv.Error, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise PrivacyError(f"{source.name} cannot be read as a table: {error}. Erase from it by hand.") from error


def _csv(source: Path, target: Path, person: Person) -> Cleaned:
    removed = blacked = 0
    owns, without = functools.cache(person.owns), functools.cache(person.without)
    with (
        source.open(newline="", encoding="utf-8") as reading,
        target.open("w", newline="", encoding="utf-8") as writing,
    ):
        writer = csv.writer(writing, lineterminator="\n")
        for row in csv.reader(reading):
            if any(map(owns, row)):
                removed += 1
                continue
            cells = [without(cell) for cell in row]
            blacked += sum(one != other for one, other in zip(row, cells, strict=True))
            writer.writerow(cells)
    return Cleaned(removed, blacked)


def _parquet(source: Path, target: Path, person: Person) -> Cleaned:
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(source)
    owns, without = functools.cache(person.owns), functools.cache(person.without)
    theirs = [False] * len(table)
    for column in table.columns:
        # What is nested cannot be blacked in part: the row goes with it.
        concerned = (lambda value: person.mentioned(str(value))) if pa.types.is_nested(column.type) else owns
        theirs = [known or concerned(value) for known, value in zip(theirs, column.to_pylist(), strict=True)]
    table, blacked = table.filter(pa.array([not each for each in theirs])), 0
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            old = table.column(place).to_pylist()
            new = [None if value is None else without(value) for value in old]
            blacked += sum(one != other for one, other in zip(old, new, strict=True))
            table = table.set_column(place, field, pa.array(new, field.type))
    parquet.write_table(table, target)
    return Cleaned(sum(theirs), blacked)
