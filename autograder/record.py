"""The record of one grading: what was graded, by which module, where, and what each check gave; made to be repeated."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from autograder.course import Course, course_secret
from autograder.environment import Environment, environment, file_hash
from autograder.errors import GraderError
from autograder.merge import Submission, read_handed_in, read_submission
from autograder.models import Grade, Lab, Outcome

SEEDS = "first 8 bytes of HMAC-SHA256(course secret, student NUL module NUL check), big-endian, shifted right by 2"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckPoints(_Frozen):
    """What the grader itself gave; `mark` is what a person gave instead, if somebody did."""

    outcome: Outcome
    points: float
    possible: float
    mark: float | None = None


class GradeRecord(_Frozen):
    """Hashes are SHA-256, in hexadecimal; None stands for a file that was not there. Times are seconds."""

    student: str
    module: str
    submission: str | None
    answers: str
    source: str
    course: str
    secret: str
    seeds: str = SEEDS
    environment: Environment
    seconds: float
    flags: tuple[str, ...]
    checks: dict[str, CheckPoints]


def write_record(course: Course, lab: Lab, path: Path, *, automatic: Grade, final: Grade, folder: Path) -> GradeRecord:
    """Write `folder/records/<student>/<module>.json` for the submission at `path`, which may not exist."""
    record = make_record(course, lab, path, automatic=automatic, final=final)
    out = folder / "records" / record.student / f"{record.module}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
    part.replace(out)
    return record


def make_record(course: Course, lab: Lab, path: Path, *, automatic: Grade, final: Grade) -> GradeRecord:
    """The record of a grading; `automatic` is the grader's own verdict, `final` has a person's marks."""
    marks = {check.cell: check.points for check in final.checks if check.outcome is Outcome.MARKED}
    return GradeRecord(
        student=final.student,
        module=final.module,
        submission=_handed_in_hash(path),
        answers=answers_hash(read_submission(path, lab)),
        source=file_hash(course.source(final.module)) or "",
        course=file_hash(course.root / "solutions" / "course.toml") or "",
        secret=secret_fingerprint(course),
        environment=environment(course.root / "requirements.lock"),
        seconds=automatic.seconds,
        flags=automatic.flags,
        checks={
            check.cell: CheckPoints(
                outcome=check.outcome, points=check.points, possible=check.possible, mark=marks.get(check.cell)
            )
            for check in automatic.checks
        },
    )


def read_record(path: Path) -> GradeRecord:
    """Read a record; GraderError when there is none or it is not one."""
    try:
        return GradeRecord.model_validate_json(path.read_text("utf-8"))
    except FileNotFoundError:
        raise GraderError(
            f"{path} does not exist; `autograder grade` writes DIR/records/<student>/<module>.json"
        ) from None
    except ValidationError as error:
        raise GraderError(f"{path} is no grade record: {error.errors()[0]['msg']}") from error


def answers_hash(submission: Submission) -> str:
    """SHA-256 of the texts that were graded, by cell id: all that a grade depends on of the file."""
    return hashlib.sha256(json.dumps([submission.answers, submission.own], sort_keys=True).encode()).hexdigest()


def secret_fingerprint(course: Course) -> str:
    """Tells whether two gradings drew the same hidden inputs, and nothing else of the secret."""
    return hmac.new(course_secret(course), b"autograder record", hashlib.sha256).hexdigest()


def _handed_in_hash(path: Path) -> str | None:
    try:
        return hashlib.sha256(read_handed_in(path)).hexdigest()
    except OSError:
        return None
