"""Manual mode: no model answers, but a declared rule, or nobody; a switch on disk that every server reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.errors import LibError, MonitoringError, NoModel
from lib.registry import LoadedVersion

if TYPE_CHECKING:
    import pandas as pd

    from lib.serving.current import Source

MANUAL_VERSION = 0
"""What answers in manual mode calls itself so; versions of the registry begin with 1."""


class Fallback(BaseModel):
    """A rule that anybody can work out: `amount`, or `amount` for each unit of the input `per`.

    >>> Fallback(amount=2_900, per="area_m2").words
    '2,900 for each area_m2'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: float = Field(allow_inf_nan=False)
    per: str | None = None

    @property
    def words(self) -> str:
        """The rule as a sentence."""
        return f"{self.amount:,.10g}" + (f" for each {self.per}" if self.per else " for every row")

    def predict(self, inputs: pd.DataFrame) -> NDArray[np.float64]:
        """One answer a row."""
        if self.per is None:
            return np.full(len(inputs), self.amount)
        return self.amount * inputs[self.per].to_numpy(dtype=float)


class Manual(BaseModel):
    """Manual mode as it is on: how the server answers, since when, by whom and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: Literal["answer", "refuse"]
    fallback: Fallback | None = None
    since: datetime
    by: str
    reason: str
    token: str


@dataclass(frozen=True)
class Switch:
    """The file that says whether manual mode is on; each change is whole or not at all."""

    path: Path

    def read(self) -> Manual | None:
        """What is on, None when a model may answer; raises MonitoringError for a file that says neither."""
        try:
            return Manual.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise MonitoringError(
                f"{self.path} does not say whether manual mode is on: {error.errors()[0]['msg']}. Remove it to end it."
            ) from error

    def on(self, *, fallback: Fallback | None, by: str, reason: str, at: datetime) -> Manual:
        """Turn it on, or leave it as it is when it is on; without a fallback, the server refuses."""
        present = self.read()
        if present is not None:
            return present
        policy: Literal["answer", "refuse"] = "refuse" if fallback is None else "answer"
        manual = Manual(policy=policy, fallback=fallback, since=at, by=by, reason=reason, token=uuid4().hex)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_name(f".{self.path.name}.{manual.token}")
        new.write_text(manual.model_dump_json(), "utf-8")
        new.replace(self.path)
        return manual

    def off(self) -> Manual | None:
        """Turn it off; returns what was on."""
        present = self.read()
        self.path.unlink(missing_ok=True)
        return present


def guarded(source: Source, switch: Switch) -> Source:
    """`source`, but for the time that `switch` is on: then the rule of its fallback, as version 0, or NoModel.

    The inputs that are checked, and their order, stay those of the version that `source` names. Whatever is wrong with
    the rule or that version, the model does not answer meanwhile.
    """

    def wanted() -> LoadedVersion:
        manual = switch.read()
        if manual is None:
            return source()
        why = f"manual mode since {manual.since:%Y-%m-%d %H:%M} UTC: {manual.reason}"
        if manual.fallback is None:
            raise NoModel(why)
        try:
            return _by_rule(source(), manual.fallback)
        except LibError as error:
            raise NoModel(f"{why}; and its rule cannot answer: {error}") from error

    return wanted


def _by_rule(loaded: LoadedVersion, fallback: Fallback) -> LoadedVersion:
    names = loaded.signature.inputs.input_names() if loaded.signature is not None else []
    if fallback.per is not None and fallback.per not in names:
        raise MonitoringError(f"{fallback.per!r} is no input of {loaded.name}. Use one of {', '.join(names)}.")
    rule: dict[str, Any] = fallback.model_dump()
    return LoadedVersion(
        name=loaded.name,
        version=MANUAL_VERSION,
        stage=loaded.stage,
        run_id="manual",
        digest=f"rule:{sha256(json.dumps(rule, sort_keys=True).encode()).hexdigest()}",
        model=fallback,
        signature=loaded.signature,
    )
