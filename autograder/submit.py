"""Packs one module for handing in: the notebook, and a manifest that says what it was and where it was made."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from autograder.environment import Environment, environment
from autograder.errors import GraderError
from autograder.handout import Handout
from autograder.merge import Submission, read_handed_in
from autograder.models import Record
from autograder.precheck import Precheck, precheck
from autograder.students import student_id

MANIFEST = "manifest.json"


class Manifest(Record):
    """What `submit` says of a notebook. It is the student's word, `time` the student's clock; hashes are SHA-256.

    `cells` are the texts that the grader will read, by cell id; `release` is empty for a notebook of a checkout.
    """

    student: str
    module: str
    time: AwareDatetime
    release: str
    notebook: str
    cells: dict[str, str]
    attempted: tuple[str, ...]
    flags: tuple[str, ...]
    environment: Environment


@dataclass(frozen=True)
class Packed:
    """The zip file to hand in, and what was seen on the way."""

    path: Path
    found: Precheck


def pack(
    handout: Handout, module_id: str, student: str, notebook: Path, out: Path, *, lock: Path, run: bool = False
) -> Packed:
    """Write `out/<student>_<module>.zip`; GraderError only for what the grader could not read at all.

    `lock` names the packages whose versions are noted. With `run`,
    the notebook is run from the top for what its visible checks say; else their saved outputs count.
    """
    if student != student_id(student):
        raise GraderError(
            f"{student!r} cannot be a student's id; it may hold letters, digits, spaces, and _ . @ - but not begin "
            "with a sign, and has at most 80 characters"
        )
    module = handout[module_id]
    content = _content(notebook)
    found = precheck(handout, module, content)
    if not found.submission.answers:
        raise GraderError(f"{notebook}: {'; '.join(found.submission.flags)}: the grader could read nothing of it")
    if run:
        from autograder.rehearsal import rehearse

        found = precheck(handout, module, content, rehearse(content, module_id))
    manifest = Manifest(
        student=student,
        module=module_id,
        time=dt.datetime.now(dt.UTC).replace(microsecond=0),
        release=handout.release,
        notebook=hashlib.sha256(content).hexdigest(),
        cells=cell_hashes(found.submission),
        attempted=found.attempted,
        flags=found.submission.flags,
        environment=environment(lock.resolve()),
    )
    path = out / f"{student}_{module_id}.zip"
    _replace(path, manifest, content)
    return Packed(path, found)


def cell_hashes(submission: Submission) -> dict[str, str]:
    """SHA-256 of each text that the grader reads, by cell id."""
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in submission.answers.items()}


def _content(notebook: Path) -> bytes:
    try:
        return read_handed_in(notebook)
    except FileNotFoundError:
        raise GraderError(f"{notebook} does not exist; name the notebook with --notebook FILE") from None
    except OSError as error:
        raise GraderError(f"{error}; name the saved notebook itself with --notebook FILE") from error


def _replace(path: Path, manifest: Manifest, content: bytes) -> None:
    """Write the zip at once or not at all; what lies there already is replaced only if it is such a zip."""
    if path.exists() and not _is_earlier(path, manifest):
        raise GraderError(f"{path} is no earlier hand-in of {manifest.student} and stays: choose a folder with --out")
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{manifest.module}.ipynb", content)
        archive.writestr(MANIFEST, manifest.model_dump_json(indent=1) + "\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(written.getvalue())
    part.replace(path)


def _is_earlier(path: Path, manifest: Manifest) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            there = Manifest.model_validate_json(archive.read(MANIFEST))
    except (OSError, KeyError, zipfile.BadZipFile, ValidationError):
        return False
    return (there.student, there.module) == (manifest.student, manifest.module)
