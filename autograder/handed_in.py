"""Finds the notebooks in what comes back from a class: folders, zip archives of Canvas and Moodle, nbgrader's exchange.

Nothing is unpacked: each notebook is read, checked and handed on with what its name and its manifest say of it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from autograder.archives import Archive, Budget, Refused, written_at
from autograder.errors import GraderError
from autograder.gradebook import stamped
from autograder.handed_in_names import Reading, readings
from autograder.merge import Submission, read_handed_in, submission_in
from autograder.models import Lab
from autograder.submit import MANIFEST, Manifest, cell_hashes

# What systems and editors put beside notebooks; students mean nothing by it.
_BESIDE = ("timestamp.txt", "submission_secret.txt", "collected.csv", "collected.json", "Thumbs.db")


@dataclass(frozen=True)
class Found:
    """A notebook that somebody handed in; `place` names it to people, `written` is its file's or its entry's time.

    `kept` says whether that time is the file's own; archives of Canvas and Moodle state the time of the download.
    """

    place: str
    module: str
    content: bytes
    readings: tuple[Reading, ...]
    manifest: Manifest | None
    written: dt.datetime | None
    kept: bool


@dataclass(frozen=True)
class NotTaken:
    """Something that was handed in, and why it is not collected."""

    place: str
    reason: str


def find_handed_in(sources: Sequence[Path], labs: Sequence[Lab], *, leave_out: Path) -> Iterator[Found | NotTaken]:
    """Everything in `sources` that was handed in, or why not; what lies in `leave_out` is no source."""
    for source in sources:
        if not source.exists():
            raise GraderError(f"{source} does not exist; name a folder, a zip archive or a notebook")
        search = _Search(labs, source.name)
        if source.is_dir():
            yield from search.folder(source, leave_out.resolve())
        else:
            yield from search.file(source, PurePosixPath(source.name))


class _Search:
    """One source: the labs whose notebooks count, and the bytes that its archives may still give."""

    def __init__(self, labs: Sequence[Lab], name: str) -> None:
        self._labs = labs
        self._modules = [lab.module for lab in labs]
        self._name = name
        self._budget = Budget()

    def folder(self, root: Path, leave_out: Path) -> Iterator[Found | NotTaken]:
        for at, folders, files in os.walk(root):
            if "inbound" in folders:  # of an exchange, the others hold what was given out
                folders[:] = ["inbound"]
            folders[:] = sorted(name for name in folders if (Path(at) / name).resolve() != leave_out and _counts(name))
            linked = [name for name in folders if (Path(at) / name).is_symlink()]
            for name in sorted([*files, *linked]):
                path = PurePosixPath((Path(at) / name).relative_to(root).as_posix())
                if _counts(name):
                    yield from self.file(Path(at) / name, path, prefix=f"{self._name}/")

    def file(self, file: Path, path: PurePosixPath, prefix: str = "") -> Iterator[Found | NotTaken]:
        """What `file`, at `path` within the source, holds: one notebook, a student's archive or a class's."""
        place = f"{prefix}{path}"
        try:
            if path.suffix.lower() != ".zip":
                yield from self._notebook(place, path, lambda: read_handed_in(file), _changed(file), kept=True)
                return
            archive = Archive(_no_link(file), self._budget)
            if _is_students(archive) or readings(path, self._modules):
                yield self._students(place, archive, readings(path, self._modules), _changed(file), kept=True)
                return
        except Refused as reason:
            yield NotTaken(place, str(reason))
            return
        for entry in archive.files():
            yield from self._entry(place, archive, entry)

    def _entry(self, place: str, archive: Archive, entry: zipfile.ZipInfo) -> Iterator[Found | NotTaken]:
        """One file of a class's archive."""
        path, place = _path(entry), f"{place}: {entry.filename}"
        if not all(map(_counts, path.parts)):
            return
        if path.suffix.lower() != ".zip":
            yield from self._notebook(place, path, lambda: archive.read(entry), written_at(entry), kept=False)
            return
        try:
            who = readings(path, self._modules)
            yield self._students(place, Archive(archive.read(entry), self._budget), who, written_at(entry), kept=False)
        except Refused as reason:
            yield NotTaken(place, str(reason))

    def _notebook(
        self, place: str, path: PurePosixPath, read: Callable[[], bytes], written: dt.datetime | None, *, kept: bool
    ) -> Iterator[Found | NotTaken]:
        who = readings(path, self._modules)
        if path.suffix.lower() != ".ipynb":
            if len(path.parts) == 1 or any(reading.kind in ("Canvas", "Moodle") for reading in who):
                yield NotTaken(place, "is neither a notebook nor a zip archive")
            return
        try:
            content = read()
            module, _ = self._module(content)
            yield Found(place, module, content, who, None, written, kept)
        except (Refused, OSError) as reason:
            yield NotTaken(place, str(reason))

    def _students(
        self, place: str, archive: Archive, who: tuple[Reading, ...], written: dt.datetime | None, *, kept: bool
    ) -> Found:
        """The one notebook in a student's own archive; Refused when there is none, or the two contradict."""
        inside = [entry for entry in archive.files() if all(map(_counts, _path(entry).parts))]
        notebooks = [entry for entry in inside if entry.filename.lower().endswith(".ipynb")]
        if len(notebooks) != 1:
            raise Refused(
                f"the archive holds {len(notebooks) or 'no'} notebooks; want one that `autograder submit` made"
            )
        content = archive.read(notebooks[0])
        manifest = next((_manifest(archive.read(entry)) for entry in inside if entry.filename == MANIFEST), None)
        module, submission = self._module(content)
        if manifest:
            _compare(manifest, module, content, submission)
        return Found(place, module, content, who, manifest, written, kept)

    def _module(self, content: bytes) -> tuple[str, Submission]:
        """Which module a notebook is, by the cells that it has of it, and what the grader reads of it."""
        read = [(submission_in(content, lab), lab.module) for lab in self._labs]
        most = max(len(submission.answers) for submission, _ in read)
        if not most:
            damaged = read[0][0].flags[0]
            raise Refused("a notebook of no module of this course" if "another notebook" in damaged else damaged)
        best = [(module, submission) for submission, module in read if len(submission.answers) == most]
        if len(best) > 1:
            raise Refused(f"fits {' and '.join(module for module, _ in best)}: too few cells of either are left in it")
        return best[0]


def _compare(manifest: Manifest, module: str, content: bytes, submission: Submission) -> None:
    if manifest.module != module:
        raise Refused(f"its manifest says {manifest.module}, its notebook is {module}")
    same = manifest.notebook == hashlib.sha256(content).hexdigest() and manifest.cells == cell_hashes(submission)
    if not same:
        raise Refused("its notebook is not the one that its manifest was made for: changed after it was packed")


def _manifest(content: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise Refused(f"{MANIFEST} is not one of `autograder submit`: {error.errors()[0]['msg']}") from error


def _is_students(archive: Archive) -> bool:
    return any(entry.filename == MANIFEST for entry in archive.files())


def _path(entry: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(entry.filename.replace("\\", "/"))


def _counts(name: str) -> bool:
    return name == ".." or (not name.startswith(".") and name not in ("__MACOSX", "__pycache__", *_BESIDE))


def _no_link(file: Path) -> Path:
    if file.is_symlink():
        raise Refused("is a link, not a file")
    return file


def _changed(file: Path) -> dt.datetime:
    """When a file came in: nbgrader's timestamp.txt beside it, else its own time."""
    if stamp := stamped(file.with_name("timestamp.txt")):
        return stamp.replace(tzinfo=dt.UTC)
    return dt.datetime.fromtimestamp(file.lstat().st_mtime, dt.UTC)
