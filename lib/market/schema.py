"""What a table must look like: names, types, ranges, units, and when a column becomes known; checked, never assumed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from lib.errors import SchemaError

Kind = Literal["string", "integer", "number", "boolean", "date"]
Known = Literal["listing", "sale"]

_SHOWN = 3


class Column(BaseModel):
    """One column: its type, unit, admissible values and the moment its value becomes known.

    `low` and `high` are inclusive. `known="sale"` marks what a model must not see: it is not there when a price is
    asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    kind: Kind
    unit: str = ""
    known: Known = "listing"
    nullable: bool = False
    unique: bool = False
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()
    personal: bool = False
    note: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.categories and self.kind != "string":
            raise ValueError(
                f"{self.name} lists categories and is of kind {self.kind!r}. Categories need kind 'string'."
            )
        if (self.low is not None or self.high is not None) and self.kind not in ("integer", "number"):
            raise ValueError(f"{self.name} has a range and is of kind {self.kind!r}. A range needs a numeric kind.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"{self.name} has the range {self.low} to {self.high}. Swap the two ends.")
        return self


class Schema(BaseModel):
    """The columns of a table, in order; `model_dump_json` and `model_validate_json` carry it through a file.

    >>> rooms = Column(name="rooms", kind="integer", low=1)
    >>> Schema(columns=(rooms,)).check(pd.DataFrame({"rooms": [0]}))
    Traceback (most recent call last):
    lib.errors.SchemaError: rooms: 1 of 1 value lies below 1, e.g. 0. Correct the data, or widen the range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[Column, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"the schema declares {', '.join(twice)} twice. Keep one of each.")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise SchemaError(f"the schema has no column {name!r}. It has {', '.join(self.names)}.")

    def known_at(self, moment: Known) -> tuple[str, ...]:
        """The names of the columns that become known at `moment`."""
        return tuple(column.name for column in self.columns if column.known == moment)

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `frame` itself when it fits; its columns may stand in any order.

        Raises SchemaError naming every column at fault, with offending values, their count and the way out.
        """
        faults = self._name_faults(frame)
        for column in self.columns:
            if list(frame.columns).count(column.name) == 1:
                faults += _faults(column, frame[column.name])
        if faults:
            raise SchemaError("\n".join(faults))
        return frame

    def fitting(self, frame: pd.DataFrame) -> pd.Series[bool]:
        """For each row of `frame`, whether every value in it is admissible.

        Raises SchemaError for what is no matter of single rows: columns that are missing, unknown or of another kind.

        >>> rooms = Column(name="rooms", kind="integer", low=1)
        >>> Schema(columns=(rooms,)).fitting(pd.DataFrame({"rooms": [0, 3]})).tolist()
        [False, True]
        """
        faults = self._name_faults(frame)
        kept = np.ones(len(frame), dtype=bool)
        for column in self.columns if not faults else ():
            values = frame[column.name]
            filled = values.dropna()
            if not _fits(column.kind, values, filled):
                faults += _faults(column, values)
                continue
            present = values.notna().to_numpy()
            for bad, _fact, _way_out in _tests(column, values, filled):
                judged = slice(None) if len(bad) == len(frame) else present
                kept[judged] &= ~bad.to_numpy(dtype=bool)
        if faults:
            raise SchemaError("\n".join(faults))
        return pd.Series(kept, index=frame.index, dtype=bool)

    def _name_faults(self, frame: pd.DataFrame) -> list[str]:
        present = [str(name) for name in frame.columns]
        missing = [name for name in self.names if name not in present]
        unknown = [name for name in present if name not in self.names]
        twice = sorted({name for name in present if present.count(name) > 1})
        faults = []
        if missing:
            faults.append(f"missing: {', '.join(missing)}. Add the columns, or rename those that stand for them.")
        if unknown:
            faults.append(f"not declared: {', '.join(unknown)}. Drop the columns, or declare them in the schema.")
        if twice:
            faults.append(f"more than once: {', '.join(twice)}. Keep one column of each name.")
        return faults


def _faults(column: Column, values: pd.Series[Any]) -> list[str]:
    filled = values.dropna()
    if not _fits(column.kind, values, filled):
        held = f"holds {values.dtype}, e.g. {_shown(filled)}, where {column.kind} is declared"
        return [f"{column.name}: {held}. Convert the column, or correct the schema."]
    faults = []
    for bad, fact, way_out in _tests(column, values, filled):
        if bad.any():
            example = "" if values[bad.index][bad].isna().all() else f", e.g. {_shown(values[bad.index][bad])}"
            of = f"{int(bad.sum())} of {len(values)} value{'s' * (len(values) != 1)}"
            faults.append(f"{column.name}: {of} {fact}{example}. {way_out}.")
    return faults


def _tests(
    column: Column, values: pd.Series[Any], filled: pd.Series[Any]
) -> Iterator[tuple[pd.Series[bool], str, str]]:
    """What the schema asks of a column of the right kind: which values fail, in which words, and the way out."""
    if not column.nullable:
        yield values.isna(), "is empty", "Fill or drop those rows, or declare the column nullable"
    if column.unique:
        yield (
            filled.duplicated(),
            "repeats an earlier one",
            "Remove the repeated rows, or declare the column not unique",
        )
    if column.categories:
        known = ", ".join(column.categories)
        yield (
            ~filled.isin(column.categories),
            f"is none of {known}",
            "Correct the data, or add the category to the schema",
        )
    widen = "Correct the data, or widen the range"
    if column.low is not None:
        yield filled < column.low, f"lies below {column.low:g} {column.unit}".rstrip(), widen
    if column.high is not None:
        yield filled > column.high, f"lies above {column.high:g} {column.unit}".rstrip(), widen
    if column.kind == "number":
        yield filled.isin([float("inf"), float("-inf")]), "is infinite", "Correct the data, or leave the value empty"


def _fits(kind: Kind, values: pd.Series[Any], filled: pd.Series[Any]) -> bool:
    types = pd.api.types
    if filled.empty:
        return True
    if kind == "string":
        return isinstance(values.dtype, pd.CategoricalDtype) or types.infer_dtype(filled) == "string"
    if kind == "boolean":
        return types.infer_dtype(filled) == "boolean"
    if kind == "date":
        return types.is_datetime64_any_dtype(values.dtype)
    if (
        types.is_bool_dtype(values.dtype)
        or not types.is_numeric_dtype(values.dtype)
        or types.is_complex_dtype(values.dtype)
    ):
        return False
    # An integer column with gaps arrives as float64 from most readers; whole numbers are what counts.
    return kind == "number" or bool((filled % 1 == 0).all())


def _shown(values: pd.Series[Any]) -> str:
    return ", ".join(repr(value) for value in values.drop_duplicates().head(_SHOWN).tolist())
