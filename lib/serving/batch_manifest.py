"""What a batch run published: one small file that names immutable ones, replaced in one step.

Partitions are never rewritten: a file's name holds the digest of what it was made from. So a reader who has read the
manifest keeps the one complete result that it names, while the next run adds files and then replaces the manifest.
Apache Iceberg and Delta Lake publish tables in this way.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.errors import BatchError

MANIFEST, PREVIOUS, PARTITIONS = "manifest.json", "manifest.previous.json", ".partitions"
_RECORD = ".json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataFile(_Frozen):
    """A Parquet file in the folder of partitions."""

    name: str
    rows: int
    sha256: str


class Partition(_Frozen):
    """One partition: what went in and what came of it; `reused` when an earlier run had finished it."""

    name: str
    fingerprint: str
    input_digest: str
    rows: int
    scores: DataFile | None
    rejects: DataFile | None
    reused: bool = False

    @property
    def scored(self) -> int:
        """Rows with a prediction."""
        return self.scores.rows if self.scores else 0

    @property
    def rejected(self) -> int:
        """Rows without one."""
        return self.rejects.rows if self.rejects else 0

    @property
    def files(self) -> list[DataFile]:
        """All that it consists of."""
        return [file for file in (self.scores, self.rejects) if file is not None]


class Manifest(_Frozen):
    """A complete result: every row of the input is in `scores` or, with a reason, in `rejects`."""

    folder: Path = Field(default=Path(), exclude=True)
    source: str
    key: str
    model: str
    model_version: int
    model_digest: str
    code: str
    input_digest: str
    started_at: datetime
    finished_at: datetime
    rows: int
    scored: int
    rejected: int
    partitions: tuple[Partition, ...]

    @property
    def scores(self) -> list[Path]:
        """Parquet files with the key and `prediction`, in the order of the partitions."""
        return [self.folder / PARTITIONS / each.scores.name for each in self.partitions if each.scores]

    @property
    def rejects(self) -> list[Path]:
        """Parquet files with the key, the `reason` and the `row` as JSON text."""
        return [self.folder / PARTITIONS / each.rejects.name for each in self.partitions if each.rejects]


def published(destination: str | Path) -> Manifest:
    """The result that is complete now. Its files stay until two later runs have published.

    Raises BatchError when nothing was published yet, or the manifest is damaged.
    """
    folder = Path(destination).resolve()
    try:
        text = (folder / MANIFEST).read_bytes()
    except FileNotFoundError as error:
        raise BatchError(f"nothing was published in {folder} yet. Run score_table to its end first.") from error
    return _parsed(text, folder, MANIFEST)


def publish(manifest: Manifest) -> None:
    """Replace the manifest in one step; then remove the files that neither it nor the one before names."""
    folder = manifest.folder
    keep = {file.name for each in manifest.partitions for file in each.files}
    with suppress(FileNotFoundError):
        before = (folder / MANIFEST).read_bytes()
        keep |= {file.name for each in _parsed(before, folder, MANIFEST).partitions for file in each.files}
        _write(folder / PREVIOUS, before)
    _write(folder / MANIFEST, manifest.model_dump_json(indent=1).encode())
    current = {_record(folder, each.fingerprint).name for each in manifest.partitions}
    for path in (folder / PARTITIONS).iterdir():
        if path.name not in keep | current:
            path.unlink(missing_ok=True)


def finish(folder: Path, partition: Partition) -> None:
    """Record a partition as done; its files are on the disk by then."""
    _write(_record(folder, partition.fingerprint), partition.model_dump_json().encode())


def finished(folder: Path, fingerprint: str) -> Partition | None:
    """The partition that was recorded under `fingerprint`, None unless all its files are as they were written."""
    try:
        found = Partition.model_validate_json(_record(folder, fingerprint).read_bytes())
        intact = all(file_digest(folder / PARTITIONS / file.name) == file.sha256 for file in found.files)
    except (FileNotFoundError, ValidationError):
        return None  # not there, or damaged: it is scored again
    return found.model_copy(update={"reused": True}) if intact else None


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A hidden neighbour of `path` to write; in the end it is on the disk and becomes `path` in one step, or is gone.

    Where nothing was written, nothing becomes of it.
    """
    hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield hidden
        if hidden.exists():
            _flush(hidden)
            hidden.replace(path)
            _flush(path.parent)
    finally:
        hidden.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _record(folder: Path, fingerprint: str) -> Path:
    return folder / PARTITIONS / f"{fingerprint}{_RECORD}"


def _write(path: Path, content: bytes) -> None:
    with written(path) as hidden:
        hidden.write_bytes(content)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parsed(text: bytes, folder: Path, name: str) -> Manifest:
    try:
        return Manifest.model_validate_json(text).model_copy(update={"folder": folder})
    except ValidationError as error:
        raise BatchError(
            f"{folder / name} is no manifest ({error.error_count()} faults). Restore it, or remove it and score again."
        ) from error
