"""What a request must look like: names, types, units and ranges of the model's inputs, checked value by value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from lib.errors import BadRows, Fault, UnfitModel
from lib.market import PERSONAL, Column

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

Row = dict[str, Any]

FAULTS_SHOWN = 20
_SHOWN_CHARACTERS = 80
_PYTHON: dict[str, type] = {
    "boolean": bool, "integer": int, "long": int, "float": float, "double": float, "string": str,
}  # fmt: skip
# Where no narrower range is declared: what a type can hold, float64 holds as a whole number, and float32, as which
# a forest reads its inputs, holds at all.
_BOUNDS = {
    "integer": (-(2.0**31), 2.0**31 - 1),
    "long": (-(2.0**53), 2.0**53),
    "float": (-3.4e38, 3.4e38),
    "double": (-3.4e38, 3.4e38),
}


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input of a model: MLflow's type, and what the market declares about a column of that name."""

    name: str
    type: str
    required: bool = True
    unit: str = ""
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] = ()
    note: str = ""

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and the greatest admissible number, whole for an input of whole numbers; None for no number."""
        if self.low is None or self.high is None:
            return None
        if self.type in ("integer", "long"):
            return math.ceil(self.low), math.floor(self.high)
        return self.low, self.high

    @property
    def allowed(self) -> str:
        """The admissible values in words."""
        if self.categories:
            return f"one of {', '.join(self.categories)}"
        return f"{self.low:,.10g} to {self.high:,.10g} {self.unit}".rstrip() if self.low is not None else self.type

    def examples(self, count: int) -> list[Any]:
        """`count` admissible values, spread over the range; text without categories is always the same word."""
        if self.type == "boolean":
            return [bool(step % 2) for step in range(count)]
        if self.type == "string":
            words = self.categories or ("example",)
            return [words[step % len(words)] for step in range(count)]
        declared = self.low is not None and (self.low, self.high) != _BOUNDS[self.type]
        low, high = (self.low, self.high) if declared else (0.0, 100.0)
        values = [float(low or 0) + (float(high or 0) - float(low or 0)) * step / (count + 1) for step in range(count)]
        return [round(value) for value in values] if self.type in ("integer", "long") else values


@dataclass(frozen=True)
class InputSchema:
    """The inputs of a model in the order of its signature."""

    inputs: tuple[Input, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """In the order of the signature."""
        return tuple(each.name for each in self.inputs)

    @cached_property
    def row_type(self) -> Any:
        """The type of one row for pydantic: strict, every name required, no other allowed."""
        # A TypedDict, not a model: its values stay plain, and a column may be called `copy` or `2nd`.
        row = TypedDict("Row", {each.name: _annotated(each) for each in self.inputs})  # type: ignore[misc]
        return with_config(ConfigDict(extra="forbid"))(row)

    @cached_property
    def _rows(self) -> TypeAdapter[list[Row]]:
        rows: Any = list.__class_getitem__(self.row_type)
        return TypeAdapter(rows)

    def check(self, rows: Sequence[Any]) -> list[Row]:
        """The rows with their values in the order of the signature; raises BadRows naming row, field and reason."""
        try:
            return self._rows.validate_python(rows)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
            raise BadRows(
                [self._fault(dict(each)) for each in found[:FAULTS_SHOWN]], unshown=max(len(found) - FAULTS_SHOWN, 0)
            ) from None

    def faults(self, rows: Sequence[Any]) -> dict[int, str]:
        """What is wrong with the rows that `check` would refuse, by row number: their fields with the reasons."""
        try:
            self._rows.validate_python(rows)
        except ValidationError as error:
            found: dict[int, list[str]] = {}
            for each in error.errors(include_url=False, include_context=False):
                fault = self._fault(dict(each))
                found.setdefault(fault.row or 0, []).append(str(replace(fault, row=None)))
            return {row: "; ".join(reasons) for row, reasons in found.items()}
        return {}

    def json_schema(self) -> dict[str, Any]:
        """The row as JSON Schema, with an example."""
        schema = TypeAdapter(self.row_type).json_schema()
        return {**schema, "title": "Row", "examples": self.examples(3)[1:2]}

    def examples(self, count: int) -> list[Row]:
        """`count` admissible rows, spread over the declared ranges."""
        columns = [_turned(each.examples(count), by=number) for number, each in enumerate(self.inputs)]
        return [dict(zip(self.names, values, strict=True)) for values in zip(*columns, strict=True)]

    def _fault(self, error: Mapping[str, Any]) -> Fault:
        row, *path = error["loc"]
        if not path:
            return Fault(
                row=row, field=None, reason=f"a row is an object of inputs by name, not {_shown(error['input'])}"
            )
        field = str(path[0])
        return Fault(row=row, field=field, reason=self._reason(field, error))

    def _reason(self, field: str, error: Mapping[str, Any]) -> str:
        if error["type"] == "extra_forbidden":
            return f"is no input of this model; its inputs are {', '.join(self.names)}"
        column = self.inputs[self.names.index(field)]
        if error["type"] == "missing":
            return f"is missing ({column.type}, {column.allowed})"
        given = _shown(error["input"])
        if error["type"] in ("greater_than_equal", "less_than_equal"):
            return f"{given} lies outside {column.allowed}"
        if error["type"] == "literal_error":
            return f"{given} is not {column.allowed}"
        if error["type"] == "finite_number":
            return f"{given} is not a finite number"
        return f"{given} is not of type {column.type}"


def input_schema(
    signature: ModelSignature | None,
    *,
    only: Mapping[str, tuple[str, ...]] | None = None,
    declared: Iterable[Column] = PERSONAL.columns,
) -> InputSchema:
    """The inputs that `signature` names, with unit, range and categories of the columns `declared` under these names.

    `only` gives the words that the model itself takes, where it takes no others.
    Raises UnfitModel for a model without a signature, and for inputs that are no named columns of plain values.
    """
    if signature is None or signature.inputs is None:
        raise UnfitModel(
            "the model has no signature, so no request could be checked. Log it with one (input_example=)."
        )
    known = {column.name: column for column in declared}
    inputs = []
    for spec in signature.inputs.inputs:
        kind = str(getattr(spec.type, "name", spec.type))
        if not spec.name or kind not in _PYTHON:
            raise UnfitModel(
                f"the model's input {spec.name!r} is of type {kind}. Served are named columns of type "
                f"{', '.join(_PYTHON)}: log the model with a table as its input example."
            )
        inputs.append(_described(str(spec.name), kind, required=bool(spec.required), column=known.get(spec.name)))
    words = only or {}
    return InputSchema(tuple(replace(each, categories=words.get(each.name, each.categories)) for each in inputs))


def _described(name: str, kind: str, *, required: bool, column: Column | None) -> Input:
    low, high = _BOUNDS.get(kind, (None, None))
    if column is None:
        return Input(name=name, type=kind, required=required, low=low, high=high)
    if low is not None:
        low, high = (low if column.low is None else column.low), (high if column.high is None else column.high)
    return Input(
        name=name, type=kind, required=required, unit=column.unit, low=low, high=high, note=column.note,
        categories=column.categories if kind == "string" else (),
    )  # fmt: skip


def _annotated(column: Input) -> Any:
    about = ", ".join(text for text in (column.unit, column.note) if text) or None
    kind: Any = _PYTHON[column.type]
    if column.categories:
        kind = Literal[column.categories]
    elif column.bounds is not None:
        low, high = column.bounds
        whole = column.type in ("integer", "long")
        kind = Annotated[kind, Field(strict=True, ge=low, le=high, allow_inf_nan=None if whole else False)]
    else:
        kind = Annotated[kind, Field(strict=True)]
    return Annotated[kind if column.required else kind | None, Field(description=about)]


def _turned(values: list[Any], *, by: int) -> list[Any]:
    """Shifted, so that the inputs do not all rise together."""
    by = by * 7 % len(values)
    return values[by:] + values[:by]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
