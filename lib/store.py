"""Puts a ready MLflow store in place: migrating a fresh one is slow, and fails when several processes start at once.

The migrated template is made once for each MLflow version (`python -m lib.store`, part of `make setup`) and copied from
then on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout

from lib.errors import WorkspaceError
from lib.settings import SQLITE, sqlite_path

BUILD_TIMEOUT_S = 180.0
COPY_TIMEOUT_S = 60.0

_BUILD = """
import logging, sys
logging.disable(logging.INFO)
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
SqlAlchemyStore(sys.argv[1], sys.argv[2]).engine.dispose()
"""


def prepare_store(uri: str, *, fresh: bool = False) -> None:
    """Copy the migrated template to the SQLite file that `uri` names, unless the file is there; leave other URIs alone.

    `fresh` replaces the content of a file that is there, in place, so that connections which are open to it stay good.

    A relative path is taken from the current directory. The file appears whole or not at all; any number of processes
    may call this at once. The default experiment keeps its artifacts in `mlruns/` beside the file.
    Raises WorkspaceError when the file cannot be written or the template cannot be built.
    """
    path = sqlite_path(uri)
    if path is None or (_filled(path) and not fresh):
        return
    target = path.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f".{target.name}.lock", timeout=BUILD_TIMEOUT_S):
            if not _filled(target):
                _install(template(), target)
            elif fresh and not _refill(template(), target):
                target.unlink()
                _install(template(), target)
    except Timeout as error:
        raise WorkspaceError(
            f"{error.lock_file} has been held for {BUILD_TIMEOUT_S:.0f} s by another process that prepares {target}. "
            "Wait for it or end it, then run this again."
        ) from error
    except (OSError, sqlite3.Error) as error:
        raise WorkspaceError(
            f"the MLflow store {target} cannot be prepared: {error}. Free some space or choose a folder that you may "
            "write to (MLOPS_TRACKING_URI)."
        ) from error


def template() -> Path:
    """The migrated, empty store for the installed MLflow; built now (~10 s) when it is not there yet."""
    name = f"mlflow-{version('mlflow-skinny')}.db"
    folders = _template_folders()
    for folder in folders:
        if _filled(folder / name):
            return folder / name
    for folder in folders:
        if _writable(folder):
            with FileLock(folder / f".{name}.lock", timeout=BUILD_TIMEOUT_S):
                if not _filled(folder / name):
                    _build(folder / name)
            return folder / name
    raise WorkspaceError(
        f"none of {', '.join(map(str, folders))} can be written, so the MLflow template cannot be kept. "
        "Run `make setup` as the owner of the environment, or set XDG_CACHE_HOME to a folder that you may write to."
    )


def _template_folders() -> tuple[Path, Path]:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(sys.prefix, "share", "mlops-workbook"), Path(cache, "mlops-workbook")


def _filled(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _build(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        fresh = Path(scratch, "fresh.db")
        # A child of its own: migrating configures logging for the whole process and writes to stderr.
        child = subprocess.run(
            [sys.executable, "-c", _BUILD, f"{SQLITE}{fresh}", str(Path(scratch, "mlruns"))],
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            cwd=scratch,
            check=False,
        )
        if child.returncode != 0 or not _filled(fresh):
            raise WorkspaceError(
                f"MLflow could not migrate a fresh store (exit code {child.returncode}): {child.stderr.strip()[-800:]} "
                "Run `make setup` again; if it stays, remove .venv first."
            )
        fresh.replace(target)


def _install(source: Path, target: Path) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(descriptor)
    fresh = Path(name)
    try:
        shutil.copyfile(source, fresh)
        with contextlib.closing(sqlite3.connect(fresh)) as database:
            _settle(database, target.parent)
        fresh.chmod(0o644)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def _refill(source: Path, target: Path) -> bool:
    """Replace what the database holds, not the file; False when the file is no database."""
    with contextlib.closing(sqlite3.connect(source)) as full, contextlib.closing(sqlite3.connect(target)) as database:
        try:
            full.backup(database)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return False
        _settle(database, target.parent)
    return True


def _settle(database: sqlite3.Connection, folder: Path) -> None:
    # The template remembers the folder it was made in; runs without an experiment would write there.
    with database:
        database.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0", (str(folder / "mlruns" / "0"),)
        )


if __name__ == "__main__":
    print(template())
