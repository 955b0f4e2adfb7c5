"""The data-quality gate: which of the rows that arrived may be learnt from, and whether the batch can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from lib.errors import SchemaError
from lib.market import HOUSES, PRICE, Schema


class QualityLimits(BaseModel):
    """Above which share of faulty rows, or of implausible prices, a whole batch is refused.

    A price a square metre is implausible when it lies beyond the reference's middle 99 % for the district by more than
    the factor `stretch`. The limits are wide: a market that falls by a quarter is news, not an error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    faulty: float = Field(default=0.05, ge=0, le=1)
    implausible: float = Field(default=0.05, ge=0, le=1)
    stretch: float = Field(default=1.5, gt=1)


@dataclass(frozen=True, kw_only=True)
class Quality:
    """`valid` are the rows to learn from, `reasons` why the batch was refused (then `valid` is empty)."""

    rows: int
    faulty: int
    implausible: int
    valid: pd.DataFrame
    reasons: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Whether the batch as a whole can be trusted."""
        return not self.reasons


def check_quality(
    batch: pd.DataFrame,
    *,
    reference: pd.DataFrame | None = None,
    schema: Schema = HOUSES,
    limits: QualityLimits | None = None,
) -> Quality:
    """Sort out the rows of `batch` that break `schema`, and those whose price is implausible beside `reference`.

    A few such rows are left out; when there are more than `limits` allow, something upstream is broken and the whole
    batch is refused, for nobody knows what is wrong with the rest. `reference` are rows that were accepted before.
    """
    limits = limits or QualityLimits()
    try:
        fits = schema.fitting(batch)
    except SchemaError as error:
        return Quality(
            rows=len(batch), faulty=len(batch), implausible=0, valid=batch.iloc[:0], reasons=(f"schema: {error}",)
        )
    fitting = batch[fits]
    odd = _implausible(fitting, reference, limits.stretch) if reference is not None else np.zeros(len(fitting), bool)
    faulty, implausible = int((~fits).sum()), int(odd.sum())
    reasons = []
    if faulty > limits.faulty * len(batch):
        reasons.append(f"{faulty} of {len(batch)} rows break the schema: {_first_fault(schema, batch)}")
    priced = int(fitting[PRICE].notna().sum()) if PRICE in fitting.columns else 0
    if implausible > limits.implausible * priced:
        reasons.append(f"{implausible} of {priced} prices are such as no house of their district had before")
    valid = fitting.iloc[:0] if reasons else fitting[~odd]
    return Quality(rows=len(batch), faulty=faulty, implausible=implausible, valid=valid, reasons=tuple(reasons))


def _implausible(batch: pd.DataFrame, reference: pd.DataFrame, stretch: float) -> NDArray[np.bool_]:
    """Whether each price a square metre lies beyond what the reference's district has ever shown, by a factor."""
    known = reference.dropna(subset=[PRICE])
    by_district = (known[PRICE] / known["area_m2"]).groupby(known["district"])
    low, high = (by_district.quantile(share).reindex(batch["district"]).to_numpy() for share in (0.005, 0.995))
    per_m2 = (batch[PRICE] / batch["area_m2"]).to_numpy(dtype=float)
    # A comparison with what is not known (no price yet, a new district) is false: nothing is held against the row.
    return np.asarray((per_m2 < low / stretch) | (per_m2 > high * stretch))


def _first_fault(schema: Schema, batch: pd.DataFrame) -> str:
    try:
        schema.check(batch)
    except SchemaError as error:
        return str(error).partition("\n")[0]
    return "no fault"
