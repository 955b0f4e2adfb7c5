"""nbgrader's gradebook and folders, so that formgrader, feedback and export work as instructors know them."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import nbgrader
from alembic.config import Config
from alembic.script import ScriptDirectory
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
    SaveCells,
)
from nbgrader.utils import parse_utc
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from autograder.build import CODE_STUB, TEXT_STUB, instructor_notebook, nbgrader_config
from autograder.course import Course
from autograder.errors import GraderError
from autograder.grading import Graded
from autograder.late import late_penalty, started_days
from autograder.merge import read_handed_in
from autograder.models import CheckResult, Grade, Lab, Outcome
from autograder.score import grade as score_grade
from autograder.score import marked, unmarked

_CONFIG = '''"""nbgrader's settings for this graded class: `cd` here and run `nbgrader formgrade` or `jupyter lab`."""

c = get_config()  # noqa: F821 - nbgrader provides it
c.CourseDirectory.root = __file__.rsplit("/", 1)[0]
c.CourseDirectory.db_url = "sqlite:///" + c.CourseDirectory.root + "/gradebook.db"
c.ExportPlugin.to = "nbgrader-grades.csv"
c.ClearSolutions.code_stub = {{"python": {code!r}}}
c.ClearSolutions.text_stub = {text!r}
# Formgrader and feedback show what students' code put out: text and pictures, nothing that a browser would run.
c.HTMLExporter.preprocessors = ["nbconvert.preprocessors.sanitize.SanitizeHTML"]
c.SanitizeHTML.safe_output_keys = {{"text/plain", "image/png", "image/jpeg", "metadata"}}
c.SanitizeHTML.sanitized_output_types = set()
'''


Marks = dict[tuple[str, str, str], float]


def read_marks(path: Path) -> Marks:
    """A person's marks from a CSV with the columns student, module, cell, points."""
    marks: Marks = {}
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                marks[row["student"], row["module"], row["cell"]] = float(row["points"])
            except (KeyError, TypeError, ValueError) as error:
                raise GraderError(
                    f"{path}:{number}: want student,module,cell,points with a number; got {row}"
                ) from error
    return marks


@contextlib.contextmanager
def book_trouble(folder: Path) -> Iterator[None]:
    """Whatever SQLite refuses inside becomes a GraderError that says how to go on."""
    try:
        yield
    except OperationalError as error:
        raise GraderError(
            f"{folder / 'gradebook.db'} cannot be written: {error.orig}. Close what holds it (formgrader, another run) "
            "or make room, then give the same command again: it goes on from here"
        ) from error


class ClassBook:
    """The gradebook of one graded class in `folder`; all writes come from this one process."""

    def __init__(self, folder: Path, marks: Marks | None = None) -> None:
        self.folder = folder
        self._marks = marks or {}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "nbgrader_config.py").write_text(_CONFIG.format(code=CODE_STUB, text=TEXT_STUB), "utf-8")
        self.url = f"sqlite:///{folder / 'gradebook.db'}"
        with book_trouble(folder):
            _begin(self.url)
            self._book = Gradebook(self.url)

    def close(self) -> None:
        self._book.close()

    def add_module(self, lab: Lab, due: dt.datetime | None = None) -> None:
        """Enter the module's graded cells, and its source notebook for nbgrader's own commands."""
        self.set_due(lab, due)
        assignment, name = lab.gradebook_names
        source = self.folder / "source" / assignment / f"{name}.ipynb"
        source.parent.mkdir(parents=True, exist_ok=True)
        notebook = instructor_notebook(lab)
        nbformat.write(notebook, source)
        resources = {"nbgrader": {"notebook": name, "assignment": assignment, "db_url": self.url}}
        for step in (LockCells, ClearSolutions, ClearOutput, CheckCellMetadata, ComputeChecksums, SaveCells):
            notebook, resources = step(parent=None, config=nbgrader_config()).preprocess(notebook, resources)
        self._book.db.expire_all()

    def set_due(self, lab: Lab, due: dt.datetime | None) -> None:
        """Enter when a module is due; an extension that nbgrader granted to a student counts from there."""
        self._book.update_or_create_assignment(lab.gradebook_names[0], duedate=due)

    def save(self, lab: Lab, graded: Graded, handed_in: Path | None, course: Course) -> Grade:
        """Write one submission: notebooks, scores, and marks given by a person; returns the final grade."""
        student = graded.grade.student
        self._write_notebooks(lab, graded, handed_in)
        self._book.update_or_create_student(student)
        with self._book.db.no_autoflush:  # nbgrader builds the submission's rows before it adds the submission
            self._book.update_or_create_submission(lab.gradebook_names[0], student, timestamp=_handed_in_at(handed_in))
        grade = graded.grade
        if handed_in and (stamp := handed_in.with_name("timestamp.txt")).is_file() and not stamped(stamp):
            unread = "timestamp.txt holds no moment in time: the notebook's own file time counts"
            grade = grade.model_copy(update={"flags": (*grade.flags, unread)})
        return self.settle(lab, grade, course)

    def settle(self, lab: Lab, grade: Grade, course: Course) -> Grade:
        """`grade` with the marks, comments and lateness that the book knows now, entered there and compared."""
        student, module = grade.student, lab.module
        try:
            assignment, notebook = lab.gradebook_names
            row = self._book.find_submission_notebook(notebook, assignment, student)
        except MissingEntry:
            raise GraderError(f"gradebook.db has no submission of {student}/{module}: grade the class again") from None
        entries = {entry.name: entry for entry in row.grades}
        checks = [self._entered(entries[check.cell], unmarked(check), grade) for check in grade.checks]
        policy = course.late_policy(module)
        days = started_days(row.assignment.total_seconds_late, policy)
        penalty = late_penalty(days, policy, grade.possible)
        final = score_grade(student, module, checks, course.rubric, late_days=days, penalty=penalty)
        row.late_submission_penalty = final.late_penalty
        comments = {entry.name: entry.manual_comment for entry in row.comments if entry.manual_comment}
        self._book.db.commit()
        _reconcile(row, final)
        return final.model_copy(update={"flags": grade.flags, "seconds": grade.seconds, "comments": comments})

    def _entered(self, entry: Any, check: CheckResult, grade: Grade) -> CheckResult:
        """Enter one cell's points; a person's mark, given now or earlier, wins over the automatic score."""
        mark = self._marks.get((grade.student, grade.module, check.cell), entry.manual_score)
        if mark is not None and not 0 <= mark <= check.possible:
            raise GraderError(f"{grade.student}: {mark:g} points for {check.cell}, which gives 0 to {check.possible:g}")
        entry.manual_score = mark
        entry.auto_score = None if check.outcome is Outcome.PENDING else check.points
        entry.needs_manual_grade = mark is None and check.outcome in (Outcome.PENDING, Outcome.ERRORED)
        return check if mark is None else marked(check, mark)

    def _write_notebooks(self, lab: Lab, graded: Graded, handed_in: Path | None) -> None:
        student, (assignment, notebook) = graded.grade.student, lab.gradebook_names
        handed_in_at = _handed_in_at(handed_in)
        for kind in ("submitted", "autograded"):
            folder = self.folder / kind / student / assignment
            folder.mkdir(parents=True, exist_ok=True)
            if handed_in_at:  # formgrader takes a submission for ungraded unless these say the same moment
                (folder / "timestamp.txt").write_text(f"{handed_in_at.isoformat(' ')} UTC\n", "utf-8")
        autograded = self.folder / "autograded" / student / assignment / f"{notebook}.ipynb"
        # Outputs are the student's: they may hold half of a surrogate pair, which no file can.
        autograded.write_text(f"{nbformat.writes(graded.notebook)}\n", "utf-8", errors="replace")
        if handed_in is None:
            return
        try:
            copy = read_handed_in(handed_in)
        except OSError:
            return  # the grade's flags say what is wrong with the file
        (self.folder / "submitted" / student / assignment / f"{notebook}.ipynb").write_bytes(copy)


def _begin(url: str) -> None:
    """Note in an empty gradebook which version of nbgrader's tables it will hold; nbgrader makes the tables.

    Left to itself it starts a second Python to ask for that version, which takes longer than to grade a student.
    """
    engine = create_engine(url)
    with engine.begin() as book:
        if not inspect(book).get_table_names():
            book.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
            book.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": _version()})
    engine.dispose()


@cache
def _version() -> str | None:
    config = Config()
    config.set_main_option("script_location", str(Path(nbgrader.__file__).with_name("alembic")))
    return ScriptDirectory.from_config(config).get_current_head()


def _reconcile(row: Any, final: Grade) -> None:
    """Compare nbgrader's own sum, over what it has stored, with ours."""
    kept = row.score - row.late_submission_penalty
    if abs(kept - final.total) > 1e-9:
        raise GraderError(
            f"gradebook.db says {kept:g} for {final.student}/{final.module}, the checks and marks give "
            f"{final.total:g}. Extra credit does not count here: put it into the mark, in formgrader"
        )


def _handed_in_at(path: Path | None) -> dt.datetime | None:
    """When the notebook at `path` came in, in UTC: the timestamp.txt beside it, else the file's own time."""
    if path is None or not path.is_file():
        return None
    stamp = path.with_name("timestamp.txt")
    if stamp.is_file() and (moment := stamped(stamp)):
        return moment
    return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).replace(tzinfo=None)


def stamped(stamp: Path) -> dt.datetime | None:
    """The moment in nbgrader's timestamp.txt, in UTC; None when it holds none, since students hand in anything."""
    try:
        with stamp.open(encoding="utf-8") as file:
            # nbgrader takes an offset that stands apart, "23:59:00 +0200", for 200 seconds.
            moment = re.sub(r" (?=[+-]\d\d:?\d\d$)", "", file.read(100).strip())
            return parse_utc(moment)  # type: ignore[no-any-return]
    except (OSError, ValueError, OverflowError):
        return None
