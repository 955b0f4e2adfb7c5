"""What differs between two data versions, in words for a person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib.versioning.snapshots import fetch
from lib.versioning.tables import read_frame

MOVED = 0.05
"""A distribution has moved when its distance reaches this, and what chance gives in 1 of 1,000 pairs of samples."""

_CHANCE = 1.95
"""The Kolmogorov–Smirnov statistic times √(n·m/(n+m)) exceeds this with probability 0.001 when nothing moved."""


_MANY = 50
"""Columns of text with more values than this are names or remarks: their shares say nothing."""


@dataclass(frozen=True)
class Move:
    """One column whose distribution moved: its distance (0 same, 1 apart) and the move in words."""

    column: str
    distance: float
    words: str


@dataclass(frozen=True, kw_only=True)
class Diff:
    """Version `b` against version `a`: rows matched by `key`, or as whole rows when no column identifies them."""

    a: str
    b: str
    rows_a: int
    rows_b: int
    key: str | None
    added: int
    removed: int
    changed: int
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    moved: tuple[Move, ...]

    def __str__(self) -> str:
        how = f"by {self.key}" if self.key else "as whole rows, for no column identifies them"
        changed = f", {self.changed:,} changed" if self.key else ""
        count = f"{self.added:,} added, {self.removed:,} removed{changed} (matched {how})"
        lines = [f"{self.a} → {self.b}", f"rows: {self.rows_a:,} → {self.rows_b:,}: {count}"]
        if self.columns_added:
            lines.append(f"columns added: {', '.join(self.columns_added)}")
        if self.columns_removed:
            lines.append(f"columns removed: {', '.join(self.columns_removed)}")
        lines += [f"{move.column} moved: {move.words} (distance {move.distance:.2f})" for move in self.moved]
        if not self.moved:
            lines.append("no distribution moved by more than chance explains")
        return "\n".join(lines)


def diff(a: str, b: str, *, root: str | Path | None = None) -> Diff:
    """Compare two versions by name: rows, columns, and how the columns that both have are distributed.

    The distance of a numeric column is Kolmogorov–Smirnov's (largest gap of the cumulative shares), of any other column
    the total variation (half the sum of the differences in share).
    Raises VersionError for an unknown name or a file that is not a table.
    """
    before, after = (read_frame(fetch(name, root=root)) for name in (a, b))
    shared = [name for name in before.columns if name in after.columns]
    key = _key(before, after, shared)
    added, removed, changed = _rows(before[shared], after[shared], key)
    moves = [_move(name, before[name], after[name]) for name in shared if name != key]
    return Diff(
        a=a,
        b=b,
        rows_a=len(before),
        rows_b=len(after),
        key=key,
        added=added,
        removed=removed,
        changed=changed,
        columns_added=tuple(str(name) for name in after.columns if name not in before.columns),
        columns_removed=tuple(str(name) for name in before.columns if name not in after.columns),
        moved=tuple(sorted((move for move in moves if move), key=lambda move: -move.distance)),
    )


def _key(before: pd.DataFrame, after: pd.DataFrame, shared: list[str]) -> str | None:
    """A column called id or …_id without gaps or repeats on either side."""
    for name in shared:
        if str(name).lower() != "id" and not str(name).lower().endswith("_id"):
            continue
        if all(part[name].is_unique and part[name].notna().all() for part in (before, after)):
            return str(name)
    return None


def _rows(before: pd.DataFrame, after: pd.DataFrame, key: str | None) -> tuple[int, int, int]:
    """The numbers of rows added, removed and changed."""
    # Hashed in one table: a column that is 1 on one side and, for a gap elsewhere, 1.0 on the other is the same.
    hashes = pd.util.hash_pandas_object(pd.concat([before, after], ignore_index=True), index=False).to_numpy()
    one, two = hashes[: len(before)], hashes[len(before) :]
    if key is None:
        gain = pd.Series(two).value_counts().sub(pd.Series(one).value_counts(), fill_value=0)
        return int(gain.clip(lower=0).sum()), int(-gain.clip(upper=0).sum()), 0
    left, right = pd.Series(one, index=before[key]), pd.Series(two, index=after[key])
    both = left.index.intersection(right.index)
    changed = int((left.loc[both].to_numpy() != right.loc[both].to_numpy()).sum())
    return len(right) - len(both), len(left) - len(both), changed


def _move(name: str, before: pd.Series[Any], after: pd.Series[Any]) -> Move | None:
    one, two = before.dropna(), after.dropna()
    if min(len(one), len(two)) == 0:
        return (
            None if len(one) == len(two) else Move(name, 1.0, f"{len(one):,} → {len(two):,} values that are not empty")
        )
    if _dates(one) and _dates(two):
        distance, words = _ks_distance(_seconds(one), _seconds(two)), f"{_span(one)} → {_span(two)}"
    elif _numeric(one) and _numeric(two):
        distance, words = _ks_distance(one, two), _mean_words(one, two)
    elif max(one.nunique(), two.nunique()) <= _MANY:
        distance, words = _share_distance(one, two)
    else:
        return None
    chance = _CHANCE * float(np.sqrt((len(one) + len(two)) / (len(one) * len(two))))
    return Move(name, distance, words) if distance >= max(MOVED, chance) else None


def _dates(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_datetime64_any_dtype(values.dtype)


def _seconds(values: pd.Series[Any]) -> pd.Series[Any]:
    # Readers differ in the unit and the zone in which they keep a moment.
    return pd.to_datetime(values, utc=True).astype("datetime64[s, UTC]").astype("int64")


def _span(values: pd.Series[Any]) -> str:
    return f"{values.min():%Y-%m-%d} to {values.max():%Y-%m-%d}"


def _numeric(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)


def _ks_distance(one: pd.Series[Any], two: pd.Series[Any]) -> float:
    left, right = np.sort(one.to_numpy(dtype=float)), np.sort(two.to_numpy(dtype=float))
    every = np.concatenate([left, right])
    gap = np.searchsorted(left, every, side="right") / len(left) - np.searchsorted(right, every, side="right") / len(
        right
    )
    return float(np.abs(gap).max())


def _mean_words(one: pd.Series[Any], two: pd.Series[Any]) -> str:
    start, end = float(one.mean()), float(two.mean())
    change = f", {(end - start) / abs(start):+.1%}" if start else ""
    return f"mean {start:,.4g} → {end:,.4g}{change}"


def _share_distance(one: pd.Series[Any], two: pd.Series[Any]) -> tuple[float, str]:
    left, right = one.astype(str).value_counts(normalize=True), two.astype(str).value_counts(normalize=True)
    gain = right.sub(left, fill_value=0.0)
    most = str(gain.abs().idxmax())
    words = f"share of {most!r} {left.get(most, 0.0):.1%} → {right.get(most, 0.0):.1%}"
    return float(gain.abs().sum() / 2), words
