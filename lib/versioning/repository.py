"""One DVC repository, opened quietly and by one caller at a time; made when there is none."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from lib.errors import VersionError

if TYPE_CHECKING:
    from dvc.repo import Repo

LOCK_TIMEOUT_S = 60.0
VERSIONS = "versions"
"""The folder, under the root, of the pointers that keep every version's name."""

# What DVC writes to belongs to the process: two threads must not restore it in each other's order.
_QUIET = threading.RLock()


def find_root(start: str | Path | None = None) -> Path:
    """The folder that holds `.dvc`, at or above `start` in the same git repository; else `start` itself.

    `start` is the current directory when it is not given.
    """
    start = Path(start or ".").resolve()
    if not start.is_dir():
        raise VersionError(f"{start} is not a folder, so it holds no data versions. Give the root of the workspace.")
    for folder in (start, *start.parents):
        if (folder / ".dvc").is_dir():
            return folder
        if (folder / ".git").exists():
            break
    return start


@contextmanager
def repository(root: Path, *, config: dict[str, Any] | None = None) -> Iterator[Repo]:
    """The DVC repository at `root`, initialised when there is none, for one caller at a time.

    Raises VersionError for everything that DVC, the lock or the disk refuse.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from scmrepo.exceptions import SCMError

    try:
        with alone(root), _quiet():
            if not (root / ".dvc").is_dir():
                _initialise(root)
            # Its bookkeeping stays inside the workspace: the default lies under /var/tmp, which a sandbox may not have.
            inside = {"core": {"site_cache_dir": str(root / ".dvc" / "tmp" / "site")}}
            repo = _open(root, _merged(inside, config or {}))
            try:
                yield repo
            finally:
                repo.close()
    except LockError as error:
        raise VersionError(
            f"a dvc command is at work in {root} and keeps it locked. Wait for it or end it, then run this again."
        ) from error
    except (DvcException, SCMError) as error:
        raise VersionError(
            f"DVC refused: {_reason(error)}. Run `dvc doctor` and `dvc status` in {root} for more."
        ) from error
    except OSError as error:
        raise VersionError(disk_fault(error, root)) from error


def disk_fault(error: OSError, place: Path) -> str:
    """Words for an error of the file system, with the way out."""
    what = f"{error.strerror or error} ({error.filename or place})"
    if error.errno == errno.ENOSPC:
        return f"the disk is full: {what}. Free some space; `dvc gc --workspace` drops data that no pointer names."
    return f"the data store cannot be read or written: {what}. Check that {place} exists and that you may write to it."


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Nobody else works on the data versions of `root` meanwhile; raises VersionError when that takes too long."""
    # Named by the root and kept outside of it: the lock must exist before the repository does.
    key = hashlib.sha256(str(root).encode()).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir(), f"data-versions-{os.getuid()}-{key}.lock"), timeout=LOCK_TIMEOUT_S)
    try:
        lock.acquire()
    except Timeout as error:
        raise VersionError(
            f"another process has been working on the data versions of {root} for {LOCK_TIMEOUT_S:.0f} s. "
            "Wait for it or end it, then run this again."
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep DVC from writing: its advice and progress bars, and its spinner, which leaves an empty output in a notebook.

    What goes wrong arrives as an exception.
    """
    from dvc.ui import ui
    from rich.console import Console

    with _QUIET:
        console = ui.error_console
        ui.error_console = Console(quiet=True, stderr=True, force_jupyter=False)
        loggers = [logging.getLogger(name) for name in ("dvc", "dvc_data", "dvc_objects")]
        before = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            ui.error_console = console
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


def _initialise(root: Path) -> None:
    from dvc.repo import Repo
    from dvc.scm import SCM, SCMError

    try:
        git = SCM(str(root), search_parent_directories=True)
        outside = bool(git.is_ignored(str(root / ".dvc")))
        below = Path(git.root_dir).resolve() != root
        git.close()
    except SCMError:
        outside, below = True, False
    Repo.init(str(root), no_scm=outside, subdir=below and not outside).close()


def _open(root: Path, config: dict[str, Any]) -> Repo:
    from dvc.repo import Repo

    return Repo(str(root), config=config)


def _merged(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    return {key: {**one.get(key, {}), **two.get(key, {})} for key in {*one, *two}}


def _reason(error: BaseException) -> str:
    """DVC's own words, and those of the error behind it when that says more."""
    cause = error.__cause__ or error.__context__
    said = [str(error).rstrip(".")]
    if cause is not None and str(cause) and str(cause) not in said[0]:
        said.append(str(cause).rstrip("."))
    return ": ".join(said)
