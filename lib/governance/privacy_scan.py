"""Where a table or a log holds personal data: by what stands in it, and by what its columns are called."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.errors import PrivacyError
from lib.governance.privacy_find import REGIONS, find
from lib.market import Schema

if TYPE_CHECKING:
    import pandas as pd

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+")
_NAMED = {
    "name": frozenset({"name", "surname", "firstname", "lastname", "fullname", "họ", "tên", "nachname", "vorname"}),
    "address": frozenset({"address", "street", "addr", "địa", "strasse", "straße", "adresse", "dirección", "calle"}),
    "email": frozenset({"email", "mail"}),
    "phone": frozenset({"phone", "tel", "telephone", "mobile", "fax", "sđt", "telefon"}),
    "national_id": frozenset({"ssn", "cccd", "cmnd", "passport", "nino", "dni", "pesel", "bsn"}),
    "birth": frozenset({"birth", "birthday", "birthdate", "dob"}),
    "iban": frozenset({"iban"}),
}
NAMED_KINDS = frozenset(_NAMED)
# What is called a name and is nobody's.
_NOT_OF_PEOPLE = frozenset({"file", "column", "model", "feature", "host", "run", "experiment", "city", "country"})


@dataclass(frozen=True, kw_only=True)
class Found:
    """In `column`, `rows` of `of` hold personal data of one `kind`; `by` its content, its name, or the schema.

    There is no example: a report of personal data must not be a place of it.
    """

    column: str
    kind: str
    by: str
    rows: int
    of: int

    def __str__(self) -> str:
        """In words.

        >>> print(Found(column="remarks", kind="email", by="content", rows=3, of=90))
        remarks: email in 3 of 90 rows
        """
        if self.by == "content":
            return f"{self.column}: {self.kind} in {self.rows} of {self.of} rows"
        return f"{self.column}: {self.kind} by its {self.by}"


def scan_frame(frame: pd.DataFrame, *, schema: Schema | None = None, regions: Sequence[str] = REGIONS) -> list[Found]:
    """What is personal in each column: by content (values as text, missing ones passed over), name, and `schema`.

    A column that the schema declares personal is reported whatever it holds: that is how names in prose are known.
    """
    return [
        *scan_names([str(name) for name in frame.columns], schema=schema, rows=len(frame)),
        *(
            Found(column=str(name), kind=kind, by="content", rows=rows, of=len(frame))
            for name in frame.columns
            for kind, rows in _kinds(_texts(frame[name]), regions).items()
        ),
    ]


def scan_names(names: Sequence[str], *, schema: Schema | None = None, rows: int = 0) -> list[Found]:
    """The columns that are personal by their names, or declared so.

    >>> [found.column for found in scan_names(["area_m2", "seller_name", "file_name", "homeAddress"])]
    ['seller_name', 'homeAddress']
    """
    declared = {column.name for column in schema.columns if column.personal} if schema else set()
    found = []
    for name in names:
        kind, by = named_kind(name), "name"
        if name in declared:
            kind, by = kind or "personal", "schema"
        if kind:
            found.append(Found(column=name, kind=kind, by=by, rows=rows, of=rows))
    return found


def named_kind(column: str) -> str | None:
    """What a column of that name holds about people, if anything.

    >>> named_kind("sellerPhone"), named_kind("birth_date"), named_kind("listed_on")
    ('phone', 'birth', None)
    """
    words = {word.casefold() for word in _WORDS.findall(column)}
    for kind, telling in _NAMED.items():
        if words & telling and not (kind == "name" and words & _NOT_OF_PEOPLE):
            return kind
    return None


def scan_lines(lines: Iterable[str], *, regions: Sequence[str] = REGIONS) -> list[Found]:
    """What is personal in the lines of a log: by field where a line is a JSON object, else in the "text" of the line.

    `of` counts the lines. Fields inside others are named by their path: `features.remarks`.
    """
    counts: Counter[tuple[str, str]] = Counter()
    total = 0
    for total, line in enumerate(lines, 1):  # noqa: B007  the last number is how many there were
        counts.update({(field, kind) for field, value in _fields(line) for kind in _kinds([value], regions)})
    return [
        Found(column=field, kind=kind, by="content", rows=rows, of=total)
        for (field, kind), rows in sorted(counts.items())
    ]


def scan_log(files: Iterable[Path], *, regions: Sequence[str] = REGIONS) -> list[Found]:
    """`scan_lines` over text files; raises PrivacyError for one that cannot be read."""
    return scan_lines(_lines(files), regions=regions)


def require_none(
    frame: pd.DataFrame, *, what: str, schema: Schema | None = None, regions: Sequence[str] = REGIONS
) -> pd.DataFrame:
    """Return `frame` itself when nothing in it is personal; raises PrivacyError naming each column and kind."""
    found = scan_frame(frame, schema=schema, regions=regions)
    if found:
        raise PrivacyError(
            f"personal data in {what}: {'; '.join(map(str, found))}. Drop these columns, or pseudonymise them first."
        )
    return frame


def _lines(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        try:
            with file.open(encoding="utf-8", errors="replace") as stream:
                yield from stream
        except OSError as error:
            raise PrivacyError(f"{file} cannot be read, so nothing is known about it: {error}.") from error


def _kinds(texts: Iterable[str], regions: Sequence[str]) -> Counter[str]:
    """In how many of the texts each kind stands."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({found.kind for found in find(text, regions=regions)})
    return counts


def _texts(column: pd.Series[Any]) -> Iterator[str]:
    import pandas as pd

    types = pd.api.types
    if types.is_bool_dtype(column.dtype) or types.is_datetime64_any_dtype(column.dtype):
        return iter(())
    filled = column.dropna()
    if types.is_float_dtype(column.dtype):
        # A number with a fraction is a measure; a card number that was read as a float is whole.
        filled = filled[filled % 1 == 0]
        return (f"{value:.0f}" for value in filled if abs(value) >= 1e9)
    return (str(value) for value in filled)


def _fields(line: str) -> Iterator[tuple[str, str]]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    yield from _leaves("", value) if isinstance(value, dict) else [("text", line)]


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(path, inner)
    elif isinstance(value, str):
        yield path, value
