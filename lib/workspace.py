"""A lab's own folder: fresh, with its own git history and an MLflow store that is ready to use."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from lib.errors import WorkspaceError
from lib.settings import SQLITE
from lib.store import prepare_store

_FIRST_FILES = {
    ".gitignore": "mlflow.db*\n.mlflow.db*\nmlruns/\nregistry.db*\nfeatures/\n__pycache__/\n.ipynb_checkpoints/\n",
    # What `dvc init` writes; MLflow's folder is kept out of its walks.
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvc/config": "",
    ".dvcignore": "# Folders that DVC need not look into.\nmlruns/\n",
}
_STORE = "mlflow.db"
_MARK = "workbook.workspace"
_VALIDATING = "NBGRADER_VALIDATING"  # set by nbgrader while it validates
# Git obeys these before it looks at the folder; inside a hook they point at somebody else's repository.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
# A fixed date and identity give the first commit the same id on every machine.
_FIRST_COMMIT_DATE = "2024-01-01T00:00:00+0000"


def enter(module: str) -> Path:
    """Make a fresh workspace for `module`, change into it and return its absolute path.

    The folder is `$LAB_WORKSPACE` (emptied first), else `out/labs/<module>` of the checkout that the current directory
    is in, else of the current directory; an earlier workspace there is kept once, as `<module>.previous`. nbgrader's
    Validate, which runs a lab beside the learner's own kernel, gets `<module>.validated` instead; stderr joins stdout
    then, where a library's word would count as a failed check. The folder gets a git repository with an identity of its
    own and one commit, in which DVC is initialised, and `mlflow.db`; the environment then names that store
    (`MLFLOW_TRACKING_URI`) and turns telemetry off.
    Raises WorkspaceError for an unusable name or folder, and when git is missing.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", module):
        raise WorkspaceError(
            f"{module!r} cannot name a workspace. Use letters, digits, '_', '-' and '.', e.g. 01_tracking."
        )
    try:
        folder = _fresh_folder(module)
        _set_environment(folder)
        _start_history(folder)
    except OSError as error:
        raise WorkspaceError(
            f"the workspace of {module} cannot be made: {error}. Set LAB_WORKSPACE to a folder that you may write to."
        ) from error
    prepare_store(os.environ["MLFLOW_TRACKING_URI"], fresh=True)
    os.chdir(folder)
    if _VALIDATING in os.environ:
        sys.stderr = sys.stdout
    return folder


def open_workspace(folder: Path, *, fresh: bool = False) -> Path:
    """The workspace in `folder` as it was left, or a fresh one where there is nothing yet; returns its absolute path.

    With `fresh` what an earlier one held is removed. The current directory stays. Raises WorkspaceError as `enter`
    does, and for a folder that holds something else.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not (folder / ".dvc").is_dir():
            raise WorkspaceError(f"{folder} holds other things than a workspace. Name an empty folder, or a new one.")
        if fresh:
            _require_ours(folder)
            _clear(folder)
        _set_environment(folder)
        if not (folder / ".dvc").is_dir():
            _start_history(folder)
    except OSError as error:
        raise WorkspaceError(
            f"the workspace {folder} cannot be made: {error}. Name a folder that you may write to."
        ) from error
    prepare_store(os.environ["MLFLOW_TRACKING_URI"], fresh=fresh)
    return folder


def _fresh_folder(module: str) -> Path:
    given = os.environ.get("LAB_WORKSPACE")
    validating = _VALIDATING in os.environ
    usual = _base() / "out" / "labs" / (f"{module}.validated" if validating else module)
    folder = Path(given).absolute() if given else usual
    folder.mkdir(parents=True, exist_ok=True)
    if given or validating:
        _require_ours(folder)
        _clear(folder)
    elif any(folder.iterdir()):
        previous = folder.with_name(f"{module}.previous")
        if previous.exists():
            shutil.rmtree(previous)
        previous.mkdir()
        _clear(folder, into=previous)
    return folder


def _base() -> Path:
    """The folder that holds `out/`: the checkout around the current directory, else the current directory."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "Makefile").is_file() and (folder / "lib").is_dir():
            return folder
    for folder in (here, *here.parents):
        # Entered a second time from within a workspace: its neighbour, not a workspace inside a workspace.
        if folder.parent.name == "labs" and folder.parent.parent.name == "out":
            return folder.parents[2]
    return here


def _clear(folder: Path, *, into: Path | None = None) -> None:
    """Remove what is in `folder`, or move it; the folder stays, for it may be a mount point or where a kernel stands.

    The store's file stays too, to be filled afresh: MLflow keeps connections to it open, and in a file that was moved
    away they fail until the kernel is started again.
    """
    for entry in folder.iterdir():
        if entry.name == _STORE and entry.is_file() and not entry.is_symlink():
            if into is not None:
                shutil.copyfile(entry, into / entry.name)
        elif into is not None:
            entry.rename(into / entry.name)
        elif entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _require_ours(folder: Path) -> None:
    """Refuse to empty a folder that holds more than a workspace."""
    if any(folder.iterdir()) and _precious(folder):
        raise WorkspaceError(
            f"{folder} (LAB_WORKSPACE, where that is set) would be emptied, and it holds more than a workspace. "
            "Name another one."
        )


def _precious(folder: Path) -> bool:
    here = folder.resolve()
    if any(here == place or here in place.parents for place in (Path.home().resolve(), Path(__file__).resolve())):
        return True
    return (folder / ".git").exists() and _git(folder, "config", "--local", "--default", "", _MARK) != "true"


def _set_environment(folder: Path) -> None:
    for name in _FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(
        DO_NOT_TRACK="true",
        DVC_NO_ANALYTICS="1",
        DVC_SITE_CACHE_DIR=str(folder / ".dvc" / "tmp" / "site"),
        GIT_CEILING_DIRECTORIES=str(folder.parent),
        MLFLOW_TRACKING_URI=f"{SQLITE}{folder / _STORE}",
    )


def _start_history(folder: Path) -> None:
    for name, text in _FIRST_FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    _git(folder, "init", "--quiet", "--initial-branch=main", "--template=")
    settings = {
        "user.name": "Learner",
        "user.email": "learner@workbook.example",
        "commit.gpgsign": "false",
        "core.hooksPath": "/dev/null",
        "core.autocrlf": "false",
        _MARK: "true",
    }
    for name, value in settings.items():
        _git(folder, "config", "--local", name, value)
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message=An empty workspace", date=_FIRST_COMMIT_DATE)


def _git(folder: Path, *arguments: str, date: str | None = None) -> str:
    dated = {} if date is None else {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=True,
            env={**inherited, **dated},
        )
    except FileNotFoundError as error:
        raise WorkspaceError("git is not installed, and a workspace keeps its history in it. Install git.") from error
    except subprocess.CalledProcessError as error:
        raise WorkspaceError(f"`git {' '.join(arguments)}` failed in {folder}: {error.stderr.strip()}") from error
    return done.stdout.strip()
