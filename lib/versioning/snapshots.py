"""Name a file's content, keep it, and get exactly those bytes back."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lib.errors import VersionError
from lib.versioning.repository import VERSIONS, alone, find_root, repository
from lib.versioning.tables import count_rows

if TYPE_CHECKING:
    from dvc.repo import Repo

_SHORT = 8
_IGNORED = "/*\n!*.dvc\n!.gitignore\n"


@dataclass(frozen=True)
class DataVersion:
    """One content of one file: `name` is its stem @ the first 8 digits of `digest`, the MD5 of all its bytes.

    `rows` is None for a file that is not a table.
    """

    name: str
    digest: str
    rows: int | None
    bytes: int


@dataclass(frozen=True)
class Pointer:
    """A version as its `.dvc` file records it."""

    version: DataVersion
    file: Path
    """The `.dvc` file itself."""
    data: Path
    """Where the data of that version goes."""
    taken: str


def snapshot(path: str | Path, *, root: str | Path | None = None) -> DataVersion:
    """Keep the present content of the file `path` under a name that stays.

    Works as `dvc add` does (a pointer `<path>.dvc` beside the data, the bytes in DVC's cache) and keeps a second
    pointer, `versions/<name><suffix>.dvc`, so that earlier contents of the same path stay known to DVC after the path
    was snapshotted again. A file outside `root`, or one that git tracks, gets the second pointer only. The same content
    gives the same version.
    Raises VersionError when the file or the store cannot be used.
    """
    source = Path(path).resolve()
    if not source.is_file():
        raise VersionError(f"{path} is not a file. A snapshot is taken of one file; write the table first.")
    folder = find_root(root)
    with repository(folder) as repo:
        digest, size = _keep(repo, source, folder)
        name = f"{source.stem}@{digest[:_SHORT]}"
        known = _known(folder, name, digest)
        if known is not None:
            return known
        data = _shelf(folder) / f"{name}{source.suffix}"
        place(cached_bytes(repo, digest), data)
        version = DataVersion(name, digest, count_rows(data), size)
        _write_pointer(repo, version, data)
        return version


def fetch(name: str, *, to: str | Path | None = None, root: str | Path | None = None) -> Path:
    """Put the bytes of a version in place, checked against its digest, and return where they are.

    Without `to` that is `versions/<name><suffix>`, read-only: a version does not change. `to` is a file to write, or a
    folder.
    Raises VersionError for an unknown name, and when the bytes are missing or damaged.
    """
    folder = find_root(root)
    pointer = find_pointer(name, folder)
    with repository(folder) as repo:
        cached = cached_bytes(repo, pointer.version.digest)
        _require_intact(cached, pointer, folder)
        if to is None:
            place(cached, pointer.data)
            return pointer.data
        target = Path(to).absolute()
        target = target / pointer.data.name if target.is_dir() else target
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(cached, target)
        return target


def versions(root: str | Path | None = None) -> list[DataVersion]:
    """Every version that has a pointer under `root`, the oldest snapshot first."""
    folder = find_root(root)
    try:
        found = pointers(folder)
    except VersionError:
        # DVC fills a pointer in place. One that another process is writing just now can be read after that.
        with alone(folder):
            found = pointers(folder)
    return [pointer.version for pointer in found]


def pointers(folder: Path) -> list[Pointer]:
    """The pointers in `folder`'s shelf of versions, the oldest first."""
    found = [_read_pointer(file) for file in sorted((folder / VERSIONS).glob("*@*.dvc"))]
    return sorted(found, key=lambda pointer: pointer.taken)


def find_pointer(name: str, folder: Path) -> Pointer:
    """The pointer of the version called `name`."""
    known = pointers(folder)
    for pointer in known:
        if pointer.version.name == name:
            return pointer
    names = ", ".join(pointer.version.name for pointer in known) or "none yet"
    raise VersionError(
        f"no data version is named {name!r} under {folder}; known are: {names}. "
        "Take a snapshot, or pull the folder that has it."
    )


def _keep(repo: Repo, source: Path, folder: Path) -> tuple[str, int]:
    """Bring the bytes of `source` into DVC's cache; their MD5 and number."""
    shelf = folder / VERSIONS
    inside = source.is_relative_to(folder) and not source.is_relative_to(shelf)
    if inside and not repo.scm.is_tracked(str(source)):
        target = source
    else:
        # DVC does not track what lies elsewhere or belongs to git: a copy on the shelf takes its place.
        target = _shelf(folder) / f"{source.stem}@{md5(source)[:_SHORT]}{source.suffix}"
        if not target.exists():
            _copy(source, target)
    (stage,) = repo.add(str(target))
    (out,) = stage.outs
    return str(out.hash_info.value), int(out.meta.size)


def _shelf(folder: Path) -> Path:
    shelf = folder / VERSIONS
    shelf.mkdir(exist_ok=True)
    ignore = shelf / ".gitignore"
    if not ignore.exists():
        ignore.write_text(_IGNORED)
    return shelf


def _known(folder: Path, name: str, digest: str) -> DataVersion | None:
    for pointer in pointers(folder):
        if pointer.version.name == name and pointer.taken:
            if pointer.version.digest != digest:
                raise VersionError(
                    f"{name} already names other content: its digest is {pointer.version.digest}, "
                    f"that of this file {digest}. Rename the file and take the snapshot again."
                )
            return pointer.version
    return None


def cached_bytes(repo: Repo, digest: str) -> Path:
    """Where DVC's cache keeps the bytes with that MD5."""
    return Path(repo.cache.local.oid_to_path(digest))


def _write_pointer(repo: Repo, version: DataVersion, data: Path) -> None:
    """The pointer that `dvc add` would write, with row count and time in the part that DVC leaves to its users."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.meta import Meta

    stage = repo.stage.create(
        single_stage=True, validate=False, fname=f"{data}.dvc", wdir=str(data.parent), outs=[data.name]
    )
    (out,) = stage.outs
    out.hash_info = HashInfo("md5", version.digest)
    out.meta = Meta(size=version.bytes)
    stage.meta = {"rows": version.rows, "taken": datetime.now(UTC).isoformat()}
    stage.dump()


def _read_pointer(file: Path) -> Pointer:
    import yaml

    try:
        content = yaml.safe_load(file.read_text())
        (out,) = content["outs"]
        meta = content.get("meta") or {}
        data = file.with_name(out["path"])
        name = data.name.removesuffix(data.suffix)
        version = DataVersion(name, str(out["md5"]), meta.get("rows"), int(out["size"]))
    except (yaml.YAMLError, KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
        first = str(error).partition("\n")[0]
        raise VersionError(
            f"{file} is no pointer that can be read ({type(error).__name__}: {first}). "
            "Restore it from git, or remove it and take the snapshot again."
        ) from error
    return Pointer(version, file, data, str(meta.get("taken", "")))


def _require_intact(cached: Path, pointer: Pointer, folder: Path) -> None:
    version = pointer.version
    if not cached.is_file():
        raise VersionError(
            f"the bytes of {version.name} are not in the cache of {folder} ({cached} is missing). Get them with "
            "`pull(folder)` from where they were pushed."
        )
    found = md5(cached)
    if found != version.digest:
        raise VersionError(
            f"the bytes of {version.name} are damaged: {cached} has the digest {found}, not {version.digest}. "
            "Remove that file, then get it again with `pull(folder)`, or take the snapshot again from a good copy."
        )


def place(cached: Path, target: Path) -> None:
    """Show the cached bytes at `target`, read-only and, where the file system can, without a second copy."""
    if target.is_file() and (target.samefile(cached) or md5(target) == md5(cached)):
        return
    target.unlink(missing_ok=True)
    try:
        os.link(cached, target)
    except OSError:
        # Another file system, or one without links.
        _copy(cached, target)
        target.chmod(0o444)


def _copy(source: Path, target: Path) -> None:
    """Copy so that `target` is there whole or not at all; the copy may be written to."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(descriptor)
    part = Path(name)
    try:
        shutil.copyfile(source, part)
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def md5(path: Path) -> str:
    """The MD5 of all bytes of a file, as DVC records it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
