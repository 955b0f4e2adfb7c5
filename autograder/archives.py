"""Zip archives that somebody else made, read within limits; nothing in them is ever written under its own name."""

from __future__ import annotations

import datetime as dt
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.merge import MAX_NOTEBOOK_BYTES

MAX_ENTRIES = 20_000
MAX_TOTAL_BYTES = 4_000_000_000
# What zipfile raises for an archive that it cannot read: RuntimeError when it is encrypted, NotImplementedError for a
# compression that it lacks.
_UNREADABLE = (OSError, EOFError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error)


class Refused(Exception):
    """Why something that was handed in is not taken; the message is written for the instructor."""


@dataclass
class Budget:
    """How many bytes the archives of one source may still give, those inside others included."""

    left: int = MAX_TOTAL_BYTES


class Archive:
    """One archive, on disk or in memory; Refused when it is none, or is one to be wary of."""

    def __init__(self, content: Path | bytes, budget: Budget) -> None:
        self._budget = budget
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content) if isinstance(content, bytes) else content)
        except _UNREADABLE as error:
            raise Refused(f"cannot be read as a zip archive ({error}): broken off, or something else") from error
        if len(self._zip.infolist()) > MAX_ENTRIES:
            raise Refused(f"the archive has {len(self._zip.infolist()):,} entries, at most {MAX_ENTRIES:,} are read")

    def files(self) -> Iterator[zipfile.ZipInfo]:
        """Its entries without folders, in the archive's order."""
        return (entry for entry in self._zip.infolist() if not entry.is_dir())

    def read(self, entry: zipfile.ZipInfo) -> bytes:
        """The content of `entry`; Refused for all that a plain file of a notebook's size would not be."""
        if trouble := _trouble(entry):
            raise Refused(trouble)
        limit = min(MAX_NOTEBOOK_BYTES, self._budget.left)
        try:
            with self._zip.open(entry) as file:
                content = file.read(limit + 1)  # what the entry says of its size may be a lie
        except _UNREADABLE as error:
            raise Refused(f"cannot be unpacked ({error})") from error
        self._budget.left -= len(content)
        if len(content) > limit:
            raise Refused("the archives here unpack to more than is read of one source")
        return content


def written_at(entry: zipfile.ZipInfo) -> dt.datetime | None:
    """The time that an archive states, read as this machine's local time: archives know no zones."""
    try:
        return dt.datetime(*entry.date_time).astimezone(dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _trouble(entry: zipfile.ZipInfo) -> str:
    parts = re.split(r"[/\\]", entry.filename)
    if ".." in parts or entry.filename.startswith(("/", "\\")) or re.match("[A-Za-z]:", entry.filename):
        return "its name leads out of the archive"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a link, not a file"
    if entry.flag_bits & 0x1:
        return "is encrypted"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed by method {entry.compress_type}, which is not read"
    if entry.file_size > MAX_NOTEBOOK_BYTES:
        return f"is too large: {entry.file_size:,} bytes, at most {MAX_NOTEBOOK_BYTES:,}"
    return ""
