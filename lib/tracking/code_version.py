"""Which code ran: the commit, whether the tree differed from it, and that difference itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE_SUFFIXES = frozenset({".py", ".toml", ".yaml", ".yml", ".json", ".cfg", ".ini", ".sql", ".sh"})
SOURCE_BYTES = 256 * 1024
_PREFIXES = ("--src-prefix=a/", "--dst-prefix=b/")
# What a snapshot itself writes. The data version stands for it, and with it every second run would count as dirty.
_NO_CODE = (":(top)", *(f":(top,exclude,glob)**/{name}" for name in ("*.dvc", ".dvc/**", ".dvcignore", ".gitignore")))
# A repository can name programs in its own configuration; looking at it must not run them.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")


@dataclass(frozen=True, kw_only=True)
class CodeVersion:
    """The code as it was: `status` says in words what is known, and never claims a commit that is not there."""

    status: str
    commit: str | None = None
    branch: str | None = None
    folder: str = "."
    diff: str = ""
    untracked: tuple[str, ...] = ()

    @property
    def dirty(self) -> bool | None:
        """Whether the commit alone is *not* the code that ran; None when there is no commit."""
        return None if self.commit is None else bool(self.diff)


def code_version(root: Path) -> CodeVersion:
    """The state of the git repository around `root`.

    `diff` is a binary-safe patch against the commit: tracked changes, and untracked source files (`SOURCE_SUFFIXES`, up
    to 256 KiB each), since an imported file that git never saw is part of the code too. DVC's bookkeeping and ignore
    files are no code and make nothing dirty. `folder` is `root` relative to
    the top of the repository.
    """
    try:
        top = Path(_git(root, "rev-parse", "--show-toplevel").strip())
        lines = _git(root, "status", "--porcelain=v2", "--branch", "--untracked-files=all", "-z").split("\0")
    except FileNotFoundError:
        return CodeVersion(status="unknown: git is not installed")
    except subprocess.CalledProcessError as error:
        return CodeVersion(status=_unreadable(error.stderr))
    header = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# ") and " " in line[2:])
    untracked = tuple(sorted(line[2:] for line in lines if line.startswith("? ")))
    commit = header.get("branch.oid", "(initial)")
    folder = Path(os.path.relpath(root.resolve(), top.resolve())).as_posix()
    if commit == "(initial)":
        return CodeVersion(status="a git repository without a commit", folder=folder, untracked=untracked)
    diff = _patch(top, [name for name in untracked if _is_source(top / name)])
    return CodeVersion(
        status="dirty" if diff else "clean",
        commit=commit,
        branch=header.get("branch.head"),
        folder=folder,
        diff=diff,
        untracked=untracked,
    )


def add_worktree(root: Path, commit: str, diff: str, *, to: Path) -> None:
    """Check `commit` out at `to` and lay `diff` over it; raises CalledProcessError with git's own words in `stderr`."""
    _git(root, "worktree", "add", "--detach", "--force", str(to), commit)
    if diff:
        patch = to.with_suffix(".patch")
        patch.write_text(diff, encoding="utf-8", errors="surrogateescape", newline="")
        _git(to, "apply", "--whitespace=nowarn", "--binary", str(patch))


def remove_worktree(root: Path, worktree: Path) -> None:
    """Take `worktree` away again, with git's record of it."""
    shutil.rmtree(worktree, ignore_errors=True)
    _git(root, "worktree", "prune")


def _patch(top: Path, new_sources: Sequence[str]) -> str:
    command = ("diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--no-color", *_PREFIXES, "--", *_NO_CODE)
    if not new_sources:
        return _git(top, *command)
    # A copy of the index, so that the learner's own staging area stays as it is.
    with tempfile.TemporaryDirectory() as scratch:
        index = Path(scratch, "index")
        own = Path(top, _git(top, "rev-parse", "--git-path", "index").strip())
        if own.is_file():
            # With its time: git takes a file of the same size, older than the index, for unchanged.
            shutil.copy2(own, index)
        _git(top, "add", "--intent-to-add", "--", *new_sources, index=index)
        return _git(top, *command, index=index)


def _is_source(path: Path) -> bool:
    return path.suffix in SOURCE_SUFFIXES and path.is_file() and path.stat().st_size <= SOURCE_BYTES


def _unreadable(stderr: str) -> str:
    if "not a git repository" in stderr:
        return "not a git repository"
    return f"unknown: {stderr.strip()}"


def _git(folder: Path, *arguments: str, index: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(index)
    done = subprocess.run([*_GIT, "-C", str(folder), *arguments], capture_output=True, check=False, env=environment)
    stdout, stderr = (text.decode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr))
    if done.returncode != 0:
        raise subprocess.CalledProcessError(done.returncode, arguments, stdout, stderr)
    return stdout
