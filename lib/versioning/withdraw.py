"""Take a data version away for good: its name, its bytes in the cache and on the shelf, and its copies in remotes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lib.errors import VersionError
from lib.versioning.remote import remote_config, remote_path
from lib.versioning.repository import VERSIONS, find_root, repository
from lib.versioning.snapshots import cached_bytes, find_pointer, pointers


def withdraw(name: str, *, root: str | Path | None = None, remotes: Iterable[str | Path] = ()) -> list[Path]:
    """Remove the version `name` here and from the folders `remotes`; returns the files that are gone.

    Bytes that another version has too stay. A pointer `<path>.dvc` beside the data, which names the present content of
    a path, is left alone: take a snapshot of what shall be there first.
    Raises VersionError for an unknown name, and when a file cannot be removed.
    """
    home = find_root(root)
    pointer = find_pointer(name, home)
    digest = pointer.version.digest
    shared = any(each.version.digest == digest and each.version.name != name for each in pointers(home))
    gone = []
    for remote in map(Path, remotes):
        with repository(home, config=remote_config(remote.absolute())) as repo:
            copies = [remote / VERSIONS / pointer.file.name, *([] if shared else [remote_path(repo, digest)])]
        gone += _removed(copies)
    with repository(home) as repo:
        bytes_of_it = [] if shared else [cached_bytes(repo, digest)]
        # The name last: what breaks off before can be repeated.
        gone += _removed([*bytes_of_it, pointer.data, pointer.file])
    return gone


def _removed(files: Iterable[Path]) -> list[Path]:
    gone = []
    for file in files:
        try:
            if file.is_file():
                file.unlink()
                gone.append(file)
        except OSError as error:
            raise VersionError(f"{file} cannot be removed: {error.strerror}. Withdraw the version again.") from error
    return gone
