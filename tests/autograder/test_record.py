"""A grading leaves a record that repeats it, tells nothing secret, and names what differs when it does not."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from autograder.batch import find_submissions, grade_class
from autograder.cli import main
from autograder.course import Course, load_course
from autograder.environment import environment
from autograder.errors import GraderError
from autograder.models import Grade, Outcome
from autograder.record import GradeRecord, read_record
from autograder.regrade import regrade


@pytest.fixture
def copy(course: Course, tmp_path: Path) -> Course:
    """The tiny course, to change."""
    shutil.copytree(course.root, tmp_path / "course")
    return load_course(tmp_path / "course")


def record_of(graded: Path, student: str) -> Path:
    """Where the record of one submission lies."""
    return graded / "records" / student / "words.json"


def test_every_submission_has_a_record(course: Course, graded: Path, grades: dict[str, Grade]) -> None:
    """Records hold the hashes of what was graded and the points of every check."""
    for student, grade in grades.items():
        record = read_record(record_of(graded, student))
        handed_in = graded / "submitted" / student / "words" / "words.ipynb"
        kept = hashlib.sha256(handed_in.read_bytes()).hexdigest() if handed_in.exists() else None
        assert (record.student, record.module, record.submission) == (student, "words", kept)
        assert record.source == hashlib.sha256(course.source("words").read_bytes()).hexdigest()
        assert record.flags == grade.flags
        points = {cell: check.points if check.mark is None else check.mark for cell, check in record.checks.items()}
        assert points == {check.cell: check.points for check in grade.checks}


def test_a_persons_mark_is_kept_beside_the_verdict(graded: Path) -> None:
    """The record tells the grader's own verdict from what a person gave."""
    written = read_record(record_of(graded, "full")).checks["report-text"]
    assert (written.outcome, written.points, written.possible, written.mark) == (Outcome.PENDING, 0, 1, 0.5)


def test_records_tell_nothing_secret(course: Course, graded: Path) -> None:
    """Neither the course's secret nor a seed can be read from a record; the fingerprint only compares."""
    text = record_of(graded, "full").read_text("utf-8")
    assert os.environ["AUTOGRADER_SECRET"] not in text
    first, second = (read_record(record_of(graded, student)).secret for student in ("full", "wrong"))
    assert first == second
    assert len(first) == 64


def test_the_answers_hash_is_of_what_was_graded(graded: Path) -> None:
    """Two files with the same answers differ as files and agree in what was graded."""
    full, old = (read_record(record_of(graded, student)) for student in ("full", "old"))
    assert full.answers == old.answers
    assert full.submission != old.submission
    assert read_record(record_of(graded, "missing")).submission is None


def test_the_environment_is_the_one_that_graded(graded: Path, tmp_path: Path) -> None:
    """Python, platform and packages are this process's; a lock narrows the packages to those it names."""
    record = read_record(record_of(graded, "full"))
    assert record.environment.python == platform.python_version()
    assert record.environment.lock is None
    assert record.environment.packages["papermill"] == version("papermill")
    import setuptools  # noqa: F401 - it puts packages of its own on the path of this process

    assert environment(tmp_path / "none").packages == record.environment.packages
    lock = tmp_path / "requirements.lock"
    lock.write_text("papermill==0.1 \\\n    --hash=sha256:ab\nno-such-package==1\n", "utf-8")
    locked = environment(lock)
    assert locked.packages == {"papermill": version("papermill")}
    assert locked.lock == hashlib.sha256(lock.read_bytes()).hexdigest()


def test_regrading_gives_the_same_points(course: Course, graded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`autograder regrade --record FILE` grades the kept submission again and finds every check equal."""
    for student in ("full", "wrong", "missing"):
        arguments = ["--course", str(course.root), "regrade", "--record", str(record_of(graded, student))]
        for options in ([], ["--no-sandbox"]):
            assert main([*arguments, *options]) == 0
            assert capsys.readouterr().out == f"{student}, words: 6 checks, the same points\n"


def test_regrading_another_submission_names_what_differs(
    course: Course, graded: Path, submissions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With another notebook the points differ, the command fails, and the file is named as the cause."""
    other = submissions / "wrong" / "words" / "words.ipynb"
    arguments = ["--course", str(course.root), "regrade", "--record", str(record_of(graded, "full"))]
    assert main([*arguments, "--submission", str(other)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "full, words: 6 checks, 3 give other points"
    assert "  points: theory-rare-check: 1 then (passed), 0 now (failed)" in lines
    assert lines[4:] == [
        "  since the record: the submitted file changed",
        "  since the record: the answers in it changed",
    ]


def test_changed_surroundings_are_named(
    copy: Course, graded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed module, course, secret or environment is told, whether or not points differ."""
    source = copy.source("words")
    source.write_text(source.read_text("utf-8").replace("A small course", "A tiny course"), "utf-8")
    toml = copy.root / "solutions" / "course.toml"
    toml.write_text(toml.read_text("utf-8") + "\n# longer\n", "utf-8")
    kept = json.loads(record_of(graded, "full").read_text("utf-8"))
    kept["environment"] |= {"python": "3.9.0", "lock": "ab"}
    kept["environment"]["packages"] |= {"papermill": "0.1", "gone": "2"}
    record = tmp_path / "records" / "full" / "words.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps(kept), "utf-8")
    monkeypatch.setenv("AUTOGRADER_SECRET", "another")
    found = regrade(load_course(copy.root), record, graded / "submitted" / "full" / "words" / "words.ipynb")
    assert found.equal
    assert found.causes == (
        "the module's source, words changed",
        "course.toml changed",
        "the course's secret, and so the hidden inputs changed",
        f"python: 3.9.0 then, {platform.python_version()} now",
        "requirements.lock changed",
        "package gone: 2 then, none now",
        f"package papermill: 0.1 then, {version('papermill')} now",
    )


def test_a_check_that_came_or_went_is_named(course: Course, graded: Path, tmp_path: Path) -> None:
    """Points cannot be equal where there is nothing to compare with."""
    record = read_record(record_of(graded, "missing"))
    checks = {("gone" if cell == "report-text" else cell): check for cell, check in record.checks.items()}
    path = tmp_path / "records" / "missing" / "words.json"
    path.parent.mkdir(parents=True)
    path.write_text(GradeRecord.model_validate({**dict(record), "checks": checks}).model_dump_json(), "utf-8")
    assert regrade(course, path).points == ("gone: is gone", "report-text: is new")


def test_records_that_cannot_be_used_say_why(course: Course, graded: Path, tmp_path: Path) -> None:
    """No record, something else, or a record whose submission is gone: each names the way out."""
    with pytest.raises(GraderError, match="does not exist; `autograder grade` writes DIR/records"):
        read_record(tmp_path / "no.json")
    (tmp_path / "other.json").write_text("{}", "utf-8")
    with pytest.raises(GraderError, match=r"other.json is no grade record: Field required"):
        read_record(tmp_path / "other.json")
    alone = tmp_path / "records" / "full" / "words.json"
    alone.parent.mkdir(parents=True)
    shutil.copy(record_of(graded, "full"), alone)
    with pytest.raises(GraderError, match="name the notebook that was graded with --submission"):
        regrade(course, alone)


def test_grading_again_keeps_marks_and_records_them(course: Course, submissions: Path, tmp_path: Path) -> None:
    """`autograder grade` run a second time keeps what formgrader wrote, in the grades and in the record."""
    shutil.copytree(submissions / "old", tmp_path / "students" / "old")
    arguments = ["--course", str(course.root), "grade", str(tmp_path / "students"), "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    with Gradebook(f"sqlite:///{tmp_path / 'out' / 'gradebook.db'}") as book:
        entry = book.find_grade("report-text", "words", "words", "old")
        entry.manual_score, entry.needs_manual_grade = 1.0, False
        book.db.commit()
    assert main(arguments) == 0
    (grade,) = json.loads((tmp_path / "out" / "grades.json").read_text("utf-8"))
    assert (grade["report"], grade["pending"], grade["total"]) == (1, 0, 10)
    assert read_record(record_of(tmp_path / "out", "old")).checks["report-text"].mark == 1
    (again,) = grade_class(course, find_submissions(course, tmp_path / "students"), tmp_path / "out")
    assert again.total == 10
