"""The git repository that holds what is wanted: a file an environment, what versions must answer, who approved them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from lib.delivery.smoke import Expected
from lib.delivery.wanted import Environment, Part, Wanted, read_part
from lib.errors import DeliveryError
from lib.registry import Approval

BRANCH = "main"
# A repository can name programs in its own configuration; reading it must not run them.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false",
        "-c", "commit.gpgsign=false")  # fmt: skip
# Inside a hook, these point at somebody else's repository.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
_FIELDS = "%H%x00%an%x00%s"


@dataclass(frozen=True)
class Commit:
    """A commit: its id, who wrote it, and the first line of why."""

    id: str
    author: str
    subject: str

    def __str__(self) -> str:
        return f"{self.id[:8]} ({self.author}: {self.subject})"


class _Approval(Part):
    by: str
    reason: str


class WantedRepository:
    """What is committed on `main` of the repository at `path`; a file that was only edited is not wanted yet.

    `staging.yaml` and `production.yaml` hold a `Wanted`; `expected/<model>-<version>.json` what a version must answer
    (`lib.delivery.smoke.Expected`); `approvals/<model>-<version>.yaml` who approved it for production (by, reason).
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        # What a commit holds never changes.
        self._files: dict[tuple[str, str], str | None] = {}
        self._last: dict[tuple[str, str], Commit | None] = {}

    @classmethod
    def create(cls, path: Path) -> Self:
        """The repository at `path`, made where there is none yet."""
        repository = cls(path)
        if not (repository.path / ".git").is_dir():
            repository.path.mkdir(parents=True, exist_ok=True)
            repository._git("init", "--quiet", f"--initial-branch={BRANCH}", "--template=")
            (repository.path / "README.md").write_text(
                "What is wanted of staging and production; see `lib.delivery`.\n"
            )
            repository.commit({}, by="workbook", message="Nothing is wanted yet")
        return repository

    def head(self) -> str:
        """The id of the newest commit; raises DeliveryError when there is no such repository."""
        return self._git("rev-parse", "--verify", f"refs/heads/{BRANCH}^{{commit}}").strip()

    def read(self, name: str, *, at: str) -> str | None:
        """A file as it was at a commit, None when it was not there."""
        if (name, at) not in self._files:
            there = self._git("ls-tree", at, "--", name)
            self._files[name, at] = self._git("show", f"{at}:{name}") if there else None
        return self._files[name, at]

    def last(self, name: str, *, at: str) -> Commit | None:
        """The commit that changed a file last, None when none did."""
        if (name, at) not in self._last:
            line = self._git("log", "-1", f"--format={_FIELDS}", at, "--", name).strip("\n")
            self._last[name, at] = Commit(*line.split("\0")) if line else None
        return self._last[name, at]

    def commits(self) -> list[Commit]:
        """All commits, oldest first."""
        lines = self._git("log", "--reverse", f"--format={_FIELDS}", f"refs/heads/{BRANCH}").splitlines()
        return [Commit(*line.split("\0")) for line in lines]

    def expected(self, wanted: Wanted, *, at: str) -> Expected:
        """What the version must answer; raises DeliveryError when nobody said so."""
        name = expected_file(wanted.model, wanted.version)
        text = self.read(name, at=at)
        if text is None:
            raise DeliveryError(
                f"nothing says what version {wanted.version} of {wanted.model} must answer. Commit {name}."
            )
        try:
            return Expected.model_validate_json(text)
        except ValueError as error:
            raise DeliveryError(
                f"{name} cannot be read: {' '.join(str(error).split())}. Mend it and commit."
            ) from error

    def approval(self, model: str, version: int, *, at: str) -> Approval | None:
        """Who approved the version, None when nobody did; raises DeliveryError unless they committed it themselves."""
        name = approval_file(model, version)
        text = self.read(name, at=at)
        if text is None:
            return None
        given = Approval(**read_part(_Approval, text, what=name).model_dump())
        commit = self.last(name, at=at)
        if commit is None or commit.author.casefold() != given.by.casefold():
            raise DeliveryError(
                f"{name} names {given.by}, and it was committed by {commit.author if commit else 'nobody'}. Whoever "
                "approves commits that."
            )
        return given

    def want(
        self, environment: Environment, wanted: Wanted, *, by: str, message: str = "", expected: Expected | None = None
    ) -> Commit:
        """Commit what is wanted of an environment, with what the version must answer; no new commit when it is so."""
        files = {wanted_file(environment): wanted.as_yaml()}
        if expected is not None:
            files[expected_file(wanted.model, wanted.version)] = expected.model_dump_json(indent=2) + "\n"
        message = message or f"{environment}: version {wanted.version} of {wanted.model}"
        return self.commit(files, by=by, message=message)

    def approve(self, model: str, version: int, approval: Approval) -> Commit:
        """Commit a person's approval of a version, under their name."""
        content = yaml.safe_dump({"by": approval.by, "reason": approval.reason}, sort_keys=False)
        message = f"approve version {version} of {model}"
        return self.commit({approval_file(model, version): content}, by=approval.by, message=message)

    def revert(self, commit: str, *, by: str) -> Commit:
        """Take a commit back by a new one, as `git revert` does; raises DeliveryError when later ones conflict."""
        try:
            self._git("revert", "--no-edit", commit, by=by)
        except DeliveryError:
            self._git("revert", "--abort")
            raise
        return self._newest()

    def commit(self, files: Mapping[str, str], *, by: str, message: str) -> Commit:
        """Write `files` and commit them, in the name of `by`; nothing else that lies about goes with them."""
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text, "utf-8")
        names = sorted(files) or ["."]
        self._git("add", "--", *names)
        if self._git("status", "--porcelain", "--", *names):
            self._git("commit", "--quiet", f"--message={message}", "--", *names, by=by)
        return self._newest()

    def _newest(self) -> Commit:
        return Commit(*self._git("log", "-1", f"--format={_FIELDS}").strip("\n").split("\0"))

    def _git(self, *arguments: str, by: str | None = None) -> str:
        who = {} if by is None else {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", by), ("EMAIL", f"{by.replace(' ', '.')}@workbook.example"))
        }  # fmt: skip
        inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        try:
            done = subprocess.run(
                [*_GIT, *arguments], cwd=self.path, capture_output=True, text=True, check=True,
                env={**inherited, "GIT_CEILING_DIRECTORIES": str(self.path.parent), "GIT_EDITOR": "true", **who},
            )  # fmt: skip
        except FileNotFoundError as error:
            raise DeliveryError(f"{self.path} is not there, or git is not installed ({error}).") from error
        except subprocess.CalledProcessError as error:
            said = " ".join((error.stderr or error.stdout).split())
            raise DeliveryError(f"`git {' '.join(arguments)}` failed in {self.path}: {said}") from error
        return done.stdout


def wanted_file(environment: Environment) -> str:
    """Where the wanted state of an environment stands."""
    return f"{environment}.yaml"


def expected_file(model: str, version: int) -> str:
    """Where it stands what a version must answer."""
    return f"expected/{model}-{version}.json"


def approval_file(model: str, version: int) -> str:
    """Where it stands who approved a version."""
    return f"approvals/{model}-{version}.yaml"
