"""Carry data versions to a shared folder and back, as `dvc push` and `dvc pull` do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.errors import VersionError
from lib.versioning.repository import VERSIONS, find_root, repository
from lib.versioning.snapshots import cached_bytes, place, pointers

if TYPE_CHECKING:
    from dvc.repo import Repo

_NAME = "folder"


def push(folder: str | Path, *, root: str | Path | None = None) -> int:
    """Copy every tracked file that `folder` lacks into it; the number of files copied.

    The folder is an ordinary DVC remote. The pointers of the versions go along, in `versions/`, for those without the
    git history.
    """
    home, remote = find_root(root), Path(folder).absolute()
    with repository(home, config=remote_config(remote)) as repo:
        remote.mkdir(parents=True, exist_ok=True)
        count = int(repo.push(remote=_NAME))
        _carry(home / VERSIONS, remote / VERSIONS)
    return count


def pull(folder: str | Path, *, root: str | Path | None = None) -> int:
    """Copy what the pointers name and the cache lacks from `folder`; the number of files copied.

    Pointers of versions that are not known here come along. Files that are missing in the workspace are put in place;
    those that are there are left as they are.
    Raises VersionError when the folder is not there or lacks something that a pointer names.
    """
    home, remote = find_root(root), Path(folder).absolute()
    if not remote.is_dir():
        raise VersionError(
            f"{remote} is not a folder, so nothing can be pulled from it. Push to it first, or mount it."
        )
    with repository(home, config=remote_config(remote)) as repo:
        _carry(remote / VERSIONS, home / VERSIONS)
        count = int(repo.fetch(remote=_NAME))
        _require_all(repo, remote)
        for pointer in pointers(home):
            place(cached_bytes(repo, pointer.version.digest), pointer.data)
        missing = [str(out) for out in repo.index.outs if not Path(out.fs_path).exists()]
        if missing:
            repo.checkout(targets=missing)
    return count


def remote_config(folder: Path) -> dict[str, Any]:
    """DVC's settings with `folder` as its remote."""
    return {"remote": {_NAME: {"url": str(folder)}}}


def remote_path(repo: Repo, digest: str) -> Path:
    """Where the remote of a repository that was opened with `remote_config` keeps the bytes with that MD5."""
    return Path(repo.cloud.get_remote_odb(_NAME).oid_to_path(digest))


def _require_all(repo: Repo, remote: Path) -> None:
    # DVC only logs what it finds neither here nor there.
    tracked = [out for out in repo.index.outs if out.use_cache and out.hash_info]
    lacking = sorted(str(out) for out in tracked if not cached_bytes(repo, out.hash_info.value).exists())
    if lacking:
        raise VersionError(
            f"{remote} lacks the bytes of {', '.join(lacking)}. Push them from where they were made and pull again."
        )


def _carry(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for file in (*source.glob("*@*.dvc"), *source.glob(".gitignore")):
        if not (target / file.name).exists():
            shutil.copyfile(file, target / file.name)
