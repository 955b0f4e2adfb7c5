"""What a stopped run leaves for the next: each graded submission, kept the moment it is ready."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nbformat

from autograder.course import Course, course_secret
from autograder.grading import Graded
from autograder.merge import read_handed_in
from autograder.models import Grade, Outcome

_GRADER = Path(__file__).parent


class Journal:
    """The graded submissions of one class in `folder`; a file a submission, whole or absent whatever happens.

    Each stands under a key: the submission's bytes and everything else that its grade depends on.
    """

    def __init__(self, course: Course, folder: Path) -> None:
        self._course = course
        self._folder = folder / "journal"
        self._same: dict[str, bytes] = {}

    def key(self, module: str, path: Path) -> str:
        """The key of the submission at `path`, which may not exist."""
        if module not in self._same:
            self._same[module] = self._same_for_all(module)
        digest = hashlib.sha256(self._same[module])
        try:
            digest.update(b"1" + read_handed_in(path))
        except OSError as error:
            digest.update(f"0{type(error).__name__}".encode())
        return digest.hexdigest()

    def find(self, key: str, student: str, module: str) -> Graded | None:
        """What was kept under `key`, if it was."""
        try:
            kept = json.loads(self._file(student, module).read_text("utf-8"))
            if kept["key"] != key:
                return None
            return Graded(Grade.model_validate(kept["grade"]), nbformat.from_dict(kept["notebook"]))
        except (FileNotFoundError, KeyError, ValueError):
            return None  # none, or one of another version: grade it

    def keep(self, key: str, graded: Graded) -> None:
        """Keep it, unless the grader itself failed: that is worth another try."""
        if any(check.outcome is Outcome.ERRORED for check in graded.grade.checks):
            return
        file = self._file(graded.grade.student, graded.grade.module)
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = {"key": key, "grade": graded.grade.model_dump(mode="json"), "notebook": graded.notebook}
        part = file.with_suffix(".part")
        part.write_text(json.dumps(kept), "utf-8")
        part.replace(file)

    def _file(self, student: str, module: str) -> Path:
        return self._folder / module / f"{student}.json"

    def _same_for_all(self, module: str) -> bytes:
        """The course, what it mounts, the secret and the grader itself."""
        digest = hashlib.sha256(course_secret(self._course))
        root = self._course.root
        files = [self._course.source(module), root / "solutions" / "course.toml", *sorted(_GRADER.rglob("*.py"))]
        for mount in self._course.mounts:
            files += sorted((root / mount).rglob("*.py"))
        for file in files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.digest()
