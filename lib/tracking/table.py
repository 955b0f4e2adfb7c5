"""The table of a run: always read back from a data version, so that a replay sees the very same values."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lib.errors import TrackingError, VersionError
from lib.market import FEATURES
from lib.tracking.training import read_table
from lib.versioning import DataVersion, fetch, snapshot, versions


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table and the version it was read from."""

    version: DataVersion
    frame: pd.DataFrame


def open_table(data: pd.DataFrame | str | Path | DataVersion, *, root: Path) -> Table:
    """Snapshot `data` unless it is a version already, and read it back.

    A frame becomes the version `houses@…` (`table@…` when it lacks the market's columns); a path is relative to `root`.
    Raises TrackingError for a missing file and an empty table, VersionError from the snapshot.
    """
    if isinstance(data, DataVersion):
        return _read_back(data, root)
    if not isinstance(data, pd.DataFrame):
        return _open_file(root / data, root)
    _require_rows(data, "the table")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, f"{'houses' if set(FEATURES) <= set(data.columns) else 'table'}.parquet")
        try:
            data.to_parquet(path, index=False)
        except (ValueError, TypeError) as error:  # pyarrow's errors are both
            raise TrackingError(
                f"the table cannot be kept: {error}. Give each column one type, and a name that is text."
            ) from error
        return _open_file(path, root)


def _open_file(path: Path, root: Path) -> Table:
    if not path.is_file():
        raise TrackingError(
            f"{path} is not a file. Give a table, the path of a .csv or .parquet file, or a data version."
        )
    known = _known_version(path, root)
    if known is not None:
        try:
            return _read_back(known, root)
        except VersionError:
            # Its bytes are gone from the cache, and `path` still has them: taken again below.
            pass
    _require_rows(read_table(path), path.name)
    return _read_back(snapshot(path, root=root), root)


def _read_back(version: DataVersion, root: Path) -> Table:
    with tempfile.TemporaryDirectory() as scratch:
        frame = read_table(fetch(version.name, to=scratch, root=root))
    _require_rows(frame, version.name)
    return Table(version=version, frame=frame)


def _known_version(path: Path, root: Path) -> DataVersion | None:
    """The version of this very content and file name, if it was taken before: DVC need not look again (~0.1 s)."""
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    # Without its rows counted, it is one that another process is taking just now: the snapshot below waits for that.
    matching = (version for version in versions(root) if version.digest == digest and version.rows is not None)
    return next((version for version in matching if version.name.partition("@")[0] == path.stem), None)


def _require_rows(frame: pd.DataFrame, what: str) -> None:
    if frame.empty:
        raise TrackingError(f"{what} has {len(frame)} rows and {frame.shape[1]} columns: nothing to learn from.")
