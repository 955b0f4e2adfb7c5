"""Evidently's reports of a window: a page for a person, numbers for a machine; never on the way of a request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from lib.errors import MonitoringError
from lib.monitoring.compare import Frozen
from lib.monitoring.table import Columns

NumericMethod = Literal["ks", "wasserstein", "psi"]
CategoricalMethod = Literal["chisquare", "jensenshannon", "psi"]
P_VALUES = ("ks", "chisquare")


class Method(Frozen):
    """A method of Evidently with its threshold: a p-value drifts below it, a distance from it on."""

    name: NumericMethod | CategoricalMethod
    threshold: float = Field(gt=0)

    @property
    def direction(self) -> Literal["below", "from"]:
        return "below" if self.name in P_VALUES else "from"

    def drifted(self, value: float) -> bool:
        """Whether a value of this method means drift."""
        return value < self.threshold if self.direction == "below" else value >= self.threshold


NUMERIC = Method(name="wasserstein", threshold=0.1)
CATEGORICAL = Method(name="jensenshannon", threshold=0.1)


class ColumnReport(Frozen):
    """One column as Evidently judged it; without method, threshold and direction the value means nothing."""

    column: str
    method: str
    value: float
    threshold: float
    drifts: Literal["below", "from"]
    drifted: bool


class DriftReport(Frozen):
    """The report as a machine reads it."""

    reference_rows: int
    window_rows: int
    columns: tuple[ColumnReport, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """The columns that drifted."""
        return tuple(each.column for each in self.columns if each.drifted)

    def lines(self) -> Iterator[str]:
        """A line a column, for a terminal."""
        for each in self.columns:
            verdict = "drifted" if each.drifted else ""
            measured = f"{each.column:14}{each.method:15}{each.value:8.3f}"
            yield f"{measured}  drifts {each.drifts} {each.threshold:g}  {verdict}".rstrip()


def write_report(
    reference: pd.DataFrame,
    window: pd.DataFrame,
    columns: Columns,
    folder: Path,
    *,
    numeric: Method = NUMERIC,
    categorical: Method = CATEGORICAL,
) -> DriftReport:
    """Write `drift.html` and `drift.json` into `folder`, and return what is in the latter.

    Method and threshold are always set: left to itself Evidently changes its method at 1,000 rows of reference, and
    with it what a value means. Raises MonitoringError when a side has no rows or lacks a column.
    """
    result = _run(reference, window, columns, numeric=numeric, categorical=categorical)
    methods = dict.fromkeys(columns.numeric, numeric) | dict.fromkeys(columns.categorical, categorical)
    report = DriftReport(
        reference_rows=len(reference), window_rows=len(window), columns=tuple(_columns(result.dict(), methods))
    )
    folder.mkdir(parents=True, exist_ok=True)
    result.save_html(str(folder / "drift.html"))
    (folder / "drift.json").write_text(json.dumps(report.model_dump(), indent=1) + "\n", "utf-8")
    return report


def _run(
    reference: pd.DataFrame, window: pd.DataFrame, columns: Columns, *, numeric: Method, categorical: Method
) -> Any:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    for name, side in (("reference", reference), ("window", window)):
        absent = [column for column in columns.names if column not in side.columns]
        if side.empty or absent:
            lack = f" and lacks {', '.join(absent)}" if absent else ""
            raise MonitoringError(f"the {name} has {len(side)} rows{lack}. Give rows with every watched column.")
    definition = DataDefinition(numerical_columns=list(columns.numeric), categorical_columns=list(columns.categorical))
    preset = DataDriftPreset(
        columns=list(columns.names),
        num_method=numeric.name, num_threshold=numeric.threshold,
        cat_method=categorical.name, cat_threshold=categorical.threshold,
    )  # fmt: skip
    current, before = (
        Dataset.from_pandas(_plain(side, columns), data_definition=definition) for side in (window, reference)
    )
    return Report([preset]).run(current, before)


def _plain(side: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """Evidently takes truth values for neither numbers nor categories."""
    return side[list(columns.names)].astype(dict.fromkeys(columns.categorical, "str"))


def _columns(found: Mapping[str, Any], methods: Mapping[str, Method]) -> list[ColumnReport]:
    columns = []
    for metric in found["metrics"]:
        config = metric["config"]
        if not config["type"].endswith(":ValueDrift"):
            continue
        method, value = methods[config["column"]], float(metric["value"])
        columns.append(
            ColumnReport(
                column=config["column"], method=method.name, value=value, threshold=method.threshold,
                drifts=method.direction, drifted=method.drifted(value),
            )
        )  # fmt: skip
    return columns
