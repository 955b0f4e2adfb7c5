"""The declaration of features: whose they are, of which type, from where, and for how long they hold."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from datetime import timedelta
from functools import cached_property
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lib.errors import FeatureError

ValueType = Literal["integer", "number", "string", "boolean", "timestamp"]

# What may change without a new version: it changes no value.
_ABOUT = {"version", "owner", "note"}


class FeatureView(BaseModel):
    """Features of one entity, declared once for training and for serving.

    `entity` is the column that holds the entity's key, of type `key_type`; `columns` maps each feature to its type.
    `source` is a SELECT over the tables that the store was given or over `read_parquet(…)`; without it, the events are
    those that were ingested. Either way one row is one event: the key, the features, `event_time` (when it was true)
    and, if named, `arrived` (when it was known here). Without `arrived` an event counts as known the moment it was
    true. A value older than `ttl` is no value. Times carry a zone; naive ones are refused unless `naive_utc` says that
    they are UTC. The resolution of time is a microsecond.

    `version` stands for the definition: all of the above. `owner` and `note` may change at any time.
    Raises pydantic's ValidationError, a ValueError, when the declaration itself is not possible.

    >>> FeatureView(name="prices", entity="district", columns={"median_eur": "number"}, owner="data").reference
    'prices@1'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(default=1, ge=1)
    entity: str = Field(min_length=1)
    key_type: Literal["string", "integer"] = "string"
    columns: dict[str, ValueType] = Field(min_length=1)
    ttl: timedelta | None = Field(default=None, gt=timedelta(0))
    owner: str = Field(min_length=1)
    source: str | None = None
    event_time: str = "event_time"
    arrived: str | None = None
    naive_utc: bool = False
    note: str = ""

    @field_validator("source")
    @classmethod
    def _without_indentation(cls, source: str | None) -> str | None:
        return None if source is None else inspect.cleandoc(source).rstrip(";\n ")

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = self.event_columns
        twice = sorted({name for name in names if [other.lower() for other in names].count(name.lower()) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands for two things in {self.name}. Give each its own name.")
        if any(name.startswith("__") or not name for name in names):
            raise ValueError(
                f"a column of {self.name} is unnamed or begins with '__'. Those names are the store's own."
            )
        return self

    @property
    def times(self) -> list[str]:
        """The columns of an event that hold times of the store's concern: when it was true, and when it arrived."""
        return [self.event_time, *([self.arrived] if self.arrived else [])]

    @property
    def event_columns(self) -> list[str]:
        """All columns of an event: key, times, features."""
        return [self.entity, *self.times, *self.columns]

    @property
    def reference(self) -> str:
        """`name@version`, by which a model remembers what it was trained on."""
        return f"{self.name}@{self.version}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the definition, in hexadecimal digits: equal for equal definitions, whatever their version."""
        definition = self.model_dump(mode="json", exclude=_ABOUT)
        # In SQL and in a row, features stand in the declared order: a new order is a new definition.
        definition["columns"] = list(self.columns.items())
        return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()

    def feature_names(self, *, full: bool = False) -> list[str]:
        """The features as they are called in a row; in full, preceded by the view and its version."""
        return [f"{self.name}_v{self.version}__{column}" if full else column for column in self.columns]


def changes(applied: FeatureView, given: FeatureView) -> str:
    """What differs between two definitions, in words: `ttl was 30 days, 0:00:00 and is 7 days, 0:00:00`."""
    fields = [name for name in FeatureView.model_fields if name not in _ABOUT]
    pairs = [(name, getattr(applied, name), getattr(given, name)) for name in fields]
    differing = [f"{name} was {_shown(was)} and is {_shown(now)}" for name, was, now in pairs if was != now]
    return "; ".join(differing) or "the order of columns differs"


def parse_reference(reference: str) -> tuple[str, int]:
    """The name and version of `name@version`; raises FeatureError for anything else."""
    match = re.fullmatch(r"([a-z][a-z0-9_]*)@([1-9][0-9]*)", reference)
    if match is None:
        raise FeatureError(
            f"{reference!r} names no version of a feature view. Write name@version, e.g. district_prices@1: "
            "a model goes on reading the version that it was trained on."
        )
    return match[1], int(match[2])


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) else str(value)
